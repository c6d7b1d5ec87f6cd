/// What a run needs to ask servers over HTTP, under one name: `Request`, `Response` and the like exist in many libraries.
///
/// ```swift
/// let origin = try HTTP.Origin("https://api.example.org")
/// let token = HTTP.Credential.bearer(secret, at: origin)
/// var request = HTTP.Request(.get, try origin.url(["v1", "stations", name], query: [("unit", "mm")]))
/// request.credential = token
/// let response = try await context.http.send(request)
/// guard response.status == 200 else { … }
/// let station = try response.json()
/// ```
public enum HTTP {
    /// Asks servers, for one run.
    ///
    /// The host has it: modules of all tasks share connections, budgets and the cache, so that what one run learns of a
    /// limit keeps the others from running into it.
    public protocol Client: Sendable {
        /// Sends a request and reads the whole answer.
        ///
        /// Waits first until the request's ``HTTP/Budget`` lets it go, in turn with other runs, and while the server has
        /// asked to wait. Redirects within the same scheme, host and port are followed, five at most. Sent again,
        /// with growing delay, up to ``HTTP/Request/tries`` times: what could not be connected; where sending twice
        /// does no harm also 502, 503, 504 and a connection that broke. What was answered by a limit (429, or a 403
        /// that is one) is sent again once that is over, ten times at most, which are no tries.
        /// Every other answer is the module's, 4xx and 5xx among them.
        ///
        /// - Throws: ``RunFailure`` with a code of ``HTTP/FailureCode``; its message names method, host and path, never
        ///   the query or a credential. `CancellationError` when the run is cancelled meanwhile: the request is given
        ///   up at once.
        func send(_ request: Request) async throws -> Response

        /// What is left of a budget, as the last answers told: to plan by.
        func allowance(of budget: Budget, at origin: Origin, with credential: Credential?) async -> Allowance
    }

    /// Codes of the ``RunFailure``s that ``HTTP/Client/send(_:)`` and ``HTTP/Response/json()`` throw.
    public enum FailureCode {
        /// The request itself is wrong: plain `http` off this machine, a credential of another origin, a malformed
        /// header. Not retryable.
        public static let refused = "http_refused"
        /// A redirect to another scheme, host or port, in a circle, or after five others. Not retryable.
        public static let redirect = "http_redirect"
        /// No connection, or one that broke before the answer was whole, at the last try, too. Retryable.
        public static let unreachable = "http_unreachable"
        /// The server cannot prove who it is. Not retryable.
        public static let tls = "http_tls"
        /// 10 s without a connection, or ``HTTP/Request/timeout`` without the whole answer. Retryable.
        public static let timeout = "http_timeout"
        /// More bytes than ``HTTP/Request/sizeLimit``, compressed ones counted as what they become. Not retryable.
        public static let tooLarge = "http_too_large"
        /// No HTTP, broken packing, no JSON, or nested too deep. Retryable.
        public static let badAnswer = "http_bad_answer"
        /// A limit that lasts longer than the attempt, or than ``HTTP/Request/longestWait``. Retryable, at ``RunFailure/retryAt``.
        public static let rateLimited = "rate_limited"
    }
}
