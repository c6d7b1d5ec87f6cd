import InsightsEngine
import InsightsPlugin
import Synchronization

/// A store that answers from lists in memory.
final class ScriptedReader: StoreReader {
    struct Content: Sendable {
        var runs = [Samples.succeeded, Samples.failed, Samples.running]
        var log = [
            LogLine(at: Samples.noon, level: "info", message: "read\n\u{FFFD} 3 commits", fields: ["commits": 3])
        ]
        var subjects = [Samples.subject]
        var series: [SeriesRecord] = [Samples.series]
        /// What every read throws.
        var error: StoreError?
        /// What every read waits for first.
        var gate: Gate?
    }

    private let content: Mutex<Content>

    init(_ content: Content = Content()) { self.content = Mutex(content) }

    func change(_ edit: (inout Content) -> Void) { content.withLock { edit(&$0) } }

    func check() throws(StoreError) {
        if let error = content.withLock({ $0.error }) { throw error }
    }

    private func read() async throws(StoreError) -> Content {
        let content = content.withLock { $0 }
        // A reader has a deadline of its own, but does not end with its caller.
        try? await content.gate?.wait()
        if let error = content.error { throw error }
        return content
    }

    func tasks() async throws(StoreError) -> [StoredTask] { [] }
    func lastRuns() async throws(StoreError) -> [String: RunRecord] { [:] }

    func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> {
        let fitting = try await read().runs.filter { run in
            (query.task == nil || run.task == query.task) && (query.status == nil || run.status == query.status)
                && query.since.map { run.scheduledAt >= $0 } ?? true
        }
        return try page(fitting, query.limit, query.cursor)
    }

    func run(_ id: RunID) async throws(StoreError) -> RunRecord? { try await read().runs.first { $0.id == id } }
    func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] {
        Array(try await read().log.dropFirst(offset))
    }
    func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? { nil }

    func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> {
        let fitting = try await read().subjects.filter { query.kind == nil || $0.kind == query.kind }
        var page = try page(fitting, query.limit, query.cursor)
        page.total = fitting.count
        return page
    }

    func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? {
        try await read().subjects.first { $0.id == id }
    }

    func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] {
        try await read().subjects.flatMap(\.values)
    }

    func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? {
        try await read().series.first { $0.metric == query.metric && query.subject == .id($0.subject.id) }
    }

    func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? { nil }
    func ask(_ requests: [Request]) async throws(StoreError) {}
    func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? { nil }
    func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {}
    func runningNode() async throws(StoreError) -> NodeIdentity? { nil }
    func nodes() async throws(StoreError) -> [NodeRecord] {
        [
            NodeRecord(
                name: "host-1-5f3a", processID: 1, version: "1", startedAt: Samples.noon, lastSeen: Samples.noon,
                isAlive: true,
                running: 1, manifest: 10, takesShare: true)
        ]
    }
    func close() async {}

    /// Cursors are plain offsets here.
    private func page<Item>(_ items: [Item], _ limit: Int, _ cursor: String?) throws(StoreError) -> Page<Item> {
        guard let offset = cursor.map({ Int($0) }) ?? 0 else { throw StoreError(.invalid, "the cursor is unknown") }
        let end = min(offset + limit, items.count)
        return Page(items: Array(items[min(offset, end)..<end]), nextCursor: end < items.count ? String(end) : nil)
    }
}
