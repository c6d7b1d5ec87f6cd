extension HTTP {
    /// An absolute `http` or `https` URL, without user, password and fragment.
    ///
    /// Printed without its query, as secrets may stand there: logs and messages take `"\(url)"`.
    public struct URL: Hashable, Sendable, CustomStringConvertible {
        /// Scheme, host and port.
        public let origin: Origin
        /// Percent-encoded; begins with `/`.
        public let path: String
        /// Percent-encoded, without its `?`; `nil` when there is none.
        public let query: String?

        init(origin: Origin, path: String, query: String?) {
            self.origin = origin
            self.path = path
            self.query = query
        }

        /// Reads an absolute URL; a fragment is dropped, and what a URL may not hold as it is is percent-encoded.
        ///
        /// - Throws: ``RunFailure`` `http_refused`: another scheme, a user or password, a malformed host or port, a
        ///   control character.
        public init(_ text: String) throws(RunFailure) {
            guard let parts = URLParts(text), let scheme = parts.scheme, let authority = parts.authority else {
                throw URL.malformed("it is no absolute http or https URL")
            }
            let isSecure = scheme == "https"
            guard isSecure || scheme == "http" else { throw URL.malformed("its scheme is neither http nor https") }
            origin = try Origin(isSecure: isSecure, authority: authority)
            path = parts.path.isEmpty ? "/" : parts.path
            query = parts.query
        }

        /// The whole URL, query included.
        public var text: String { "\(origin)\(path)" + (query.map { "?" + $0 } ?? "") }

        /// The URL without its query.
        public var description: String { "\(origin)\(path)" }

        /// The path and the query: what a request asks for.
        package var target: String { path + (query.map { "?" + $0 } ?? "") }

        /// This URL with further segments of a path and a query; a query that it had is dropped.
        ///
        /// - Parameters:
        ///   - segments: Encoded each by itself; `.` and `..` too, so that they are names and no way.
        ///   - query: Names and values, in order, encoded likewise.
        public func appending(_ segments: [String], query: [(name: String, value: String)] = []) -> URL {
            var path = path
            for segment in segments {
                if path.utf8.last != UInt8(ascii: "/") { path += "/" }
                path += segment == "." ? "%2E" : segment == ".." ? "%2E%2E" : URL.encoded(segment)
            }
            let pairs = query.map { "\(URL.encoded($0.name))=\(URL.encoded($0.value))" }
            return URL(origin: origin, path: path, query: pairs.isEmpty ? nil : pairs.joined(separator: "&"))
        }

        /// Reads a reference as it stands in an answer of this URL: absolute, or relative to it.
        ///
        /// - Throws: ``RunFailure`` `http_refused`, as ``init(_:)``.
        /// - SeeAlso: RFC 3986, 5.2.
        public func resolving(_ reference: String) throws(RunFailure) -> URL {
            guard let parts = URLParts(reference) else { throw URL.malformed("it holds a control character") }
            if parts.scheme != nil { return try URL(reference) }
            if let authority = parts.authority {
                let origin = try Origin(isSecure: origin.isSecure, authority: authority)
                return URL(origin: origin, path: URL.withoutDots(parts.path), query: parts.query)
            }
            if parts.path.isEmpty { return URL(origin: origin, path: path, query: parts.query ?? query) }
            if parts.path.utf8.first == UInt8(ascii: "/") {
                return URL(origin: origin, path: URL.withoutDots(parts.path), query: parts.query)
            }
            let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "/"
            return URL(origin: origin, path: URL.withoutDots(folder + parts.path), query: parts.query)
        }

        /// RFC 3986, 5.2.4, of a path that begins with `/` or is empty.
        private static func withoutDots(_ path: String) -> String {
            var segments: [Substring] = []
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            for (index, segment) in parts.enumerated() {
                switch segment {
                case ".", "..":
                    if segment == "..", !segments.isEmpty { segments.removeLast() }
                    if index == parts.count - 1 { segments.append("") }
                default: segments.append(segment)
                }
            }
            return "/" + segments.joined(separator: "/")
        }

        /// `text` with all but the unreserved characters of RFC 3986 as `%XX`.
        private static func encoded(_ text: String) -> String {
            var encoded = ""
            for byte in text.utf8 {
                if byte.isAlphanumericASCII || "-._~".utf8.contains(byte) {
                    encoded.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    encoded += URLParts.percent(byte)
                }
            }
            return encoded
        }

        /// Says nothing of the URL itself, which may hold a password.
        fileprivate static func malformed(_ reason: String) -> RunFailure {
            RunFailure(FailureCode.refused, "the URL cannot be used: \(reason)", retryable: false)
        }
    }
}

extension HTTP.Origin {
    fileprivate init(isSecure: Bool, authority: String) throws(RunFailure) {
        guard !authority.contains("@") else {
            throw HTTP.URL.malformed("a user or password stands in it; send it as a credential")
        }
        let end = authority.hasPrefix("[") ? authority.firstIndex(of: "]").map(authority.index(after:)) : nil
        let colon = authority[(end ?? authority.startIndex)...].firstIndex(of: ":")
        let host = authority[..<(colon ?? authority.endIndex)].lowercased()
        guard HTTP.Origin.isHost(host), end == nil || end == (colon ?? authority.endIndex) else {
            throw HTTP.URL.malformed("its host is malformed")
        }
        var port = isSecure ? 443 : 80
        if let colon {
            let text = authority[authority.index(after: colon)...]
            guard text.utf8.count <= 5, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
                (1...65_535).contains(number)
            else { throw HTTP.URL.malformed("its port is malformed") }
            port = number
        }
        self.init(isSecure: isSecure, host: host, port: port)
    }

    private static func isHost(_ host: String) -> Bool {
        guard !host.isEmpty, host.utf8.count <= 255 else { return false }
        if host.hasPrefix("[") {
            return host.hasSuffix("]") && host.utf8.count > 3
                && host.dropFirst().dropLast().utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || $0 == 0x3A || $0 == 0x2E
                }
        }
        return host.utf8.allSatisfy { $0.isAlphanumericASCII || "-._".utf8.contains($0) }
    }
}

/// The parts of a reference, by RFC 3986, appendix B; illegal bytes of path and query percent-encoded.
private struct URLParts {
    var scheme: String?
    var authority: String?
    var path: String
    var query: String?

    /// - Returns: `nil` where a control character stands in it.
    init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        var rest = text[...]
        if let hash = rest.firstIndex(of: "#") { rest = rest[..<hash] }
        if let end = rest.firstIndex(where: { ":/?".contains($0) }), rest[end] == ":", end > rest.startIndex {
            scheme = rest[..<end].lowercased()
            rest = rest[rest.index(after: end)...]
        }
        if let mark = rest.firstIndex(of: "?") {
            query = URLParts.legal(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let end = rest.firstIndex(of: "/") ?? rest.endIndex
            authority = String(rest[..<end])
            rest = rest[end...]
        }
        path = URLParts.legal(rest)
    }

    static func percent(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return byte < 16 ? "%0" + digits : "%" + digits
    }

    private static func legal(_ text: Substring) -> String {
        var legal = ""
        for byte in text.utf8 {
            if byte.isAlphanumericASCII || "-._~:/?@!$&'()*+,;=%".utf8.contains(byte) {
                legal.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                legal += percent(byte)
            }
        }
        return legal
    }
}
