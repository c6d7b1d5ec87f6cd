internal import InsightsEngine
internal import InsightsPlugin

/// Applies batches of writes within the transaction that its connection has open.
final class BatchWriter {
    private let source: any StatementSource
    private let runs: RunWriter
    private let payloads: PayloadWriter
    private let savepoint: any PreparedStatement
    private let undo: any PreparedStatement
    private let keep: any PreparedStatement
    private let pause: any PreparedStatement
    private let answer: any PreparedStatement
    private let settleRequest: any PreparedStatement
    private let dropOldAnswers: any PreparedStatement
    private let knowsCheckpoint: any PreparedStatement
    private let noteCheckpoint: any PreparedStatement
    private let dropOldCheckpoints: any PreparedStatement
    private var hasDroppedAnswers = false

    /// Checkpoints that are remembered so that a repeated one is not applied twice: more than one batch holds.
    private static let rememberedCheckpoints = 10_000

    init(_ source: any StatementSource) throws {
        self.source = source
        runs = try RunWriter(source)
        payloads = try PayloadWriter(source)
        savepoint = try source("SAVEPOINT one")
        undo = try source("ROLLBACK TO one")
        keep = try source("RELEASE one")
        pause = try source("UPDATE tasks SET is_paused = ?2 WHERE id = ?1")
        answer = try source(
            "INSERT INTO answers VALUES (?1, \(source.dialect.now), ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING")
        settleRequest = try source("DELETE FROM requests WHERE id = ?1")
        dropOldAnswers = try source("DELETE FROM answers WHERE answered_at < \(source.dialect.now) - 86400")
        knowsCheckpoint = try source("SELECT 1 FROM checkpoints WHERE digest = ?1")
        noteCheckpoint = try source("INSERT INTO checkpoints (digest) VALUES (?1)")
        dropOldCheckpoints = try source(
            """
            DELETE FROM checkpoints
            WHERE number <= (SELECT max(number) FROM checkpoints) - \(BatchWriter.rememberedCheckpoints)
            """)
    }

    /// Forgets what it knew of rows that a rollback has taken away.
    func forget() { runs.forgetNames() }

    /// Applies `writes` in order.
    ///
    /// - Parameter node: Written beside the attempts that start.
    /// - Returns: What became of each.
    /// - Throws: The database's error: the whole transaction must be undone.
    func apply(_ writes: [StoreWrite], node: String?) throws -> [WriteOutcome] {
        try source.sharing?.begin(writes)
        try runs.begin(node: node)
        hasDroppedAnswers = false
        var outcomes: [WriteOutcome] = []
        outcomes.reserveCapacity(writes.count)
        var index = 0
        while index < writes.count {
            if let bulk = source.bulk {
                let count = max(1, bulk.together(writes, from: index))
                outcomes += try applyTogether(writes[index..<index + count], bulk)
                index += count
                continue
            }
            let together = RunWriter.claimsTogether(writes, from: index)
            if together > 0 {
                outcomes += try claimTogether(writes[index..<index + together])
                index += together
            } else {
                outcomes.append(try outcome(of: writes[index]))
                index += 1
            }
        }
        return outcomes
    }

    private func applyTogether(_ writes: ArraySlice<StoreWrite>, _ bulk: any BulkWriting) throws -> [WriteOutcome] {
        // One by itself is no slower in its own way.
        guard writes.count > 1 else { return try writes.map(outcome) }
        let outcomes = try bulk.apply(writes, node: runs.node, number: runs.number(of:))
        return try zip(writes, outcomes).map { write, outcome in try outcome ?? self.outcome(of: write) }
    }

    private func claimTogether(_ writes: ArraySlice<StoreWrite>) throws -> [WriteOutcome] {
        try savepoint.post()
        if let outcomes = try runs.claim(writes) {
            try keep.run()
            return outcomes
        }
        try undo.run()
        try keep.run()
        forget()
        return try writes.map(outcome)
    }

    /// Applies one write; what it must leave undone is undone.
    private func outcome(of write: StoreWrite) throws -> WriteOutcome {
        switch write {
        case .claim(let claim):
            let outcome = try refusable { try apply(claim) }
            if outcome == .conflict { try runs.noteTaken(claim) }
            return outcome
        case .start(let start):
            return try runs.start(start) { try start.group.map { try takePlace(start.run, in: $0) } ?? true }
        case .skip(let skip): return try refusable { try runs.skip(skip) }
        case .checkpoint(let checkpoint): return try refusable { try apply(checkpoint) }
        case .finish(let finish):
            if finish.payload.isEmpty, finish.marks.isEmpty, finish.skips.isEmpty { return try apply(finish) }
            return try refusable { try apply(finish) }
        case .setPaused(let task, let isPaused):
            pause.bind(1, task.value)
            pause.bind(2, isPaused)
            try pause.post()
            source.sharing?.noteNews()
            return .done
        case .answer(let request, let answer):
            try store(answer, to: request)
            return .done
        case .leave(let run):
            try source.sharing?.leavePlace(run)
            return .done
        case .release(let task):
            try source.sharing?.release(task)
            return .done
        }
    }

    /// Runs `body` within a savepoint, so that what is refused half-way leaves nothing.
    private func refusable(_ body: () throws -> WriteOutcome) throws -> WriteOutcome {
        try savepoint.post()
        do {
            let outcome = try body()
            if outcome != .done, outcome != .noPlace { try undo.run() }
            try keep.run()
            return outcome
        } catch let rejection as Rejection {
            try undo.run()
            try keep.run()
            forget()
            return .rejected(rejection.error)
        } catch {
            guard let problem = source.problemWithValues(error) else { throw error }
            try undo.run()
            try keep.run()
            forget()
            return .rejected(RunError(code: "store", message: "cannot be stored: \(problem)", isRetryable: false))
        }
    }

    /// Claims an occurrence; without the place in its group that it needs, it waits.
    private func apply(_ claim: Claim) throws -> WriteOutcome {
        guard let group = claim.group, claim.starts, source.sharing != nil else { return try runs.claim(claim) }
        if let own = try runs.row(of: claim.run) {
            let outcome = try runs.claim(claim)
            return outcome == .done && own.status == .queued ? .noPlace : outcome
        }
        if try takePlace(claim.run, in: group) { return try runs.claim(claim) }
        var waiting = claim
        waiting.starts = false
        let outcome = try runs.claim(waiting)
        return outcome == .done ? .noPlace : outcome
    }

    private func takePlace(_ run: RunID, in group: GroupPlace) throws -> Bool {
        try source.sharing?.takePlace(run, in: group) ?? true
    }

    private func apply(_ checkpoint: AttemptCheckpoint) throws -> WriteOutcome {
        let digest = BatchWriter.digest(checkpoint)
        knowsCheckpoint.bind(1, digest)
        if try knowsCheckpoint.first({ _ in true }) != nil { return .done }
        guard let run = try runs.row(of: checkpoint.run), run.fence == checkpoint.fence, run.status == .running else {
            return .fenced
        }
        let stored = try payloads.apply(
            checkpoint.payload, task: checkpoint.task, log: run.log, row: run.row, at: checkpoint.at)
        try runs.note(stored, of: run)
        noteCheckpoint.bind(1, digest)
        try noteCheckpoint.post()
        try dropOldCheckpoints.post()
        return .done
    }

    private func apply(_ finish: AttemptFinish) throws -> WriteOutcome {
        guard let run = try runs.row(of: finish.run) else { return .fenced }
        guard run.fence == finish.fence else {
            // The start that followed this very end was in the same batch: a lost attempt's would be two ahead.
            let isRepeated = !finish.disposition.status.isFinal && run.attemptFence == finish.fence + 1
            return isRepeated ? .done : .fenced
        }
        if run.status == finish.disposition.status { return .done }
        guard !run.status.isFinal else { return .fenced }
        var stored = PayloadWriter.Stored(log: run.log)
        if !finish.payload.isEmpty {
            stored = try payloads.apply(finish.payload, task: finish.task, log: run.log, row: run.row, at: finish.at)
        }
        try runs.finish(finish, run, stored)
        for mark in finish.marks { try runs.mark(mark) }
        for skip in finish.skips { _ = try runs.skip(skip) }
        if let sharing = source.sharing {
            if !finish.keepsPlace { try sharing.leavePlace(finish.run) }
            if !finish.marks.isEmpty || !finish.skips.isEmpty { sharing.noteNews() }
        }
        return .done
    }

    private func store(_ answer: RequestAnswer, to request: RequestID) throws {
        self.answer.bind(1, request)
        self.answer.bind(3, nil as Int64?)
        self.answer.bind(4, nil as Int64?)
        switch answer {
        case .accepted: self.answer.bind(2, 0 as Int64)
        case .overlaps(let run):
            self.answer.bind(2, 1 as Int64)
            self.answer.bind(3, run)
        case .refused(let reason):
            self.answer.bind(2, 2 as Int64)
            self.answer.bind(4, StoredText.clean(reason))
        }
        try self.answer.post()
        settleRequest.bind(1, request)
        try settleRequest.post()
        if !hasDroppedAnswers { try dropOldAnswers.post() }
        hasDroppedAnswers = true
        source.sharing?.noteNews()
    }

    /// Tells one checkpoint from another, for as long as this process lives: only this process repeats one.
    private static func digest(_ checkpoint: AttemptCheckpoint) -> Int64 {
        var hasher = Hasher()
        hasher.combine(checkpoint.run)
        hasher.combine(checkpoint.fence)
        hasher.combine(checkpoint.at)
        hasher.combine(checkpoint.payload.emissions)
        hasher.combine(checkpoint.payload.state)
        hasher.combine(checkpoint.payload.log)
        return Int64(hasher.finalize())
    }
}

extension Disposition {
    /// Where it leaves the run.
    var status: RunStatus {
        switch self {
        case .final(let status, _): status
        case .retrying: .retrying
        case .interrupted: .interrupted
        }
    }
}
