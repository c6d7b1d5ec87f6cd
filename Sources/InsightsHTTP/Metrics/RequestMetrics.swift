internal import InsightsEngine
internal import Synchronization

/// Counts requests and measures how long their answers took.
///
/// Labels are route templates and known methods, anything else is `other`: what clients send cannot add series.
final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        var method: String
        var route: String
        var status: Int
    }

    private struct Timing {
        var counts: [UInt64]
        var sum: Double
    }

    private struct Place: Hashable {
        var method: String
        var route: String
    }

    private struct State {
        var requests: [Key: UInt64] = [:]
        var timings: [Place: Timing] = [:]
    }

    /// Upper bounds in seconds.
    static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    private let state = Mutex(State())

    /// Records one answer.
    ///
    /// - Parameters:
    ///   - route: The template, or `nil` when no route was found.
    ///   - duration: From the end of the headers to the beginning of the answer.
    func record(method: String, route: String?, status: Int, duration: Duration) {
        let method = RequestMetrics.methods.contains(method) ? method : "other"
        let route = route ?? "other"
        let seconds = max(0, duration / .seconds(1))
        state.withLock { state in
            state.requests[Key(method: method, route: route, status: status), default: 0] += 1
            let empty = Timing(counts: Array(repeating: 0, count: RequestMetrics.bounds.count + 1), sum: 0)
            let bucket = RequestMetrics.bounds.firstIndex { seconds <= $0 } ?? RequestMetrics.bounds.count
            state.timings[Place(method: method, route: route), default: empty].counts[bucket] += 1
            state.timings[Place(method: method, route: route)]?.sum += seconds
        }
    }

    /// `http_server_requests_total` and `http_server_request_duration_seconds`, sorted by label.
    func families() -> [MetricFamily] {
        let (requests, timings) = state.withLock { ($0.requests, $0.timings) }
        let counters = requests.sorted {
            ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status)
        }.map { key, count in
            MetricFamily.Sample(
                labels: [("method", key.method), ("route", key.route), ("status", String(key.status))],
                reading: .number(Double(count)))
        }
        let histograms = timings.sorted { ($0.key.route, $0.key.method) < ($1.key.route, $1.key.method) }
            .map { place, timing in
                MetricFamily.Sample(
                    labels: [("method", place.method), ("route", place.route)],
                    reading: RequestMetrics.reading(of: timing))
            }
        return [
            MetricFamily(
                name: "http_server_requests_total", kind: .counter, help: "Requests answered.", samples: counters),
            MetricFamily(
                name: "http_server_request_duration_seconds", kind: .histogram,
                help: "Time from the end of a request's headers to the beginning of its answer.", samples: histograms),
        ]
    }

    private static func reading(of timing: Timing) -> MetricFamily.Sample.Reading {
        var total: UInt64 = 0
        var buckets: [(upperBound: Double, count: UInt64)] = []
        for (bound, count) in zip(bounds + [.infinity], timing.counts) {
            total += count
            buckets.append((bound, total))
        }
        return .histogram(buckets: buckets, sum: timing.sum, count: total)
    }
}
