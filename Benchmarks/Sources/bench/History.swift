import Glibc
import InsightsEngine
import InsightsPlugin
import InsightsStorage

/// Five years of daily samples of many repositories in one file, filled through the store's port: how large it is, and
/// how long it takes to answer.
///
/// Every repository has `views` and `clones` on each of 1 826 days, one in four `views_unique` and `clones_unique` too,
/// and each of them `stars` and `forks`; a tenth of the daily values are three digits long and the rest one or two, as
/// traffic is. They come in as collecting brings them: a fortnight of each repository at a time, oldest first, so that
/// the pages are filled as they are in use.
struct History {
    static let days = 1826
    /// How many days one collection brings, as a forge's window has.
    static let window = 14

    let repositories: Int
    let path: String
    /// Whether the file stays, for other programs to be measured on.
    let isKept: Bool

    /// - Parameter path: Of the file that stays; `nil`: one of its own that goes.
    init(repositories: Int, path: String?) {
        self.repositories = repositories
        self.path = path ?? "bench-history-\(getpid()).db"
        isKept = path != nil
    }

    private static let metrics = [
        MetricDeclaration("views", unit: "views", shape: .daily, additive: true, summary: "Views"),
        MetricDeclaration("clones", unit: "clones", shape: .daily, additive: true, summary: "Clones"),
        MetricDeclaration("views_unique", unit: "people", shape: .daily, additive: false, summary: "Visitors"),
        MetricDeclaration("clones_unique", unit: "people", shape: .daily, additive: false, summary: "Cloners"),
        MetricDeclaration("stars", unit: "stars", shape: .gauge, additive: true, summary: "Stars"),
        MetricDeclaration("forks", unit: "forks", shape: .gauge, additive: true, summary: "Forks"),
    ]
    private static let firstDay = Instant("2021-01-01T00:00:00Z")!

    func run() async throws {
        for suffix in ["", "-journal", ".lock"] { unlink(path + suffix) }
        let store = try SQLiteStore.open(path: path)
        defer { if !isKept { for suffix in ["", "-journal", ".lock"] { unlink(path + suffix) } } }
        try await store.acquire(NodeIdentity(name: "bench", processID: getpid(), version: "0"))
        let task = try await store.register([TaskRegistration(name: "fill", hash: 1)], at: History.firstDay)[0].id
        let start = ContinuousClock.now
        let samples = try await fill(store, task)
        let seconds = (ContinuousClock.now - start).inSeconds
        await store.close()
        var status = stat()
        stat(path, &status)
        let reader = try SQLiteStore.open(path: path, mode: .readOnly)
        var line: ValueObject = [
            "repositories": .integer(Int64(repositories)), "daily_samples": .integer(Int64(samples)),
            "file_bytes": .integer(Int64(status.st_size)),
            "bytes_per_sample": .number(Double(status.st_size) / Double(samples)),
            "samples_per_second": .number(Double(samples) / seconds),
        ]
        let repository = SubjectReference(kind: "repository", key: History.key(repositories / 2))
        line["metrics_ms"] = try await milliseconds { try await reader.latest(LatestQuery()).count }
        line["one_metric_ms"] = try await milliseconds { try await reader.latest(LatestQuery(metric: "views")).count }
        line["series_ms"] = try await milliseconds {
            let query = SeriesQuery(subject: .key(repository.key, kind: nil), metric: "views")
            return try await reader.series(query)?.points.count ?? 0
        }
        line["sorted_subjects_ms"] = try await milliseconds {
            let query = SubjectQuery(kind: "repository", sort: "stars", order: .descending)
            return try await reader.subjects(query).items.count
        }
        await reader.close()
        let again = try SQLiteStore.open(path: path)
        line["roll_up_all_ms"] = .number(try await rollUp(again, task))
        line["roll_up_unchanged_ms"] = .number(try await rollUp(again, task))
        report(line)
        await again.close()
    }

    /// The median of five, after one that warms the caches.
    private func milliseconds(_ work: () async throws -> Int) async throws -> Value {
        var times: [Double] = []
        for _ in 0..<6 {
            let start = ContinuousClock.now
            guard try await work() > 0 else { fatalError("nothing was found") }
            times.append((ContinuousClock.now - start).inSeconds * 1000)
        }
        return .number(times.dropFirst().sorted()[2])
    }

    private static func key(_ number: Int) -> String { "forge.example/org\(number % 50)/repository-\(number)" }

    // MARK: Filling

    private func fill(_ store: SQLiteStore, _ task: TaskID) async throws -> Int {
        var random = SystemRandomNumberGenerator()
        var ids = RunIDSource(seed: 1)
        var samples = 0
        for first in stride(from: 0, to: History.days, by: History.window) {
            let window = first..<min(first + History.window, History.days)
            let at = History.day(window.upperBound)
            for block in stride(from: 0, to: repositories, by: 1000) {
                var emissions: [Emission] = []
                for number in block..<min(block + 1000, repositories) {
                    if first == 0 { emissions += History.subjects(number) }
                    samples += History.emit(number, window, at, &random, into: &emissions)
                }
                try await commit(emissions, at: at, store, task, ids.next(at: at))
            }
        }
        return samples
    }

    private static func subjects(_ number: Int) -> [Emission] {
        let account = SubjectReference(kind: "account", key: "forge.example/org\(number % 50)")
        return [
            .subject(
                Subject(
                    kind: "repository", key: key(number), externalID: String(10_000 + number),
                    name: "repository-\(number)", url: "https://" + key(number), parent: account))
        ]
    }

    /// - Returns: How many daily samples.
    private static func emit(
        _ number: Int, _ window: Range<Int>, _ at: Instant, _ random: inout SystemRandomNumberGenerator,
        into emissions: inout [Emission]
    ) -> Int {
        let subject = SubjectReference(kind: "repository", key: key(number))
        let daily = number % 4 == 0 ? metrics[0..<4] : metrics[0..<2]
        for metric in daily {
            for day in window {
                let isBusy = UInt8.random(in: 0..<10, using: &random) == 0
                let value = Int.random(in: isBusy ? 100...999 : 0...99, using: &random)
                emissions.append(.sample(Sample(subject, metric.name, at: History.day(day), Double(value))))
            }
        }
        for metric in metrics[4...] {
            emissions.append(.sample(Sample(subject, metric.name, at: at, Double(number + window.lowerBound / 100))))
        }
        return daily.count * window.count
    }

    private static func day(_ number: Int) -> Instant { firstDay.advanced(by: .seconds(86_400 * number)) }

    private func rollUp(_ store: SQLiteStore, _ task: TaskID) async throws -> Double {
        let emissions = (0..<50).map { account in
            Emission.rollUp(
                RollUp(
                    SubjectReference(kind: "account", key: "forge.example/org\(account)"), from: "repository",
                    metrics: ["views", "clones", "stars", "forks"]))
        }
        var ids = RunIDSource(seed: UInt64.random(in: 2...1 << 40))
        let at = History.day(History.days)
        let start = ContinuousClock.now
        try await commit(emissions, at: at, store, task, ids.next(at: at))
        return (ContinuousClock.now - start).inSeconds * 1000
    }

    private func commit(
        _ emissions: [Emission], at: Instant, _ store: SQLiteStore, _ task: TaskID, _ run: RunID
    ) async throws {
        let claim = Claim(
            run: run, task: task, uses: "bench.fill", occurrence: nil, scheduledAt: at, trigger: .manual, attempts: 1,
            at: at, starts: true, lateness: nil, movesDependents: false, clearsMarks: false)
        let finish = AttemptFinish(
            run: run, task: task, fence: 1, disposition: .final(.succeeded, reason: nil), at: at,
            payload: AttemptPayload(emissions: emissions, metrics: History.metrics))
        let outcomes = try await store.commit([.claim(claim), .finish(finish)])
        guard outcomes == [.done, .done] else { fatalError("not stored: \(outcomes)") }
    }
}
