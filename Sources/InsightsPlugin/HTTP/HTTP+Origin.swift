extension HTTP {
    /// Scheme, host and port: what credentials and budgets belong to.
    ///
    /// - SeeAlso: RFC 6454.
    public struct Origin: Hashable, Sendable, CustomStringConvertible {
        /// Whether it is `https`.
        public let isSecure: Bool
        /// A name or an address in lower case; an IPv6 address in brackets.
        public let host: String
        /// The port, also where it is the usual one.
        public let port: Int

        init(isSecure: Bool, host: String, port: Int) {
            self.isSecure = isSecure
            self.host = host
            self.port = port
        }

        /// Reads an origin, `https://api.example.org` or `http://127.0.0.1:8080`; of a longer URL the rest is dropped.
        ///
        /// - Throws: ``RunFailure`` `http_refused`.
        public init(_ text: String) throws(RunFailure) { self = try URL(text).origin }

        /// The host, with the port where it is not the usual one: `codeberg.org`, `git.example.org:8443`.
        public var authority: String { port == (isSecure ? 443 : 80) ? host : "\(host):\(port)" }

        /// `https://api.example.org`.
        public var description: String { (isSecure ? "https://" : "http://") + authority }

        /// Whether it is this machine by its own word: `localhost`, 127.0.0.0/8 or `[::1]`. Only there plain `http`
        /// is spoken.
        public var isLoopback: Bool {
            if host == "localhost" || host == "[::1]" { return true }
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 4 && parts[0] == "127"
                && parts.allSatisfy { part in
                    part.utf8.count <= 3 && part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part) != nil
                }
        }

        /// A URL of this origin: each segment and each part of the query is encoded, so that no name can reach out of
        /// its place.
        ///
        /// - Parameters:
        ///   - segments: Of the path; none is `/`.
        ///   - query: Names and values, in order.
        public func url(_ segments: [String], query: [(name: String, value: String)] = []) -> URL {
            URL(origin: self, path: "/", query: nil).appending(segments, query: query)
        }
    }
}
