public import InsightsPlugin
internal import Synchronization

/// An HTTP client that connects to nothing: it answers as a test wrote down, and remembers what it was asked.
///
/// It refuses what a host refuses (plain `http` elsewhere, a credential of another origin, a malformed header) and
/// answers over the request's size limit; it follows no redirects, sends nothing again and knows no limits but those
/// that the test throws as failures.
public final class ScriptedHTTP: HTTP.Client {
    /// What a server says.
    public struct Answer: Sendable {
        /// 200 and the like.
        public var status: Int
        /// Its headers.
        public var headers: HTTP.Headers
        /// Its body.
        public var body: [UInt8]
        /// Whether it is one that the cache kept.
        public var isFromCache = false

        /// Creates an answer of any text.
        public init(_ status: Int = 200, headers: HTTP.Headers = [:], text: String = "") {
            self.status = status
            self.headers = headers
            body = Array(text.utf8)
        }

        /// Creates an answer of JSON.
        public init(_ status: Int = 200, headers: HTTP.Headers = [:], json: Value) {
            self.init(status, headers: headers, text: json.json)
            if self.headers["content-type"] == nil {
                self.headers["content-type"] = "application/json; charset=utf-8"
            }
        }
    }

    private struct State {
        var requests: [HTTP.Request] = []
        var allowance = HTTP.Allowance()
    }

    private let answer: @Sendable (HTTP.Request) async throws -> Answer?
    private let state = Mutex(State())

    /// Creates a client.
    ///
    /// - Parameter answer: Called for each request, also for several at once; `nil` is a server that cannot be reached,
    ///   and what it throws is what the module meets.
    public init(_ answer: @escaping @Sendable (HTTP.Request) async throws -> Answer? = { _ in nil }) {
        self.answer = answer
    }

    /// Every request so far that was not refused, in order.
    public var requests: [HTTP.Request] { state.withLock { $0.requests } }

    /// What ``allowance(of:at:with:)`` tells, whatever it is asked about.
    public var allowance: HTTP.Allowance {
        get { state.withLock { $0.allowance } }
        set { state.withLock { $0.allowance = newValue } }
    }

    /// Answers as scripted.
    public func send(_ request: HTTP.Request) async throws -> HTTP.Response {
        try Task.checkCancellation()
        if let refusal = request.refusal { throw refusal }
        state.withLock { $0.requests.append(request) }
        guard let answer = try await answer(request) else {
            throw request.failure(
                HTTP.FailureCode.unreachable, "the test scripts no answer to it", retryable: true)
        }
        guard answer.body.count <= request.sizeLimit else {
            throw request.failure(
                HTTP.FailureCode.tooLarge, "the answer has more than \(request.sizeLimit) bytes", retryable: false)
        }
        return HTTP.Response(
            status: answer.status, headers: answer.headers, body: answer.body, url: request.url,
            isFromCache: answer.isFromCache, depthLimit: request.depthLimit)
    }

    /// What the test set.
    public func allowance(
        of budget: HTTP.Budget, at origin: HTTP.Origin, with credential: HTTP.Credential?
    ) async -> HTTP.Allowance { allowance }
}
