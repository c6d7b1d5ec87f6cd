extension HTTP {
    /// A request's method.
    public enum Method: String, Hashable, Sendable {
        /// Reads.
        case get = "GET"
        /// Reads the headers alone.
        case head = "HEAD"
        /// Adds, or asks with a body.
        case post = "POST"
        /// Replaces.
        case put = "PUT"
        /// Changes.
        case patch = "PATCH"
        /// Removes.
        case delete = "DELETE"
    }

    /// What is asked of a server.
    public struct Request: Sendable {
        /// `GET` and the like.
        public var method: Method
        /// Plain `http` only to this machine.
        public var url: URL
        /// Besides those that the host adds: `User-Agent` where none is named, `Accept-Encoding`, length, host.
        public var headers: Headers
        /// Empty: none.
        public var body: [UInt8]
        /// What the request proves itself by.
        public var credential: Credential?
        /// What it draws from.
        public var budget: Budget
        /// Whether it may be asked by `ETag` or `Last-Modified` of an earlier answer that the host kept, so that the
        /// server need only say that nothing changed. The answer is whole either way; only for `GET`.
        ///
        /// Kept by credential, URL and all of ``headers``, across restarts, on a disk that others cannot read.
        public var isCached: Bool
        /// Most bytes of an answer's body, unpacked; at most 16 MiB.
        public var sizeLimit: Int
        /// Most levels of lists and objects in ``Response/json()``, at most 128.
        public var depthLimit: Int
        /// For the whole answer, redirects included, from when the request leaves; each try has it anew, the time
        /// that a budget makes it wait does not count, and the attempt's deadline ends it in any case.
        public var timeout: Duration
        /// How long a limit may hold it back at most; one that lasts longer fails it at once with `rate_limited`. `nil`:
        /// as long as the attempt lasts. For what can be had elsewhere, under another limit.
        public var longestWait: Duration?
        /// How often it is sent at most, where sending it again can help and does no harm; at least 1.
        public var tries: Int
        /// Whether sending it twice does no harm: by default of all methods but `POST` and `PATCH`.
        public var isIdempotent: Bool

        /// Creates a request; what is not named here has a default and can be set.
        public init(
            _ method: Method, _ url: URL, headers: Headers = [:], body: [UInt8] = [], credential: Credential? = nil,
            budget: Budget = Budget()
        ) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
            self.credential = credential
            self.budget = budget
            isCached = false
            sizeLimit = 8 << 20
            depthLimit = 64
            timeout = .seconds(30)
            longestWait = nil
            tries = 4
            isIdempotent = method != .post && method != .patch
        }
    }
}

extension HTTP.Request: CustomStringConvertible {
    /// Method and URL, without the query.
    public var description: String { "\(method.rawValue) \(url)" }
}

extension HTTP.Request {
    /// The headers that are the host's, or a credential's.
    private static let kept: Set<String> = [
        "accept-encoding", "authorization", "connection", "content-length", "expect", "host", "keep-alive",
        "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// Why no host may send this, or `nil`: hosts and fakes hold modules to the same.
    package var refusal: RunFailure? {
        guard url.origin.isSecure || url.origin.isLoopback else {
            return refused("plain http is spoken to this machine alone; use https")
        }
        if let credential {
            guard credential.origin == url.origin else {
                return refused("its credential belongs to \(credential.origin) and is sent nowhere else")
            }
            guard HTTP.Headers.Field(credential.header, credential.value).isValid, !credential.value.isEmpty else {
                return refused("its credential is empty or holds characters that no header takes")
            }
        }
        for field in headers {
            // The name alone, cut: a value may be secret.
            let name = String(field.name.prefix(40))
            guard field.isValid else { return refused("the header \"\(name)\" holds characters that no header takes") }
            let lower = field.name.lowercased()
            if HTTP.Request.kept.contains(lower) || lower == credential?.header {
                return refused("the header \"\(name)\" is not a module's to set; a secret is a credential")
            }
        }
        if !body.isEmpty, method == .get || method == .head { return refused("\(method.rawValue) has no body") }
        return nil
    }

    /// A failure that says what was asked for.
    package func failure(
        _ code: String, _ reason: String, retryable: Bool, retryAt: Instant? = nil
    ) -> RunFailure {
        RunFailure(code, "\(self): \(reason)", retryable: retryable, retryAt: retryAt)
    }

    private func refused(_ reason: String) -> RunFailure {
        failure(HTTP.FailureCode.refused, reason, retryable: false)
    }
}
