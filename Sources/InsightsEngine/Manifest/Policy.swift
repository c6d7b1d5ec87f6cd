package import InsightsPlugin

/// What a new process does at once about a task.
package enum OnStart: String, Sendable, CaseIterable {
    case overdue
    case always
    case never
}

/// What becomes of occurrences missed while nothing ran.
package enum CatchUp: String, Sendable, CaseIterable {
    case latest
    case all
    case none
}

/// What happens when the former run is still going.
package enum Overlap: String, Sendable, CaseIterable {
    case skip
    case queue
    case replace
    case allow
}

/// What becomes of an attempt whose node died.
package enum OnLost: String, Sendable, CaseIterable {
    case restart
    case fail
}

/// When a failed run is tried again.
package struct Retry: Hashable, Sendable {
    /// Attempts in all, 1…100.
    package var attempts: Int
    /// Before the second attempt, at most: the delay is drawn from zero to this ("full jitter").
    package var delay: Duration
    /// The bound grows by this from attempt to attempt; at least 1.
    package var factor: Double
    /// The bound never exceeds this.
    package var maxDelay: Duration

    package init(
        attempts: Int = 1, delay: Duration = .seconds(30), factor: Double = 2, maxDelay: Duration = .seconds(1800)
    ) {
        self.attempts = attempts
        self.delay = delay
        self.factor = factor
        self.maxDelay = maxDelay
    }
}

/// The policy keys of a task, after `defaults` and the module's own wishes have been applied.
package struct Policy: Hashable, Sendable {
    package var onStart: OnStart = .overdue
    package var catchUp: CatchUp = .latest
    /// 1…10 000.
    package var catchUpLimit: Int = 100
    package var overlap: Overlap = .skip
    /// The start is delayed by up to this.
    package var jitter: Duration = .zero
    package var timeout: Duration = .seconds(3600)
    package var retry: Retry = Retry()
    package var onLost: OnLost = .restart
    /// −100…100, higher first.
    package var priority: Int = 0
    /// A name under `groups`.
    package var group: String?
    /// Whether it runs on the pool for blocking or CPU-bound work.
    package var isBlocking: Bool = false
    /// How long finished runs and their logs are kept.
    package var keep: Duration = .seconds(180 * 86_400)
    /// How long the source keeps its data.
    package var retention: Duration?

    package init() {}
}

/// When a task is due.
package enum Cadence: Hashable, Sendable {
    /// An interval of elapsed time in milliseconds, ≥ 100; `starting` anchors the grid.
    case every(milliseconds: Int64, starting: Instant?)
    /// A wall-clock schedule.
    case cron(CronSchedule)
    /// After each of these tasks has succeeded since this one last started.
    case after([String])
}
