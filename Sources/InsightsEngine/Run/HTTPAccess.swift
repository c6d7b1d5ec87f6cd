package import InsightsPlugin

/// Makes the HTTP clients of attempts: the port behind which connections, budgets and the cache are.
package protocol HTTPAccess: Sendable {
    /// The client of one attempt.
    ///
    /// - Parameters:
    ///   - run: Runs share a budget in turn; the attempts of one are one.
    ///   - deadline: When the attempt is cancelled: nothing waits for longer.
    ///   - onWait: Told what it waits for, for people, and `nil` once it goes on.
    func client(run: RunID, deadline: Instant, onWait: @escaping @Sendable (String?) -> Void) -> any HTTP.Client
    /// For `/metrics`.
    func metrics() -> [MetricFamily]
}

/// For a program without an HTTP client: every request fails.
package struct NoHTTP: HTTPAccess, HTTP.Client {
    package init() {}

    package func client(
        run: RunID, deadline: Instant, onWait: @escaping @Sendable (String?) -> Void
    ) -> any HTTP.Client { self }

    package func metrics() -> [MetricFamily] { [] }

    package func send(_ request: HTTP.Request) async throws -> HTTP.Response {
        throw request.failure(HTTP.FailureCode.refused, "this program has no HTTP client", retryable: false)
    }

    package func allowance(
        of budget: HTTP.Budget, at origin: HTTP.Origin, with credential: HTTP.Credential?
    ) async -> HTTP.Allowance { HTTP.Allowance() }
}
