internal import InsightsPlugin
internal import Synchronization

/// What the engine counts, for `/metrics`.
final class EngineMetrics: Sendable {
    private struct Histogram {
        static let bounds: [Double] = [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600,
        ]
        var counts = [UInt64](repeating: 0, count: Histogram.bounds.count + 1)
        var sum = 0.0

        mutating func observe(_ duration: Duration) {
            let seconds = max(0, duration.inSeconds)
            counts[Histogram.bounds.firstIndex { seconds <= $0 } ?? Histogram.bounds.count] += 1
            sum += seconds
        }

        var reading: MetricFamily.Sample.Reading {
            var total: UInt64 = 0
            var buckets: [(upperBound: Double, count: UInt64)] = []
            for (bound, count) in zip(Histogram.bounds + [.infinity], counts) {
                total += count
                buckets.append((bound, total))
            }
            return .histogram(buckets: buckets, sum: sum, count: total)
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

    private struct Counts {
        var runs: [String: Ends] = [:]
        var skipped: [String: [SkipReason: UInt64]] = [:]
        var durations = Histogram()
        var lateness = Histogram()
        var commits = Histogram()
        var reloads: UInt64 = 0
        var reloadFailures: UInt64 = 0
        var clockSteps: UInt64 = 0
        var abandoned: UInt64 = 0
    }

    private let counts = Mutex(Counts())

    func observe(_ observations: [Observation]) {
        counts.withLock { counts in
            for observation in observations {
                switch observation {
                case .started(_, _, _, _, let lateness):
                    if let lateness { counts.lateness.observe(lateness) }
                case .finished(let task, _, _, let status, _, let duration, _):
                    counts.runs[task, default: Ends()].count(status)
                    if let duration { counts.durations.observe(duration) }
                case .skipped(let task, let reason, let count):
                    counts.skipped[task, default: [:]][reason, default: 0] += UInt64(count)
                case .clockStepped: counts.clockSteps += 1
                case .abandoned: counts.abandoned += 1
                case .retrying, .refused: break
                }
            }
        }
    }

    func observeCommit(_ duration: Duration) { counts.withLock { $0.commits.observe(duration) } }

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
                samples: EngineMetrics.samples(counts.runs.mapValues(\.byStatus), label: "status") { $0.rawValue }),
            MetricFamily(
                name: "insights_task_skipped_total", kind: .counter, help: "Occurrences skipped, by task and reason.",
                samples: EngineMetrics.samples(counts.skipped, label: "reason") { $0.rawValue }),
            EngineMetrics.histogram(
                "insights_task_run_duration_seconds", "From the first start of a run to its end.", counts.durations),
            EngineMetrics.histogram(
                "insights_scheduler_lateness_seconds", "First start less the scheduled instant and its jitter.",
                counts.lateness),
            EngineMetrics.histogram("insights_store_operation_seconds", "Time of one durable commit.", counts.commits),
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
