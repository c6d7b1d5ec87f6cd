internal import InsightsPlugin
internal import Synchronization

/// Runs by hand of tasks that another node has.
extension Engine {
    /// How long another node has to give a task away …
    private static let gatherPatience: Duration = .seconds(3)
    /// … and to answer a trigger.
    private static let answerPatience: Duration = .seconds(10)
    private static let glance: Duration = .milliseconds(100)

    /// What stands as the answer to a request that this node has given up.
    private static let withdrawn = RequestAnswer.refused("withdrawn")

    /// Does `work` while nothing that it gathers is given away.
    func gathering<Result>(_ work: () async -> Result) async -> Result {
        sharing.withLock { $0.gatherings += 1 }
        defer { sharing.withLock { $0.gatherings -= 1 } }
        return await work()
    }

    /// Takes as many of the tasks as nobody has, and of several also those that others have and can do without, so that
    /// they can be triggered together.
    func gather(_ names: [String]) async {
        await waitForManifest()
        var missing = unheld(names)
        guard !missing.isEmpty, isLeaseTrusted else { return }
        let taken = Set(await hold(missing.map(\.wish), limit: missing.count) ?? [])
        missing.removeAll { taken.contains($0.wish.task) }
        guard names.count > 1, !missing.isEmpty else { return }
        let at = clock.now
        var ids = RunIDSource(seed: UInt64.random(in: .min ... .max))
        let requests = missing.map { Request(id: ids.next(at: at), kind: .release(task: $0.name), at: at) }
        do {
            try await store.ask(requests)
            _ = try await answers(to: requests, within: Engine.gatherPatience)
        } catch {
            // What was not gathered is asked for one by one, which tells.
        }
        _ = await hold(missing.map(\.wish), limit: missing.count)
    }

    /// The first manifest is an event like any other, and who triggers right after the start may be quicker than the loop:
    /// then no task would seem to be known here.
    private func waitForManifest() async {
        let deadline = ContinuousClock.now.advanced(by: Engine.gatherPatience)
        while planner.withLock({ $0.startedAt == nil }), ContinuousClock.now < deadline { await Task.yield() }
    }

    private func unheld(_ names: [String]) -> [(name: String, wish: HoldWish)] {
        let differing = sharing.withLock { $0.differing }
        return planner.withLock { planner in
            names.compactMap { name in
                guard let wish = planner.wish(for: name), differing[wish.task] == nil else { return nil }
                return (name, wish)
            }
        }
    }

    /// Triggers the task at the node that has it.
    func forward(_ task: String, dependents: Bool) async -> TriggerAnswer {
        let at = clock.now
        var ids = RunIDSource(seed: UInt64.random(in: .min ... .max))
        let request = Request(
            id: ids.next(at: at), kind: .run(task: task, dependents: dependents, batch: false), at: at)
        do {
            try await store.ask([request])
            if let answer = try await answers(to: [request], within: Engine.answerPatience)[request.id] {
                return Engine.words(answer, request.id)
            }
            // A node that comes to it later is not to do what its asker has given up.
            _ = try await store.commit([.answer(request.id, Engine.withdrawn)])
            let answer = try await store.answer(to: request.id)
            guard let answer, answer != Engine.withdrawn else { return .elsewhere }
            return Engine.words(answer, request.id)
        } catch {
            return error is StoreError ? .storeUnavailable : .stopping
        }
    }

    private static func words(_ answer: RequestAnswer, _ run: RunID) -> TriggerAnswer {
        switch answer {
        case .accepted: .accepted(run)
        case .overlaps(let going): .overlaps(going)
        case .refused(RequestRefusal.unknownTask): .unknownTask
        case .refused(RequestRefusal.stopping): .stopping
        case .refused(RequestRefusal.storeUnavailable): .storeUnavailable
        case .refused: .elsewhere
        }
    }

    /// - Returns: The answers that came in time, by request.
    private func answers(
        to requests: [Request], within patience: Duration
    ) async throws -> [RequestID: RequestAnswer] {
        var answers: [RequestID: RequestAnswer] = [:]
        let deadline = clock.moment.uptime + patience.wholeMilliseconds
        while true {
            for request in requests where answers[request.id] == nil {
                answers[request.id] = try await store.answer(to: request.id)
            }
            guard answers.count < requests.count, clock.moment.uptime < deadline else { return answers }
            try await clock.sleep(for: Engine.glance)
        }
    }

    // MARK: Requests about what this node does not hold

    /// Makes sure that a request's task is held here, if nobody else can have it.
    ///
    /// - Returns: Whether it is.
    func takeRequested(_ task: String) async -> Bool {
        if planner.withLock({ $0.isHeld(task) }) == true { return true }
        guard let missing = unheld([task]).first else { return false }
        return await hold([missing.wish], limit: 1)?.isEmpty == false
    }

    /// Whether no node knows the task, as far as can be told: those that live have one manifest, or have had their time.
    func isUnknownEverywhere(_ request: Request) -> Bool {
        let own = manifest.hash
        let agree = sharing.withLock { $0.living.allSatisfy { $0.manifest == own } }
        return agree || clock.now.since(request.at) > .seconds(5)
    }
}
