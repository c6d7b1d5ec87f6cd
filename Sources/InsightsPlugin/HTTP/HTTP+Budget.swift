extension HTTP {
    /// What a request draws from: the server's limits, and the module's own.
    ///
    /// Limits are counted by origin, credential and resource; requests at once and a minute by origin and credential.
    /// The limits that the server tells in its answers (`x-ratelimit-…`, `RateLimit-…`, `Retry-After`) are kept without a
    /// word here; when the last request of a window has gone, the next waits for its end, before the server says no.
    public struct Budget: Hashable, Sendable {
        /// The server's name of a limit of its own, as `x-ratelimit-resource` tells it, such as `core` or `graphql`.
        public var resource: String
        /// Requests on their way at once, at most; at least 1.
        public var concurrency: Int
        /// Requests in any 60 s, at most; at least 1, or `nil` for no bound.
        public var requestsPerMinute: Int?

        /// Creates a budget.
        public init(_ resource: String = "default", concurrency: Int = 8, requestsPerMinute: Int? = nil) {
            self.resource = resource
            self.concurrency = concurrency
            self.requestsPerMinute = requestsPerMinute
        }
    }

    /// What is left of a budget.
    ///
    /// Instants are by this machine's clock, reckoned from the server's own time: they can be compared with a deadline.
    public struct Allowance: Hashable, Sendable {
        /// Requests in one window, or `nil` where the server tells none.
        public var limit: Int?
        /// Requests left in this window, those on their way taken off; `nil` where the server tells none.
        public var remaining: Int?
        /// When the window ends, if that is known.
        public var resetsAt: Instant?
        /// Until when no request goes, if the server has asked to wait or nothing remains.
        public var pausedUntil: Instant?
        /// Requests on their way, of all runs.
        public var inFlight: Int
        /// Requests that wait for their turn, of all runs.
        public var waiting: Int

        /// Creates an allowance; without a word nothing is known.
        public init(
            limit: Int? = nil, remaining: Int? = nil, resetsAt: Instant? = nil, pausedUntil: Instant? = nil,
            inFlight: Int = 0, waiting: Int = 0
        ) {
            self.limit = limit
            self.remaining = remaining
            self.resetsAt = resetsAt
            self.pausedUntil = pausedUntil
            self.inFlight = inFlight
            self.waiting = waiting
        }
    }
}
