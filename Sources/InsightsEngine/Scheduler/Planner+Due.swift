internal import InsightsPlugin

/// What fell due: which occurrences are missed, and what `on_start` and `catch_up` make of them.
extension Planner {
    /// A due occurrence that is to become a run, unless a pause or `overlap` forbids it.
    struct Candidate: Sendable {
        var task: Int32
        var occurrence: Int64
        var trigger: Trigger
        /// Whether it is missed when its turn comes too late; the first run of a task is not.
        var canBeMissed = false
    }

    /// Consecutive occurrences that are due, and the first that is not.
    private struct DueSpan {
        var first: Int64
        var newest: Int64
        var count: Int
        var following: Int64
    }

    /// Decides everything that is due, unless nothing may be claimed.
    ///
    /// - Parameter isAfterOutage: Whether what is due fell due while the store was away.
    mutating func startDue(isAfterOutage: Bool = false) {
        guard isStoreAvailable, !isStopping else { return }
        if !isBulk { bulkSince = now.uptime }
        isBulk = false
        while let first = due.first, first.due <= now.wall.milliseconds {
            if candidates.count >= admissions {
                isBulk = true
                // Of one priority they come in the order of their rank, and the rest can be decided later.
                if isOfOnePriority, !isAfterOutage { break }
            }
            if tasks[Int(first.task)].flags.contains(.follows) {
                due.removeFirst()
                startFollower(first.task)
            } else {
                decide(first.task, isAfterOutage: isAfterOutage)
            }
        }
        rankCandidates()
        startPiece()
    }

    /// Decides and admits the rest of what is due, if more was than one call admits.
    mutating func finishBulk() {
        startCandidates()
        while hasMore {
            startDue()
            startCandidates()
        }
    }

    mutating func noteStore(_ isAvailable: Bool) {
        let isBack = isAvailable && !isStoreAvailable
        isStoreAvailable = isAvailable
        if isBack { startDue(isAfterOutage: true) }
    }

    /// Decides what is due of the task at the head of the queue, and puts its next occurrence there.
    private mutating func decide(_ task: Int32, isAfterOutage: Bool) {
        let index = Int(task)
        let policy = definitions[index].settings.policy
        // A task with `every` that never ran is due at once; one with `cron` waits, and can miss, its first instant.
        let neverRan = tasks[index].flags.contains(.isNew) && !definitions[index].cadence.isWallClock
        var isMissed = isAfterOutage
        var isUnwanted = false
        if tasks[index].flags.contains(.atStart), let startedAt {
            // A grid that started anew begins with this process, if not later.
            let fellDueBefore =
                !tasks[index].flags.contains(.isAnew) && dueTime(task, tasks[index].next) <= startedAt
            // Those before the start are skipped; what fell due since is decided by itself, in the next round.
            isUnwanted = fellDueBefore && policy.onStart == .never && !neverRan
            isMissed = isMissed || fellDueBefore
            tasks[index].flags.remove(.atStart)
        }
        let span = dueSpan(task, until: isUnwanted ? startedAt ?? now.wall.milliseconds : now.wall.milliseconds)
        tasks[index].last = span.newest
        tasks[index].flags.remove(.isNew)
        if !tasks[index].flags.contains(.anchored) { tasks[index].anchor = span.newest }
        tasks[index].next = span.following
        requeueFirst(task)
        let isLate = now.wall.milliseconds - dueTime(task, span.newest) > Planner.arm
        if tasks[index].flags.contains(.paused) {
            skip(task, from: span.first, until: span.newest, count: span.count, .paused, trigger: .cadence)
        } else if isUnwanted {
            skip(task, from: span.first, until: span.newest, count: span.count, .catchUp, trigger: .catchUp)
        } else if span.count == 1, neverRan || !isMissed && !isLate {
            candidates.append(
                Candidate(task: task, occurrence: span.newest, trigger: .cadence, canBeMissed: !neverRan))
        } else {
            catchUp(task, span, policy, neverRan: neverRan)
        }
    }

    private func dueSpan(_ task: Int32, until limit: Int64) -> DueSpan {
        let state = tasks[Int(task)]
        let cadence = definitions[Int(task)].cadence
        let first = state.next
        let following = cadence.next(after: first, anchor: first)
        guard following <= limit else { return DueSpan(first: first, newest: first, count: 1, following: following) }
        var newest = cadence.latest(at: limit, anchor: first) ?? first
        if dueTime(task, newest) > limit { newest = cadence.latest(at: newest - 1, anchor: first) ?? first }
        return DueSpan(
            first: first, newest: newest, count: cadence.count(after: first, through: newest, anchor: first) + 1,
            following: cadence.next(after: newest, anchor: first))
    }

    /// What `catch_up` makes of missed occurrences: at most one run, or a bounded backlog; the rest is one record.
    private mutating func catchUp(_ task: Int32, _ span: DueSpan, _ policy: Policy, neverRan: Bool) {
        let cadence = definitions[Int(task)].cadence
        let kept: [Int64] =
            switch policy.catchUp {
            case .none: neverRan ? [span.newest] : []
            case .latest: [span.newest]
            case .all:
                cadence.tail(from: span.first, through: span.newest, limit: policy.catchUpLimit, anchor: span.first)
            }
        if kept.isEmpty {
            skip(task, from: span.first, until: span.newest, count: span.count, .catchUp, trigger: .catchUp)
        } else if kept[0] > span.first, let last = cadence.latest(at: kept[0] - 1, anchor: span.first) {
            skip(task, from: span.first, until: last, count: span.count - kept.count, .catchUp, trigger: .catchUp)
        }
        if policy.catchUp == .all {
            for occurrence in kept { replay(task, occurrence) }
        } else if let occurrence = kept.first {
            let trigger = neverRan ? Trigger.cadence : .catchUp
            candidates.append(
                Candidate(task: task, occurrence: occurrence, trigger: trigger, canBeMissed: !neverRan))
        }
    }

    /// Claims a missed occurrence at once, so that no crash can lose it, and starts it when its turn comes.
    private mutating func replay(_ task: Int32, _ occurrence: Int64) {
        claim(
            NewRun(
                task: task, scheduledAt: occurrence, trigger: .catchUp,
                flags: [.hasOccurrence, .movesDependents, .isReplay]),
            .waiting)
    }

    /// With more of what is due than places: by priority and then by age.
    private mutating func rankCandidates() {
        guard candidates.count > max(0, concurrency - placesTaken) || !groups.isEmpty else { return }
        let ranked = candidates.map { ($0, -settings($0.task).policy.priority) }
            .sorted { ($0.1, $0.0.occurrence, $0.0.task) < ($1.1, $1.0.occurrence, $1.0.task) }
        candidates = ranked.map(\.0)
    }

    /// Admits some of what is due, in order; the rest waits for the next tick, and for a place if one may come soon.
    mutating func startPiece() {
        let end = min(candidates.count, admitted + admissions)
        while admitted < end, heldUntil == nil { admitNext() }
        forgetAdmitted()
        // What is due of their task goes first.
        if candidates.isEmpty, !hasMore { startExtras() }
    }

    /// Until when, by uptime, the next of many waits for a place; `nil` when it does not wait.
    var heldUntil: Int64? {
        guard isBulk, !candidates.isEmpty, placesTaken >= concurrency, !isRivalled else { return nil }
        let until = min(bulkSince + Planner.hold, max(bulkSince, lastRelease) + Planner.lull)
        return until > now.uptime ? until : nil
    }

    /// Whether a run that waits already would have the next place: to wait for that as well would be in vain, and a
    /// higher priority is heeded only among those that are claimed.
    private var isRivalled: Bool {
        readyCount > 0
            && ready.indices.contains { index in
                !ready[index].isEmpty && (index == 0 || groups[index - 1].hasPlace)
            }
    }

    /// Admits all that is due, in order.
    mutating func startCandidates() {
        while admitted < candidates.count { admitNext() }
        forgetAdmitted()
    }

    /// Forgets what is due and not yet a run.
    mutating func dropCandidates() {
        candidates = []
        admitted = 0
    }

    private mutating func admitNext() {
        let candidate = candidates[admitted]
        admitted += 1
        let isLate = now.wall.milliseconds - dueTime(candidate.task, candidate.occurrence) > Planner.arm
        if candidate.canBeMissed, isLate, !tasks[Int(candidate.task)].flags.contains(.paused) {
            admitMissed(candidate)
        } else {
            admit(candidate.task, candidate.occurrence, candidate.trigger)
        }
    }

    /// What was due in time, and had to wait so long that `catch_up` decides: the clock has jumped, or there was a suspend.
    private mutating func admitMissed(_ candidate: Candidate) {
        let (task, occurrence) = (candidate.task, candidate.occurrence)
        let next = tasks[Int(task)].next
        let isNewest = next == PlannedTask.never || dueTime(task, next) > now.wall.milliseconds
        switch settings(task).policy.catchUp {
        case .all: replay(task, occurrence)
        case .latest where isNewest: admit(task, occurrence, .catchUp)
        case .none, .latest:
            skip(task, from: occurrence, until: occurrence, count: 1, .catchUp, trigger: .catchUp)
        }
    }

    private mutating func forgetAdmitted() {
        guard admitted == candidates.count else { return }
        candidates.removeAll(keepingCapacity: candidates.count < 10_000)
        admitted = 0
    }

    /// The runs of `on_start: always`, which wait for whatever else of their task is going.
    private mutating func startExtras() {
        for task in extras where !tasks[Int(task)].flags.contains(.paused) {
            let isFree = !tasks[Int(task)].isGoing || settings(task).policy.overlap == .allow
            claim(
                NewRun(task: task, scheduledAt: startedAt ?? now.wall.milliseconds, trigger: .start, flags: []),
                isFree ? .startable : .waiting)
        }
        extras = []
    }

    mutating func setPaused(_ task: Int32, _ isPaused: Bool) {
        if isPaused {
            tasks[Int(task)].flags.insert(.paused)
        } else {
            tasks[Int(task)].flags.remove(.paused)
        }
    }

    /// Whether the decision that is about to be written is the first since the task's grid started anew.
    mutating func takeAnew(_ task: Int32) -> Bool { tasks[Int(task)].flags.remove(.isAnew) != nil }

    /// Records consecutive occurrences that will not be run.
    mutating func skip(
        _ task: Int32, from: Int64, until: Int64, count: Int, _ reason: SkipReason, trigger: Trigger,
        clearsMarks: Bool = false
    ) {
        let record = SkipRecord(
            run: ids.next(at: now.wall), task: tasks[Int(task)].id, uses: settings(task).uses, trigger: trigger,
            from: Instant(milliseconds: from), until: Instant(milliseconds: until), count: count, reason: reason,
            at: now.wall, clearsMarks: clearsMarks, startsAnew: takeAnew(task))
        out.append(.write(.skip(record), nil, nil))
        observe(.skipped(task: label(task), reason: reason, count: count))
    }
}
