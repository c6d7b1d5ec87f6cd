internal import InsightsPlugin
internal import Synchronization

/// What the engine counts, for `/metrics`.
final class EngineMetrics: Sendable {
    private struct Histogram {
        static let bounds: [Double] = [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600,
        ]
        // Compared and added as they are: to take a duration apart costs a division of 128 bits.
        private let limits = Histogram.bounds.map { Duration.microseconds(Int64(($0 * 1e6).rounded())) }
        private var counts = [UInt64](repeating: 0, count: Histogram.bounds.count + 1)
        private var sum = Duration.zero

        mutating func observe(_ duration: Duration) {
            let duration = max(.zero, duration)
            var index = 0
            while index < limits.count, duration > limits[index] { index += 1 }
            counts[index] += 1
            sum += duration
        }

        var reading: MetricFamily.Sample.Reading {
            var total: UInt64 = 0
            var buckets: [(upperBound: Double, count: UInt64)] = []
            for (bound, count) in zip(Histogram.bounds + [.infinity], counts) {
                total += count
                buckets.append((bound, total))
            }
            return .histogram(buckets: buckets, sum: sum.inSeconds, count: total)
        }
    }

    /// How often a task's runs ended in each way; flat, as there may be a million tasks.
    private struct Ends {
        var succeeded: UInt64 = 0
        var failed: UInt64 = 0
        var timedOut: UInt64 = 0
        var cancelled: UInt64 = 0
        var skipped: UInt64 = 0

        mutating func count(_ status: RunStatus) {
            switch status {
            case .succeeded: succeeded += 1
            case .failed: failed += 1
            case .timedOut: timedOut += 1
            case .cancelled: cancelled += 1
            case .skipped: skipped += 1
            case .queued, .running, .retrying, .interrupted: break
            }
        }

        var byStatus: [RunStatus: UInt64] {
            let all: [(RunStatus, UInt64)] = [
                (.succeeded, succeeded), (.failed, failed), (.timedOut, timedOut), (.cancelled, cancelled),
                (.skipped, skipped),
            ]
            return Dictionary(uniqueKeysWithValues: all.filter { $0.1 > 0 })
        }
    }

    /// By the task's number. A store gives these in turn, so most are places in an array: with a million tasks, looking
    /// a name up costs more than all else that is done to count a run.
    private struct PerTask<Count: Sendable>: Sendable {
        private static var denseLimit: Int64 { 1 << 24 }
        private var dense: [(name: String, count: Count)?] = []
        private var others: [TaskID: (name: String, count: Count)] = [:]

        mutating func change(_ task: TaskLabel, from start: Count, _ body: (inout Count) -> Void) {
            guard 0..<PerTask.denseLimit ~= task.id.value else {
                return body(&others[task.id, default: (task.name, start)].count)
            }
            let index = Int(task.id.value)
            while dense.count <= index { dense.append(nil) }
            if dense[index] == nil { dense[index] = (task.name, start) }
            body(&dense[index]!.count)
        }

        /// By name: a task that was numbered anew has the counts of both numbers.
        func byName<Key>(_ counts: (Count) -> [Key: UInt64]) -> [String: [Key: UInt64]] {
            let all = dense.compactMap { $0 } + others.values
            return Dictionary(all.map { ($0.name, counts($0.count)) }) { $0.merging($1, uniquingKeysWith: +) }
        }
    }

    private struct Counts {
        var runs = PerTask<Ends>()
        var skipped = PerTask<[SkipReason: UInt64]>()
        var durations = Histogram()
        var lateness = Histogram()
        var reloads: UInt64 = 0
        var reloadFailures: UInt64 = 0
        var clockSteps: UInt64 = 0
        var abandoned: UInt64 = 0
    }

    private let counts = Mutex(Counts())
    // Apart from the others, which are counted for a while when there are many.
    private let commits = Mutex(Histogram())

    func observe(_ observations: [Observation]) {
        counts.withLock { counts in
            for index in observations.indices {
                switch observations[index] {
                case .started(_, _, _, _, let lateness):
                    if let lateness { counts.lateness.observe(lateness) }
                case .finished(let task, _, _, let status, _, let duration, _):
                    counts.runs.change(task, from: Ends()) { $0.count(status) }
                    if let duration { counts.durations.observe(duration) }
                case .skipped(let task, let reason, let count):
                    counts.skipped.change(task, from: [:]) { $0[reason, default: 0] += UInt64(count) }
                case .clockStepped: counts.clockSteps += 1
                case .abandoned: counts.abandoned += 1
                case .retrying, .refused: break
                }
            }
        }
    }

    func observeCommit(_ duration: Duration) { commits.withLock { $0.observe(duration) } }

    func observeReload(succeeded: Bool) {
        counts.withLock { counts in
            if succeeded { counts.reloads += 1 } else { counts.reloadFailures += 1 }
        }
    }

    /// The families that counting alone gives.
    func families() -> [MetricFamily] {
        let counts = counts.withLock { $0 }
        return [
            MetricFamily(
                name: "insights_task_runs_total", kind: .counter, help: "Runs that ended, by task and final status.",
                samples: EngineMetrics.samples(counts.runs.byName(\.byStatus), label: "status") { $0.rawValue }),
            MetricFamily(
                name: "insights_task_skipped_total", kind: .counter, help: "Occurrences skipped, by task and reason.",
                samples: EngineMetrics.samples(counts.skipped.byName { $0 }, label: "reason") { $0.rawValue }),
            EngineMetrics.histogram(
                "insights_task_run_duration_seconds", "From the first start of a run to its end.", counts.durations),
            EngineMetrics.histogram(
                "insights_scheduler_lateness_seconds", "First start less the scheduled instant and its jitter.",
                counts.lateness),
            EngineMetrics.histogram(
                "insights_store_operation_seconds", "Time of one durable commit.",
                commits.withLock { $0 }),
            EngineMetrics.counter("insights_manifest_reloads_total", "Reloads that took effect.", counts.reloads),
            EngineMetrics.counter(
                "insights_manifest_reload_failures_total", "Reloads refused for an error in the manifest.",
                counts.reloadFailures),
            EngineMetrics.counter(
                "insights_clock_steps_total", "Steps of the wall clock against elapsed time.", counts.clockSteps),
            EngineMetrics.counter(
                "insights_runs_abandoned_total", "Attempts given up because their code did not stop.", counts.abandoned),
        ]
    }

    private static func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
        MetricFamily(
            name: name, kind: .counter, help: help, samples: [.init(labels: [], reading: .number(Double(value)))])
    }

    private static func histogram(_ name: String, _ help: String, _ histogram: Histogram) -> MetricFamily {
        MetricFamily(
            name: name, kind: .histogram, help: help, samples: [.init(labels: [], reading: histogram.reading)])
    }

    private static func samples<Key: Hashable>(
        _ counts: [String: [Key: UInt64]], label: String, text: (Key) -> String
    ) -> [MetricFamily.Sample] {
        counts.sorted { $0.key < $1.key }.flatMap { task, byKey in
            byKey.map { (text($0.key), $0.value) }.sorted { $0.0 < $1.0 }.map { key, count in
                .init(labels: [("task", task), (label, key)], reading: .number(Double(count)))
            }
        }
    }
}
