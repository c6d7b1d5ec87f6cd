package import InsightsPlugin

/// What made a run.
package enum Trigger: String, Sendable, CaseIterable {
    case cadence
    case catchUp = "catch_up"
    case after
    case manual
    case start
}

/// Where a run stands.
package enum RunStatus: String, Sendable, CaseIterable {
    case queued
    case running
    case retrying
    case interrupted
    case succeeded
    case failed
    case timedOut = "timed_out"
    case cancelled
    case skipped

    /// Whether nothing will follow.
    package var isFinal: Bool {
        switch self {
        case .queued, .running, .retrying, .interrupted: false
        case .succeeded, .failed, .timedOut, .cancelled, .skipped: true
        }
    }
}

/// Why an occurrence was not run.
package enum SkipReason: String, Sendable, CaseIterable {
    case overlap
    case catchUp = "catch_up"
    case paused
    case upstreamFailed = "upstream_failed"
    case shutdown
}

/// What ended a run or an attempt without success.
package struct RunError: Hashable, Sendable {
    package var code: String
    package var message: String
    package var isRetryable: Bool
    package var retryAt: Instant?

    package init(code: String, message: String, isRetryable: Bool, retryAt: Instant? = nil) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.retryAt = retryAt
    }

    package init(_ failure: RunFailure) {
        self.init(
            code: failure.code, message: failure.message, isRetryable: failure.isRetryable, retryAt: failure.retryAt)
    }

    package var json: Value {
        .object([
            "code": .string(code), "message": .string(message), "retryable": .bool(isRetryable),
            "retry_at": Value(retryAt),
        ])
    }
}

/// A run as it is stored and shown.
package struct RunRecord: Sendable {
    package var id: RunID
    package var task: String
    package var uses: String
    package var trigger: Trigger
    package var scheduledAt: Instant
    package var startedAt: Instant?
    package var finishedAt: Instant?
    package var status: RunStatus
    /// A skip's reason, or what cancelled or interrupted the run.
    package var reason: String?
    /// The last attempt started; 0 before the first.
    package var attempt: Int
    /// How many `retry` allows.
    package var attempts: Int
    package var node: String?
    /// From the first start to the end, by a clock that does not step.
    package var duration: Duration?
    /// The first start less the scheduled instant and its jitter.
    package var lateness: Duration?
    /// How many samples were stored.
    package var samples: Int
    package var summary: String?
    /// 1 but in a record of several skipped occurrences.
    package var count: Int
    /// The last of several skipped occurrences.
    package var until: Instant?
    package var error: RunError?

    package init(
        id: RunID, task: String, uses: String, trigger: Trigger, scheduledAt: Instant, startedAt: Instant? = nil,
        finishedAt: Instant? = nil, status: RunStatus, reason: String? = nil, attempt: Int = 0, attempts: Int = 1,
        node: String? = nil, duration: Duration? = nil, lateness: Duration? = nil, samples: Int = 0,
        summary: String? = nil, count: Int = 1, until: Instant? = nil, error: RunError? = nil
    ) {
        self.id = id
        self.task = task
        self.uses = uses
        self.trigger = trigger
        self.scheduledAt = scheduledAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.status = status
        self.reason = reason
        self.attempt = attempt
        self.attempts = attempts
        self.node = node
        self.duration = duration
        self.lateness = lateness
        self.samples = samples
        self.summary = summary
        self.count = count
        self.until = until
        self.error = error
    }

    /// The JSON shape `Run`: every key is there, unknown is `null`.
    package var json: Value {
        .object([
            "id": .string(id.description), "task": .string(task), "uses": .string(uses),
            "trigger": .string(trigger.rawValue), "scheduled_at": Value(scheduledAt), "started_at": Value(startedAt),
            "finished_at": Value(finishedAt), "status": .string(status.rawValue), "reason": Value(reason),
            "attempt": .integer(Int64(attempt)), "attempts": .integer(Int64(attempts)), "node": Value(node),
            "duration_seconds": Value(duration), "lateness_seconds": Value(lateness),
            "samples": .integer(Int64(samples)), "summary": Value(summary), "count": .integer(Int64(count)),
            "until": Value(until), "error": error?.json ?? .null,
        ])
    }
}
