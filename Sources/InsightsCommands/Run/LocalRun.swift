internal import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// Runs tasks in this process: the engine without a cadence, until each of them has its end.
struct LocalRun: Sendable {
    /// Has been started; not run yet.
    let engine: Engine
    let names: [String]
    let isEverything: Bool
    let report: RunReport

    /// What one of the parts came to.
    private enum Part {
        case engineEnded
        case runs(Result<[RunRecord], any Error>)
        /// One that only watches.
        case watcher
    }

    /// Runs the tasks; a signal cancels those that go on.
    func perform(_ ended: LatestSignal) async throws -> RunTurn.Outcome {
        let observations = engine.observations()
        let accepted = AcceptedRuns()
        let runs = await withTaskGroup(of: Part.self) { group in
            group.addTask {
                await engine.run()
                return .engineEnded
            }
            group.addTask {
                if await ended.first() != nil { await cancel(accepted.ids) }
                return .watcher
            }
            group.addTask {
                for await observation in observations { await show(observation) }
                return .watcher
            }
            group.addTask {
                await report.move()
                return .watcher
            }
            group.addTask {
                defer { engine.shutdown() }
                do {
                    return .runs(.success(try await triggered(ended, accepted)))
                } catch {
                    return .runs(.failure(error))
                }
            }
            return await LocalRun.result(of: &group)
        }
        report.finish()
        return RunTurn.Outcome(runs: try runs.get(), signal: ended.value)
    }

    /// Waits for the runs *and* for the engine: its end is what makes the last commit sure and gives the store back.
    private static func result(of group: inout TaskGroup<Part>) async -> Result<[RunRecord], any Error> {
        var runs: Result<[RunRecord], any Error>?
        var hasEngineEnded = false
        while runs == nil || !hasEngineEnded, let part = await group.next() {
            switch part {
            case .engineEnded: hasEngineEnded = true
            case .runs(let result): runs = result
            case .watcher: break
            }
        }
        group.cancelAll()
        return runs ?? .success([])
    }

    private func triggered(_ ended: LatestSignal, _ accepted: AcceptedRuns) async throws -> [RunRecord] {
        var ids: [RunID] = []
        for result in await engine.trigger(names, dependents: isEverything) {
            switch result.answer {
            case .accepted(let run), .skipped(let run, _): ids.append(run)
            case .overlaps(let run): report.refused(result.task, "run \(run) is still going, and `overlap` is skip")
            case .unknownTask: report.refused(result.task, "the manifest has no such task")
            case .stopping: report.refused(result.task, "the program is stopping")
            case .storeUnavailable: report.refused(result.task, "the store takes no writes at the moment")
            case .elsewhere: report.refused(result.task, "another node has it, and did not answer")
            }
        }
        accepted.ids = ids
        // A signal that came before there was anything to cancel.
        if ended.value != nil { await cancel(ids) }
        let runs = try await engine.outcomes(of: ids)
        for run in runs { report.ended(run) }
        return runs
    }

    private func cancel(_ runs: [RunID]) async {
        for run in runs {
            do {
                _ = try await engine.cancel(run)
            } catch {
                // The store is away: the run cannot end in it either, and a second signal ends the waiting.
                report.refused(run.description, "cannot be cancelled: \(error)")
            }
        }
    }

    private func show(_ observation: EngineObservation) async {
        switch observation {
        case .progress(let task, let run, let progress): report.progressed(task, run, progress)
        case .observation(.started(let task, let run, _, _, _)): report.started(task.name, run)
        case .observation(.retrying(let task, let run, _, let error, let at)):
            report.retrying(task.name, run, error.message, at)
        case .observation(.finished(_, let run, _, _, _, _, _)):
            // The record says more than the observation; a store that is away says it later.
            if let record = try? await engine.reader.run(run) { report.ended(record) }
        case .observation: break
        }
    }
}

/// The runs that a signal has to cancel, told from the task that triggers to the one that listens.
private final class AcceptedRuns: Sendable {
    private let runs = Mutex<[RunID]>([])

    var ids: [RunID] {
        get { runs.withLock { $0 } }
        set { runs.withLock { $0 = newValue } }
    }
}
