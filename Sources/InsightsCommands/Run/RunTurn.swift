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
    ///
    /// Another `insights run` on the database is waited for, and so is a `serve` that is stopping: a oneshot of cron is
    /// not to be lost to another of the same minute, or to an upgrade.
    func take(_ watch: SignalWatch) async throws -> Outcome {
        let isLively = report.isMoving
        let logger = context.logger(isLively ? .warning : .info)
        var configuration = EngineConfiguration(nodeName: NodeName.make(isServe: false))
        configuration.isSchedulerEnabled = false
        configuration.answersRequests = false
        configuration.version = ProgramVersion.current
        let engine = context.engine(store, manifest, configuration, logger)
        var waitsFor: NodeIdentity?
        while true {
            do throws(StoreError) {
                try await engine.start()
                break
            } catch {
                guard error.kind == .alreadyRunning else { throw CommandFailure(error) }
            }
            let node = try await stored { () async throws(StoreError) in try await store.runningNode() }
            if let node, waitsFor?.name != node.name {
                let isServe = NodeName.isServe(node.name)
                if isServe, let outcome = try await handOver(to: node, watch) { return outcome }
                let who = isServe ? "`insights serve`, which is stopping," : "another `insights run`"
                context.console.line("waiting for \(who) (process \(node.processID)) to end")
                waitsFor = node
            }
            if let signal = try await nextSignal(watch, within: .milliseconds(200)) {
                return Outcome(runs: [], signal: signal)
            }
        }
        return try await LocalRun(engine: engine, names: names, isEverything: isEverything, report: report)
            .perform(watch)
    }

    /// - Returns: `nil` when the process is stopping and took nothing.
    private func handOver(to node: NodeIdentity, _ watch: SignalWatch) async throws -> Outcome? {
        let handover = Handover(store: store, context: context)
        guard let accepted = try await handover.ask(names, dependents: isEverything) else { return nil }
        context.console.line(
            "`insights serve` (process \(node.processID)) has \(context.database.text): handed over to it, waiting")
        let ids = accepted.map(\.run)
        for run in accepted { report.started(run.task, run.run) }
        let ended = LatestSignal()
        let runs = try await withThrowingTaskGroup(of: [RunRecord]?.self) { group in
            group.addTask { try await handover.outcomes(of: ids) { report.ended($0) } }
            group.addTask {
                for await signal in watch.signals {
                    ended.set(signal)
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
        report.finish()
        return Outcome(runs: runs, signal: ended.value)
    }

    private func nextSignal(_ watch: SignalWatch, within duration: Duration) async throws -> Int32? {
        await withTaskGroup(of: Int32?.self) { group in
            group.addTask {
                for await signal in watch.signals { return signal }
                return nil
            }
            group.addTask {
                // Cancelled when a signal came first: nothing is to follow then.
                try? await SystemClock().sleep(for: duration)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
