internal import InsightsEngine
internal import InsightsPlugin
internal import Logging

/// One `insights run`: by itself when it gets the database, through the `serve` that has it otherwise.
struct RunTurn: Sendable {
    /// What came of it.
    struct Outcome: Sendable {
        /// In the order asked; fewer when one was refused.
        var runs: [RunRecord]
        /// What ended it early.
        var signal: Int32?
    }

    let store: any Store
    let context: CommandContext
    let manifest: Manifest
    let names: [String]
    /// Whether all enabled tasks are meant: then what follows by `after` follows.
    let isEverything: Bool
    let report: RunReport

    /// Runs the tasks.
    func take(_ watch: SignalWatch) async throws -> Outcome {
        let signal = LatestSignal()
        return try await withThrowingTaskGroup(of: Outcome?.self) { group in
            // The stream of signals ends for good when who reads it is cancelled: one task does for the whole turn.
            group.addTask {
                for await number in watch.signals { signal.set(number) }
                return nil
            }
            group.addTask { try await take(signal) }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            return Outcome(runs: [], signal: signal.value)
        }
    }

    /// Another `insights run` on the database is waited for, and so is a `serve` that is stopping: a oneshot of cron is
    /// not to be lost to another of the same minute, or to an upgrade.
    private func take(_ signal: LatestSignal) async throws -> Outcome {
        let engine = engine()
        var waitsFor: String?
        while true {
            do throws(StoreError) {
                try await engine.start()
                break
            } catch {
                guard error.kind == .alreadyRunning else { throw CommandFailure(error) }
            }
            let holder = try await stored { () async throws(StoreError) in try await store.holder() }
            if case .serve(let node) = holder, waitsFor != node.name {
                if let outcome = try await handOver(to: node, signal) { return outcome }
            }
            if let (name, words) = RunTurn.words(for: holder), waitsFor != name {
                context.console.line("waiting for \(words) to end")
                waitsFor = name
            }
            try await SystemClock().sleep(for: .milliseconds(200))
            if let signal = signal.value { return Outcome(runs: [], signal: signal) }
        }
        return try await LocalRun(engine: engine, names: names, isEverything: isEverything, report: report)
            .perform(signal)
    }

    private func engine() -> Engine {
        let logger = context.logger(report.isMoving ? .warning : .info)
        var configuration = EngineConfiguration(nodeName: NodeName.make(isServe: false))
        configuration.isSchedulerEnabled = false
        configuration.answersRequests = false
        configuration.version = ProgramVersion.current
        return context.engine(store, manifest, configuration, logger)
    }

    /// Whom a run waits for, by name and in words; `nil` when the place is free again.
    private static func words(for holder: Holder) -> (name: String, words: String)? {
        switch holder {
        case .nobody: nil
        case .serve(let node): (node.name, "`insights serve`, which is stopping, (process \(node.processID))")
        case .oneshot(let node): (node.name, "another `insights run` (process \(node.processID))")
        case .unknown: ("", "another process")
        }
    }

    /// - Returns: `nil` when the process is stopping or gone and took nothing.
    private func handOver(to node: NodeIdentity, _ signal: LatestSignal) async throws -> Outcome? {
        let handover = Handover(store: store, context: context)
        guard let accepted = try await handover.ask(names, dependents: isEverything) else { return nil }
        guard !accepted.isEmpty else { return Outcome(runs: [], signal: signal.value) }
        context.console.line(
            "`insights serve` (process \(node.processID)) has \(context.database.text): handed over to it, waiting")
        let ids = accepted.map(\.run)
        for run in accepted { report.started(run.task, run.run) }
        defer { report.finish() }
        let runs = try await withThrowingTaskGroup(of: [RunRecord]?.self) { group in
            group.addTask { try await handover.outcomes(of: ids) { report.ended($0) } }
            group.addTask {
                if await signal.first() != nil {
                    _ = try await RequestDesk(store: store).ask(ids.map { .cancel($0) })
                }
                return nil
            }
            group.addTask {
                await report.move()
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            return []
        }
        return Outcome(runs: runs, signal: signal.value)
    }
}
