internal import InsightsPlugin

/// An attempt's life: claim or start, code, end; and the store's answers in between.
extension Planner {
    /// Takes the store's answer to a run's write; a late or doubled one is ignored.
    mutating func settle(_ name: RunSlot, _ step: WriteStep, _ outcome: WriteOutcome) {
        guard let slot = runs.index(of: name) else { return }
        switch (step, runs[slot].phase) {
        case (.claim, .claiming), (.start, .starting), (.finish, .finishing): break
        default: return
        }
        writesPending -= 1
        if step != .finish { startsPending -= 1 }
        tellAsker(of: slot, isStored: outcome == .done)
        switch (step, outcome) {
        case (.claim, .done): claimed(slot)
        case (.start, .done):
            runs[slot].fence += 1
            runs[slot].attempt += 1
            begin(slot)
        case (.finish, .done): finished(slot)
        case (.finish, .rejected(let error)): finishRejected(slot, error)
        case (.claim, _), (.start, _), (.finish, _): refuse(slot)
        }
    }

    private mutating func claimed(_ slot: Int32) {
        let run = runs[slot]
        if run.flags.contains(.startsWithClaim) {
            runs[slot].fence = 1
            runs[slot].attempt = 1
            begin(slot)
        } else if run.cause != .none {
            finishUnstarted(slot)
        } else if run.flags.contains(.isWaiting) {
            runs[slot].phase = .waiting
            promote(run.task)
        } else if run.flags.contains(.isLive) {
            makeReady(slot)
        } else {
            hold(slot)
        }
    }

    /// Another has the run, or the attempt: forget it, whatever it was about to do.
    private mutating func refuse(_ slot: Int32) {
        observe(.refused(task: label(of: slot), run: runs[slot].id))
        if runs[slot].flags.contains(.hasCode) { out.append(.abandon(runs.name(of: slot))) }
        drop(slot)
    }

    /// Starts the next attempt of a run that has been claimed; it has a place.
    mutating func startAttempt(_ slot: Int32) {
        takePlace(slot)
        // From here on a late answer of the former attempt's code names a run that is no more.
        if runs[slot].attempt > 0 { runs[slot].generation &+= 1 }
        runs[slot].phase = .starting
        let run = runs[slot]
        let start = AttemptStart(
            run: run.id, fence: run.fence, attempt: Int(run.attempt) + 1, at: now.wall,
            lateness: run.attempt == 0 ? lateness(of: slot) : nil)
        write(.start(start), slot, .start)
    }

    /// Runs the code of an attempt whose start is durable, unless it is not wanted any more.
    private mutating func begin(_ slot: Int32) {
        if runs[slot].cause != .none { return finishUnstarted(slot) }
        if isStopping { return finish(slot, .interrupted, reason: "shutdown") }
        runs[slot].phase = .running
        runs[slot].flags.insert(.hasCode)
        attemptsGoing += 1
        if runs[slot].firstStart == PlannedTask.none { runs[slot].firstStart = now.uptime }
        let run = runs[slot]
        let definition = definition(run.task)
        let timeout = definition.settings.policy.timeout.wholeMilliseconds
        timers.set(slot, due: now.uptime.addingReportingOverflow(timeout).overflow ? .max : now.uptime + timeout)
        let state = tasks[Int(run.task)]
        out.execute(
            runs.name(of: slot),
            AttemptSpec(
                run: run.id, task: state.id, definition: definition,
                scheduledAt: Instant(milliseconds: run.scheduledAt), attempt: Int(run.attempt), fence: run.fence,
                deadline: now.wall.advanced(by: definition.settings.policy.timeout),
                lastSuccessAt: state.lastSuccess == PlannedTask.none ? nil : Instant(milliseconds: state.lastSuccess),
                trigger: run.trigger))
        observe(
            .started(
                task: label(run.task), run: run.id, attempt: Int(run.attempt), trigger: run.trigger,
                lateness: run.attempt == 1 ? lateness(of: slot) : nil))
    }

    /// An attempt's code has come back.
    mutating func end(_ name: RunSlot, _ result: AttemptResult) {
        guard let slot = runs.index(of: name), runs[slot].flags.contains(.hasCode) else { return }
        comeBack(slot, result)
    }

    /// Code has come back, or was given up.
    mutating func comeBack(_ slot: Int32, _ result: AttemptResult) {
        let phase = runs[slot].phase
        codeGone(slot)
        if phase == .running { conclude(slot, result) } else { lingered(slot) }
    }

    private mutating func codeGone(_ slot: Int32) {
        runs[slot].flags.remove(.hasCode)
        attemptsGoing -= 1
        timers.remove(slot)
        releasePlace(slot)
    }

    /// The code of an attempt whose end was decided before has come back or was given up.
    private mutating func lingered(_ slot: Int32) {
        let run = runs[slot]
        if run.sequel == .final {
            unlink(slot)
            promote(run.task)
        }
        guard run.phase == .lingering else { return }
        if run.sequel == .retry { awaitRetry(slot) } else { free(slot) }
    }

    /// What an attempt's result makes of the run.
    private mutating func conclude(_ slot: Int32, _ result: AttemptResult) {
        switch (result, runs[slot].cause) {
        case (.succeeded(let summary), _): finish(slot, .final(.succeeded, reason: nil), summary: summary)
        case (.failed(let error), .none): fail(slot, error)
        case (.cancelled, .none):
            fail(slot, RunError(code: "cancelled", message: "the module gave up by itself", isRetryable: true))
        case (_, .shutdown): finish(slot, .interrupted, reason: "shutdown")
        case (_, .removed), (_, .disabled), (_, .replaced), (_, .operator), (_, .displaced), (_, .upstreamFailed),
            (_, .deadline):
            finishUnstarted(slot)
        }
    }

    /// Ends an attempt that failed or ran out of time: with a further attempt if `retry` has one left.
    mutating func fail(_ slot: Int32, _ error: RunError, as status: RunStatus = .failed) {
        let retry = settings(runs[slot].task).policy.retry
        runs[slot].failures += 1
        guard error.isRetryable, Int(runs[slot].failures) < retry.attempts else {
            return finish(slot, .final(status, reason: nil), error: error, countsAsFailure: true)
        }
        let delay = retryDelay(retry, failures: Int(runs[slot].failures))
        let at = max(now.wall.advanced(by: .milliseconds(delay)), error.retryAt ?? now.wall)
        runs[slot].mark = uptime(at)
        finish(slot, .retrying(at: at), error: error, countsAsFailure: true)
    }

    /// Full jitter: evenly from nothing to a bound that grows with each failure, so that what failed together does
    /// not come back together.
    private mutating func retryDelay(_ retry: Retry, failures: Int) -> Int64 {
        var bound = Double(retry.delay.wholeMilliseconds)
        let most = Double(retry.maxDelay.wholeMilliseconds)
        for _ in 1..<failures where bound < most { bound *= retry.factor }
        return Int64.random(in: 0...Int64(max(0, min(bound, most))), using: &random)
    }

    /// When `instant` will have come by elapsed time.
    func uptime(_ instant: Instant) -> Int64 {
        let wait = max(0, instant.since(now.wall).wholeMilliseconds)
        let (uptime, overflow) = now.uptime.addingReportingOverflow(wait)
        return overflow ? .max : uptime
    }

    // MARK: Ends

    /// Ends a run that was cancelled, or whose turn was taken from it.
    mutating func finishUnstarted(_ slot: Int32) {
        let disposition: Disposition =
            switch runs[slot].cause {
            case .displaced: .final(.skipped, reason: SkipReason.overlap.rawValue)
            case .upstreamFailed: .final(.skipped, reason: SkipReason.upstreamFailed.rawValue)
            case .replaced: .final(.cancelled, reason: "replaced")
            case .removed: .final(.cancelled, reason: "removed")
            case .disabled: .final(.cancelled, reason: "disabled")
            case .shutdown: .final(.cancelled, reason: SkipReason.shutdown.rawValue)
            case .none, .operator, .deadline: .final(.cancelled, reason: "operator")
            }
        finish(slot, disposition)
    }

    /// Writes the end of an attempt or of a run.
    mutating func finish(
        _ slot: Int32, _ disposition: Disposition, reason: String? = nil, error: RunError? = nil,
        summary: String? = nil, countsAsFailure: Bool = false
    ) {
        var finish = AttemptFinish(
            run: runs[slot].id, task: taskID(of: slot), fence: runs[slot].fence, disposition: disposition, at: now.wall,
            duration: duration(of: slot), error: error, summary: summary, countsAsFailure: countsAsFailure)
        let task = runs[slot].task
        let hasCode = runs[slot].flags.contains(.hasCode)
        runs[slot].phase = .finishing
        switch disposition {
        case .final(let status, let reason):
            runs[slot].sequel = .final
            runs[slot].mark = now.uptime
            if status != .succeeded {
                details[slot, default: RunDetails()].ending = .init(status: status, reason: reason, error: error)
            }
            tellDependents(of: slot, status, reason, in: &finish)
        case .retrying(let at):
            runs[slot].sequel = .retry
            details[slot, default: RunDetails()].ending = .init(status: .retrying, reason: nil, error: error)
            if let error {
                observe(
                    .retrying(
                        task: label(of: slot), run: runs[slot].id, attempt: Int(runs[slot].attempt), error: error,
                        at: at))
            }
        case .interrupted: runs[slot].sequel = .interrupted
        }
        write(.finish(finish), slot, .finish)
        if !hasCode {
            releasePlace(slot)
            // The run is over but for its record, which must not keep the next one waiting.
            if runs[slot].sequel == .final {
                unlink(slot)
                promote(task)
            }
        }
        if runs[slot].sequel == .final { memberEnded(slot) }
    }

    private func duration(of slot: Int32) -> Duration? {
        let start = runs[slot].firstStart
        return start == PlannedTask.none ? nil : .milliseconds(now.uptime - start)
    }

    func taskID(of slot: Int32) -> TaskID {
        let task = runs[slot].task
        return task >= 0 ? tasks[Int(task)].id : details[slot]?.taskID ?? TaskID(0)
    }

    /// The end of an attempt, or of the run, is durable.
    private mutating func finished(_ slot: Int32) {
        let run = runs[slot]
        if run.sequel == .final { tellEnd(of: slot) }
        if run.flags.contains(.hasCode) {
            runs[slot].phase = .lingering
        } else if run.sequel == .retry {
            awaitRetry(slot)
        } else {
            free(slot)
        }
    }

    private mutating func tellEnd(of slot: Int32) {
        let run = runs[slot]
        let duration: Duration? =
            run.firstStart == PlannedTask.none ? nil : .milliseconds(run.mark - run.firstStart)
        let label = label(of: slot)
        guard !details.isEmpty, let details = details[slot], let ending = details.ending else {
            if run.task >= 0 {
                // With `overlap: allow` an older run may be the last to end.
                tasks[Int(run.task)].lastSuccess = max(tasks[Int(run.task)].lastSuccess, run.scheduledAt)
            }
            observe(
                .finished(
                    task: label, run: run.id, attempt: Int(run.attempt), status: .succeeded, reason: nil,
                    duration: duration, error: nil))
            followSuccess(of: slot)
            memberSucceeded(slot)
            return
        }
        observe(
            .finished(
                task: label, run: run.id, attempt: Int(run.attempt), status: ending.status, reason: ending.reason,
                duration: duration, error: ending.error))
        if ending.status == .skipped, let reason = ending.reason.flatMap(SkipReason.init) {
            observe(.skipped(task: label, reason: reason, count: 1))
        }
        for task in details.skippedTasks { observe(.skipped(task: task, reason: .upstreamFailed, count: 1)) }
    }

    /// What the attempt handed over cannot be stored: the run fails with that reason. A failure that cannot be
    /// stored either is left to the next process.
    private mutating func finishRejected(_ slot: Int32, _ error: RunError) {
        guard !runs[slot].flags.contains(.wasRejected) else { return refuse(slot) }
        runs[slot].flags.insert(.wasRejected)
        finish(slot, .final(.failed, reason: nil), error: error, countsAsFailure: true)
    }

    private mutating func awaitRetry(_ slot: Int32) {
        details[slot]?.ending = nil
        if runs[slot].cause != .none && runs[slot].cause != .deadline { return finishUnstarted(slot) }
        runs[slot].cause = .none
        if runs[slot].mark > now.uptime {
            runs[slot].phase = .retrying
            timers.set(slot, due: runs[slot].mark)
        } else {
            makeReady(slot)
        }
    }

    /// Forgets a run without a word to the store.
    mutating func drop(_ slot: Int32) {
        let task = runs[slot].task
        if runs[slot].flags.contains(.hasCode) { codeGone(slot) }
        tellAsker(of: slot, isStored: false)
        timers.remove(slot)
        releasePlace(slot)
        unlink(slot)
        if details[slot] != nil || runs[slot].flags.contains(.isGrouped) {
            details[slot, default: RunDetails()].ending = .init(status: .cancelled, reason: nil, error: nil)
            memberEnded(slot)
        }
        free(slot)
        promote(task)
    }

    mutating func free(_ slot: Int32) {
        unlink(slot)
        // Few runs have any, and looking costs more than the rest.
        if !details.isEmpty { details[slot] = nil }
        runs.remove(slot)
    }
}
