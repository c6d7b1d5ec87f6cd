package import InsightsEngine
package import InsightsPlugin
package import Logging
package import NIOSSL

/// The HTTP clients of a program, on AsyncHTTPClient: connections, budgets and the cache are one for all its runs.
package final class AsyncHTTPAccess: HTTPAccess {
    /// Most bytes of an answer that a module can ask for.
    package static let sizeLimit = 16 << 20
    /// Of the cache's files.
    package static let cacheLimit = 256 << 20

    let clock: any EngineClock
    let userAgent: String
    let budgets: Budgets
    let cache: AnswerCache?
    let wire: Wire

    /// - Parameters:
    ///   - userAgent: Said where a module says none, such as `insights/1.0.0`.
    ///   - cacheFolder: Made when an answer is first kept; `nil`: none is.
    ///   - trustRoots: Who may vouch for servers.
    package init(
        clock: any EngineClock, userAgent: String, cacheFolder: String?, cacheLimit: Int = AsyncHTTPAccess.cacheLimit,
        connectTimeout: Duration = .seconds(10), trustRoots: NIOSSLTrustRoots = .default, logger: Logger
    ) {
        self.clock = clock
        self.userAgent = userAgent
        budgets = Budgets(clock: clock)
        cache = cacheFolder.map { AnswerCache(path: $0, sizeLimit: cacheLimit, logger: logger) }
        wire = Wire(connectTimeout: connectTimeout, trustRoots: trustRoots)
    }

    package func client(
        run: RunID, deadline: Instant, onWait: @escaping @Sendable (String?) -> Void
    ) -> any HTTP.Client {
        AttemptClient(access: self, run: run, deadline: deadline, onWait: onWait)
    }

    package func metrics() -> [MetricFamily] {
        let samples = budgets.remaining()
            .map { left in
                (
                    labels: [
                        left.key.origin.authority, CredentialDigest.short(left.key.credential), left.resource,
                    ], remaining: left.remaining
                )
            }
            .sorted { $0.labels.lexicographicallyPrecedes($1.labels) }
            .map { sample in
                MetricFamily.Sample(
                    labels: Array(zip(["host", "credential", "resource"], sample.labels)),
                    reading: .number(Double(sample.remaining)))
            }
        return [
            MetricFamily(
                name: "insights_forge_budget_remaining", kind: .gauge,
                help: "Requests left in the server's window, by host, digest of the credential, and resource.",
                samples: samples)
        ]
    }

    /// Ends every request, and closes every connection.
    package func shutdown() async { await wire.shutdown() }
}
