import InsightsEngine
import InsightsPlugin
import InsightsStorage

/// Sends a store what a simulation sent its model, and tells the first thing in which they differ.
struct StoreReplay {
    let journal: [Simulation.StoreStep]
    let model: ModelStore

    /// - Returns: `nil` when they agree to the end.
    func difference(from store: SQLiteStore) async throws -> String? {
        try await store.acquire(NodeIdentity(name: "replay", processID: 1, version: "1"))
        for (number, step) in journal.enumerated() {
            switch step {
            case .register(let tasks, let at, let expected):
                let registrations = tasks.map { TaskRegistration(name: $0.name, hash: $0.hash) }
                let found = try await store.register(registrations, at: at).map(text)
                if found != expected.map(text) { return "step \(number): \(found) instead of \(expected.map(text))" }
            case .recover(let expected):
                let found = try await store.recover().map(text).sorted()
                let wanted = expected.map(text).sorted()
                if found != wanted { return "step \(number): \(found) instead of \(wanted)" }
            case .setPaused(let name, let isPaused): try await store.setPaused([name], isPaused)
            case .commit(let writes, let expected):
                let found = try await store.commit(writes)
                if found != expected { return "step \(number): \(found) instead of \(expected) for \(writes)" }
            }
        }
        let runs = try await store.runs(RunQuery(limit: 10_000)).items.map {
            "\($0.id) \($0.scheduledAt) \($0.status) \($0.attempt) \($0.count) \($0.until ?? $0.scheduledAt)"
        }
        let rows = model.rows.map {
            let (at, until) = (Instant(milliseconds: $0.scheduledAt), Instant(milliseconds: $0.until))
            return "\($0.run) \(at) \($0.status) \($0.attempt) \($0.count) \(until)"
        }
        let odd = Set(runs).symmetricDifference(rows)
        return odd.isEmpty ? nil : "at the end: \(odd.sorted())"
    }

    private func text(_ task: StoredTask) -> String {
        let marks = task.marks.map { "\($0.upstream.value) \($0.scheduledAt)" }.sorted()
        return "\(task.id.value) \(task.name) \(task.registeredAt) \(task.isPaused) "
            + "\(task.lastOccurrence?.description ?? "-") \(task.lastSuccessAt?.description ?? "-") \(marks)"
    }

    private func text(_ run: UnfinishedRun) -> String {
        "\(run.run) \(run.name) \(run.trigger) \(run.scheduledAt) \(run.status) \(run.attempt) \(run.failures) "
            + "\(run.losses) \(run.fence) \(run.movesDependents) \(run.retryAt?.description ?? "-")"
    }
}
