/// What the HTTP side is started with; apart from the running service, so that it can be checked first.
package struct HTTPConfiguration: Sendable {
    /// A name or an address of this machine; `HOST`, `--host`.
    package var host: String
    /// 0…65 535; 0 lets the system choose one, which `onListening` then tells. `PORT`, `--port`.
    package var port: Int
    /// The bearer token of the admin routes; without one they answer 403 and say how to enable them.
    package var adminToken: Secret?
    /// The program's version, for the description of the API and the page.
    package var version: String
    /// Threads that serve HTTP and do nothing else, 1…64.
    package var threads: Int
    /// How long requests under way may take to end once a shutdown has begun.
    package var grace: Duration
    /// What a client may take.
    package var limits: HTTPLimits

    package init(
        host: String = "127.0.0.1", port: Int = 8080, adminToken: Secret? = nil, version: String = "0",
        threads: Int = 2, grace: Duration = .seconds(30), limits: HTTPLimits = HTTPLimits()
    ) {
        self.host = host
        self.port = port
        self.adminToken = adminToken
        self.version = version
        self.threads = threads
        self.grace = grace
        self.limits = limits
    }
}

/// What a client may take of time and space.
package struct HTTPLimits: Sendable {
    /// From a request's first byte, or from the opening of the connection, to the end of the headers.
    package var headers: Duration = .seconds(10)
    /// From a request's first byte to its last, and to the first of the answer, but where an answer waits by request.
    package var request: Duration = .seconds(30)
    /// For a reader: without a byte of the answer taken.
    package var reading: Duration = .seconds(30)
    /// Between an answer and the next request on the same connection.
    package var idle: Duration = .seconds(60)
    /// After a refusal: how long what the client still sends is read and dropped, so that it gets to see the answer.
    package var linger: Duration = .seconds(2)
    /// Of a request's body, in bytes.
    package var body = 1 << 20
    /// Of the request line and of each header, in bytes.
    package var headerBytes = 16 << 10
    /// Of all headers together, in bytes.
    package var headerListBytes = 32 << 10
    package var headerCount = 100
    /// At once; one more is answered 503 and closed.
    package var connections = 256
    /// After the first wrong token from an address; it doubles with each further one.
    package var firstPenalty: Duration = .milliseconds(100)
    /// What that delay never exceeds.
    package var longestPenalty: Duration = .seconds(5)

    package init() {}
}
