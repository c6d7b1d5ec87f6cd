import InsightsPlugin
import Testing

@testable import InsightsEngine

/// What the engine counts of tasks, which it finds by their number and tells by their name.
@Suite struct EngineMetricsTests {
    private let metrics = EngineMetrics()

    private func count(_ id: Int64, _ name: String, _ status: RunStatus = .succeeded) {
        metrics.observe([
            .finished(
                task: TaskLabel(id: TaskID(id), name: name), run: RunID(high: 1, low: 1), attempt: 1, status: status,
                reason: nil, duration: nil, error: nil)
        ])
    }

    private func lines(_ family: String) throws -> [String] {
        let family = try #require(metrics.families().first { $0.name == family })
        return family.samples.map { sample in
            let labels = sample.labels.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
            guard case .number(let number) = sample.reading else { return labels }
            return "\(labels) \(Int(number))"
        }
    }

    @Test("runs are told by name, whatever number their task has")
    func byName() throws {
        count(0, "gone")
        count(7, "seven")
        count(7, "seven", .failed)
        count(7, "seven")
        count(1 << 24, "first beyond the array")
        count(.max, "last of all")
        count(.max, "last of all")
        count(-1, "none of a store", .cancelled)
        count(2000, "far on")
        #expect(
            try lines("insights_task_runs_total") == [
                "task=far on status=succeeded 1", "task=first beyond the array status=succeeded 1",
                "task=gone status=succeeded 1", "task=last of all status=succeeded 2",
                "task=none of a store status=cancelled 1", "task=seven status=failed 1",
                "task=seven status=succeeded 2",
            ])
    }

    @Test("a task that was numbered anew keeps what was counted under its former number")
    func numberedAnew() throws {
        count(1, "one")
        count(2, "one")
        count(1 << 40, "one", .failed)
        #expect(
            try lines("insights_task_runs_total") == ["task=one status=failed 1", "task=one status=succeeded 2"])
    }

    @Test("skips are told by task and reason, as many as were skipped at once")
    func skips() throws {
        let task = TaskLabel(id: TaskID(3), name: "three")
        metrics.observe([
            .skipped(task: task, reason: .overlap, count: 1), .skipped(task: task, reason: .catchUp, count: 40),
            .skipped(task: task, reason: .overlap, count: 2),
        ])
        #expect(
            try lines("insights_task_skipped_total") == [
                "task=three reason=catch_up 40", "task=three reason=overlap 3",
            ])
    }
}
