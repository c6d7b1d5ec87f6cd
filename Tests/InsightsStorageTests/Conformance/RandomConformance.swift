import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Random writes", .tags(.conformance))
struct RandomConformance {
    @Test("what random batches leave, each sent once or again, is what the rules say", arguments: StoreKind.all)
    func againstModel(_ kind: StoreKind) async throws {
        var random = Seeded("random writes over \(kind.name)")
        for round in 0..<4 {
            try await withDesk(kind) { desk async throws in
                var model = RunModel(tasks: desk.tasks.map(\.id))
                for step in 0..<40 {
                    let batch = model.batch(&random)
                    let expected = batch.map { model.apply($0) }
                    let context: Comment = "seed \(random.seed), round \(round), step \(step)"
                    #expect(try await desk.store.commit(batch) == expected, context)
                    // The answer was lost: nothing more happens, and each outcome is the same.
                    if Bool.random(using: &random) { #expect(try await desk.store.commit(batch) == expected, context) }
                    if Int.random(in: 0..<12, using: &random) == 0 {
                        try await desk.reopen()
                        let recovered = try await desk.store.recover()
                        #expect(recovered.map(\.summary).sorted() == model.recover().sorted(), context)
                    }
                }
                try await Self.compare(desk, model, "seed \(random.seed), round \(round)")
            }
        }
    }

    private static func compare(_ desk: Desk, _ model: RunModel, _ context: Comment) async throws {
        let stored = try await desk.store.runs(RunQuery(limit: 10_000)).items
        #expect(stored.map(\.modelled).sorted() == model.runs.values.map(\.modelled).sorted(), context)
        for task in try await desk.store.tasks() {
            let expected = model.progress[task.id]
            #expect(task.lastOccurrence == expected?.newest, context)
            #expect(task.lastSuccessAt == expected?.lastSuccess, context)
        }
        for run in model.runs.values where run.isOccurrence {
            for at in [run.scheduledAt, run.until ?? run.scheduledAt] {
                let name = desk.tasks.first { $0.id == run.task }?.name ?? ""
                #expect(try await desk.store.occurrence(task: name, at: at)?.id == run.id, context)
            }
        }
    }
}

extension UnfinishedRun {
    var summary: String { "\(run) \(status) fence \(fence) attempt \(attempt) failures \(failures) losses \(losses)" }
}

extension RunRecord {
    var modelled: String { "\(id) \(scheduledAt) \(status) \(attempt) \(count) \(until?.description ?? "-")" }
}

/// The rules of runs once more, over dictionaries: what a store must come to.
struct RunModel {
    struct Run {
        var id: RunID
        var task: TaskID
        var isOccurrence: Bool
        var scheduledAt: Instant
        var status: RunStatus
        var reason: String?
        var fence: Fence = 0
        var attemptFence: Fence = 0
        var attempt = 0
        var failures = 0
        var losses = 0
        var count = 1
        var until: Instant?

        var modelled: String { "\(id) \(scheduledAt) \(status) \(attempt) \(count) \(until?.description ?? "-")" }
        var summary: String {
            "\(id) \(status) fence \(fence) attempt \(attempt) failures \(failures) losses \(losses)"
        }
        func covers(_ at: Instant) -> Bool { isOccurrence && scheduledAt <= at && at <= until ?? scheduledAt }
    }

    struct Progress {
        var newest: Instant?
        var newestRun: RunID?
        var lastSuccess: Instant?
    }

    let tasks: [TaskID]
    var runs: [RunID: Run] = [:]
    var progress: [TaskID: Progress] = [:]
    private var ids = RunIDSource(seed: 99)
    private var clock = 0.0
    /// Ids in the order in which they were made, as a dictionary has none to draw from.
    private var made: [RunID] = []
    private var byTask: [TaskID: [RunID]] = [:]

    init(tasks: [TaskID]) { self.tasks = tasks }

    // MARK: What may be written

    /// Writes of which at most one concerns a run that there is already.
    mutating func batch(_ random: inout Seeded) -> [StoreWrite] {
        var touched: Set<RunID> = []
        let count = [1, 3, 40, 70].randomElement(using: &random)!
        let isClaims = Int.random(in: 0..<3, using: &random) == 0
        return (0..<count).map { _ in
            clock += 1
            guard !isClaims, Int.random(in: 0..<10, using: &random) > 3, let id = made.randomElement(using: &random),
                let run = runs[id], touched.insert(id).inserted
            else { return occurrence(&random) }
            let fence = run.fence + [0, 0, 0, 0, -1, 1].randomElement(using: &random)!
            if Bool.random(using: &random) {
                return .start(
                    AttemptStart(run: run.id, fence: fence, attempt: run.attempt + 1, at: Desk.at(clock), lateness: nil)
                )
            }
            let dispositions: [Disposition] = [
                .final(.succeeded, reason: nil), .final(.failed, reason: "x"), .final(.cancelled, reason: nil),
                .retrying(at: Desk.at(clock)), .interrupted, .final(.skipped, reason: "overlap"),
            ]
            return .finish(
                AttemptFinish(
                    run: run.id, task: run.task, fence: fence, disposition: dispositions.randomElement(using: &random)!,
                    at: Desk.at(clock), countsAsFailure: Bool.random(using: &random)))
        }
    }

    private mutating func occurrence(_ random: inout Seeded) -> StoreWrite {
        let task = tasks.randomElement(using: &random)!
        let id = ids.next(at: Desk.at(clock))
        if let newest = progress[task]?.newest, Int.random(in: 0..<6, using: &random) == 0 {
            // Some that were to come, or one that is long past.
            let isPast = Int.random(in: 0..<5, using: &random) == 0
            let from = isPast ? Desk.at(-Double.random(in: 1...500, using: &random).rounded()) : Desk.at(clock + 1)
            // A record of several never spans one that was decided before.
            let count = from > newest ? Int.random(in: 1...4, using: &random) : 1
            let until = Instant(milliseconds: from.milliseconds + Int64(count - 1) * 250)
            let reason: SkipReason = [.overlap, .paused].randomElement(using: &random)!
            return .skip(
                SkipRecord(
                    run: id, task: task, uses: "m.x", trigger: .cadence, from: from, until: until, count: count,
                    reason: reason, at: Desk.at(clock), clearsMarks: false))
        }
        let isByHand = Int.random(in: 0..<5, using: &random) == 0
        var at = Desk.at(clock)
        if Int.random(in: 0..<4, using: &random) == 0, let old = byTask[task]?.randomElement(using: &random),
            let run = runs[old]
        {
            at = Instant(milliseconds: run.scheduledAt.milliseconds + Int64.random(in: 0...2, using: &random) * 250)
        }
        return .claim(
            Claim(
                run: id, task: task, uses: "m.x", occurrence: isByHand ? nil : at, scheduledAt: at,
                trigger: isByHand ? .manual : .cadence, attempts: 3, at: Desk.at(clock),
                starts: Bool.random(using: &random), lateness: nil, movesDependents: false, clearsMarks: false))
    }

    // MARK: What must come of it

    mutating func apply(_ write: StoreWrite) -> WriteOutcome {
        switch write {
        case .claim(let claim): apply(claim)
        case .skip(let skip): apply(skip)
        case .start(let start): apply(start)
        case .finish(let finish): apply(finish)
        case .checkpoint, .setPaused, .answer, .leave, .release: .done
        }
    }

    private mutating func apply(_ claim: Claim) -> WriteOutcome {
        if claim.occurrence != nil, isTaken(claim.task, claim.scheduledAt) { return .conflict }
        var run = Run(
            id: claim.run, task: claim.task, isOccurrence: claim.occurrence != nil, scheduledAt: claim.scheduledAt,
            status: claim.starts ? .running : .queued)
        if claim.starts { (run.fence, run.attemptFence, run.attempt) = (1, 1, 1) }
        add(run)
        if claim.occurrence != nil { move(claim.task, to: claim.scheduledAt, by: claim.run) }
        return .done
    }

    private mutating func apply(_ skip: SkipRecord) -> WriteOutcome {
        if isTaken(skip.task, skip.from) { return .done }
        let last = progress[skip.task]
        if let newest = last?.newest, newest < skip.from, let id = last?.newestRun, var run = runs[id],
            run.status == .skipped, run.reason == skip.reason.rawValue
        {
            run.count += skip.count
            run.until = skip.until
            runs[id] = run
            move(skip.task, to: skip.until, by: id)
            return .done
        }
        var run = Run(
            id: skip.run, task: skip.task, isOccurrence: true, scheduledAt: skip.from, status: .skipped,
            reason: skip.reason.rawValue)
        if skip.count > 1 { (run.count, run.until) = (skip.count, skip.until) }
        add(run)
        move(skip.task, to: skip.until, by: skip.run)
        return .done
    }

    private mutating func apply(_ start: AttemptStart) -> WriteOutcome {
        guard var run = runs[start.run], !run.status.isFinal, run.fence == start.fence else { return .conflict }
        if run.status == .running, run.attemptFence == run.fence { return .conflict }
        run.fence += 1
        (run.attemptFence, run.attempt, run.status, run.reason) = (run.fence, start.attempt, .running, nil)
        runs[start.run] = run
        return .done
    }

    private mutating func apply(_ finish: AttemptFinish) -> WriteOutcome {
        guard var run = runs[finish.run], run.fence == finish.fence else { return refuse(finish) }
        let status: RunStatus
        switch finish.disposition {
        case .final(let final, let reason): (status, run.reason) = (final, reason)
        case .retrying: (status, run.reason) = (.retrying, nil)
        case .interrupted: (status, run.reason) = (.interrupted, "shutdown")
        }
        if run.status == status { return .done }
        if run.status.isFinal { return .fenced }
        run.status = status
        if finish.countsAsFailure { run.failures += 1 }
        runs[finish.run] = run
        if status == .succeeded {
            let last = progress[run.task]?.lastSuccess ?? Instant(milliseconds: .min)
            progress[run.task, default: Progress()].lastSuccess = max(last, run.scheduledAt)
        }
        return .done
    }

    /// An end that is no final state may have been followed by a start in its own batch.
    private func refuse(_ finish: AttemptFinish) -> WriteOutcome {
        guard let run = runs[finish.run], run.attemptFence == finish.fence + 1, run.fence != finish.fence else {
            return .fenced
        }
        if case .final = finish.disposition { return .fenced }
        return .done
    }

    private func isTaken(_ task: TaskID, _ at: Instant) -> Bool {
        (byTask[task] ?? []).contains { runs[$0]?.covers(at) ?? false }
    }

    private mutating func add(_ run: Run) {
        runs[run.id] = run
        made.append(run.id)
        byTask[run.task, default: []].append(run.id)
    }

    private mutating func move(_ task: TaskID, to occurrence: Instant, by run: RunID) {
        guard progress[task]?.newest.map({ $0 < occurrence }) ?? true else { return }
        progress[task, default: Progress()].newest = occurrence
        progress[task, default: Progress()].newestRun = run
    }

    mutating func recover() -> [String] {
        for (id, run) in runs where run.status == .running && run.fence == run.attemptFence {
            runs[id]?.fence += 1
            runs[id]?.losses += 1
        }
        return runs.values.filter { !$0.status.isFinal }.map(\.summary)
    }
}
