internal import InsightsPlugin

/// What ends a run from outside: an operator, time, a shutdown.
extension Planner {
    /// Cancels a run, wherever it stands; one that is over but for its record is left alone.
    mutating func cancel(_ slot: Int32, _ cause: CancelCause) {
        switch runs[slot].phase {
        case .free: break
        case .claiming, .starting: if runs[slot].cause == .none { runs[slot].cause = cause }
        case .finishing, .lingering: if runs[slot].sequel == .retry { runs[slot].cause = cause }
        case .waiting, .held, .ready, .retrying, .parked:
            timers.remove(slot)
            runs[slot].cause = cause
            finishUnstarted(slot)
        case .running:
            // A shutdown's cause gives way: what an operator cancels does not come back.
            guard runs[slot].cause == .none || runs[slot].cause == .shutdown else { return }
            if runs[slot].cause == .none { abort(slot) }
            runs[slot].cause = cause
        }
    }

    private mutating func abort(_ slot: Int32) {
        out.append(.abort(runs.name(of: slot)))
        timers.set(slot, due: now.uptime + patience)
    }

    /// A run's timer has fired.
    mutating func timeUp(_ slot: Int32) {
        switch runs[slot].phase {
        case .retrying: makeReady(slot)
        case .running where runs[slot].cause == .none: passDeadline(slot)
        case .running, .finishing, .lingering: giveUp(slot)
        case .free, .claiming, .waiting, .held, .ready, .starting, .parked: break
        }
    }

    /// The attempt's time is over: that is recorded now, whenever the code comes back.
    private mutating func passDeadline(_ slot: Int32) {
        abort(slot)
        runs[slot].cause = .deadline
        let timeout = settings(runs[slot].task).policy.timeout
        let error = RunError(
            code: "timed_out", message: "it took longer than its timeout of \(DurationText.format(timeout))",
            isRetryable: true)
        fail(slot, error, as: .timedOut)
    }

    /// The code did not come back in time after it was cancelled.
    private mutating func giveUp(_ slot: Int32) {
        out.append(.abandon(runs.name(of: slot)))
        observe(.abandoned(task: label(of: slot), run: runs[slot].id, attempt: Int(runs[slot].attempt)))
        comeBack(slot, .cancelled)
    }

    /// The grace period is over: what still runs is cancelled, and ends as `interrupted` unless it succeeds first.
    mutating func cutShort() {
        isStopping = true
        for index in runs.slots.indices where runs.slots[index].phase == .running {
            cancel(Int32(index), .shutdown)
        }
    }

    /// After a shutdown: tells once that no code is going on and no answer is awaited.
    mutating func noteDrained() {
        guard isStopping, !hasDrained, attemptsGoing == 0, writesPending == 0 else { return }
        hasDrained = true
        out.append(.drained)
    }
}
