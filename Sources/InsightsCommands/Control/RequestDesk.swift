internal import InsightsEngine
internal import InsightsPlugin

/// Asks the process that runs tasks for something through the store, and waits for what becomes of it.
struct RequestDesk: Sendable {
    /// A request and its answer; `nil` when the process went before it gave one, and the request was withdrawn.
    struct Answered: Sendable {
        let id: RequestID
        let kind: Request.Kind
        let answer: RequestAnswer?
    }

    /// The other side looks every half second; what takes this long is stuck.
    private static let patience: Duration = .seconds(30)
    private static let glance: Duration = .milliseconds(50)
    /// What stands as the answer to a request that its asker has given up.
    private static let withdrawn = RequestAnswer.refused("withdrawn")

    let store: any Store
    private let clock = SystemClock()

    init(store: any Store) { self.store = store }

    /// Asks and waits for every answer.
    ///
    /// What nobody answers is withdrawn: a `serve` that starts later is not to do what its asker has given up.
    ///
    /// - Returns: In the order asked.
    /// - Throws: 69 when the process does not answer though it runs.
    func ask(_ kinds: [Request.Kind]) async throws(CommandFailure) -> [Answered] {
        // One instant for all: it makes those triggered together one group.
        let at = clock.now
        var ids = RunIDSource(seed: UInt64.random(in: .min ... .max))
        let requests = kinds.map { Request(id: ids.next(at: at), kind: $0, at: at) }
        try await stored { () async throws(StoreError) in try await store.ask(requests) }
        let deadline = ContinuousClock.now + RequestDesk.patience
        var answers: [Answered] = []
        var isOverdue = false
        for request in requests {
            var answer = try await answer(to: request.id, until: deadline)
            if answer == nil {
                if ContinuousClock.now > deadline { isOverdue = true }
                answer = try await withdraw(request.id)
            }
            answers.append(Answered(id: request.id, kind: request.kind, answer: answer))
        }
        if isOverdue, answers.contains(where: { $0.answer == nil }) {
            throw CommandFailure(
                .unavailable, "the process that runs tasks has not answered within 30 s, and is not asked any more",
                help: "see its log; what it answered is in `insights history`")
        }
        return answers
    }

    /// - Returns: `nil` when the time is over, or nobody is there to answer.
    private func answer(
        to request: RequestID, until deadline: ContinuousClock.Instant
    ) async throws(CommandFailure) -> RequestAnswer? {
        var glances = 0
        while true {
            if let answer = try await look({ () async throws(StoreError) in try await store.answer(to: request) }) {
                return answer
            }
            glances += 1
            if glances % 10 == 0, try await isAbandoned() { return nil }
            if ContinuousClock.now > deadline { return nil }
            try await pause()
        }
    }

    /// Takes a request back.
    ///
    /// - Returns: The answer that came first after all; otherwise `nil`.
    private func withdraw(_ request: RequestID) async throws(CommandFailure) -> RequestAnswer? {
        try await stored { () async throws(StoreError) in
            _ = try await store.commit([.answer(request, RequestDesk.withdrawn)])
            let answer = try await store.answer(to: request)
            return answer == RequestDesk.withdrawn ? nil : answer
        }
    }

    /// Waits until each of the runs has its end, and hands each over when it has.
    ///
    /// - Throws: 69 when the process that has them went without ending them.
    func outcomes(
        of runs: [RunID], onEnd: (RunRecord) -> Void = { _ in }
    ) async throws(CommandFailure) -> [RunRecord] {
        var records: [RunID: RunRecord] = [:]
        var glances = 0
        while records.count < Set(runs).count {
            for run in runs where records[run] == nil {
                let record = try await look { () async throws(StoreError) in try await store.run(run) }
                guard let record, record.status.isFinal else { continue }
                records[run] = record
                onEnd(record)
            }
            if records.count == Set(runs).count { break }
            glances += 1
            if glances % 20 == 0, try await isAbandoned() {
                throw CommandFailure(
                    .unavailable, "the process that runs tasks has ended before the runs have",
                    help: "they go on when `insights serve` starts again")
            }
            try await pause()
        }
        return runs.compactMap { records[$0] }
    }

    /// The run's end, or `nil` when it has none within `patience`.
    func outcome(of run: RunID, within patience: Duration) async throws(CommandFailure) -> RunRecord? {
        let deadline = ContinuousClock.now + patience
        while true {
            let record = try await look { () async throws(StoreError) in try await store.run(run) }
            if let record, record.status.isFinal { return record }
            if ContinuousClock.now > deadline { return nil }
            try await pause()
        }
    }

    /// Whether nobody is there who takes requests.
    private func isAbandoned() async throws(CommandFailure) -> Bool {
        switch try await look({ () async throws(StoreError) in try await store.holder() }) {
        case .nobody, .oneshot: true
        case .serve, .unknown: false
        }
    }

    private func look<T: Sendable>(_ ask: () async throws(StoreError) -> T) async throws(CommandFailure) -> T {
        try await stored(ask)
    }

    private func pause() async throws(CommandFailure) {
        do { try await clock.sleep(for: RequestDesk.glance) } catch { throw .told(.interrupted) }
    }
}
