extension HTTP {
    /// A whole answer.
    public struct Response: Sendable {
        /// 200 and the like. A 304 is a module's only where it asked by a header of its own; of the cache it is the
        /// answer that was kept.
        public var status: Int
        /// As the server sent them, those of the body's packing taken off.
        public var headers: Headers
        /// Unpacked.
        public var body: [UInt8]
        /// The URL that answered, after redirects.
        public var url: URL
        /// Whether the server said that nothing changed since the answer that was kept (304).
        public var isFromCache: Bool
        /// Most levels that ``json()`` reads; the request's.
        public var depthLimit: Int

        /// Creates an answer.
        public init(
            status: Int, headers: Headers = [:], body: [UInt8] = [], url: URL, isFromCache: Bool = false,
            depthLimit: Int = 64
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.url = url
            self.isFromCache = isFromCache
            self.depthLimit = depthLimit
        }

        /// Whether the status is one of 200 to 299.
        public var isSuccess: Bool { (200..<300).contains(status) }

        /// The server's time, to the second; `nil` where it tells none.
        public var date: Instant? { headers["date"].flatMap { Instant(httpDate: $0) } }

        /// The body as JSON.
        ///
        /// - Throws: ``RunFailure`` `http_bad_answer` when it is none, or nests deeper than ``depthLimit``.
        public func json() throws(RunFailure) -> Value {
            do throws(JSONError) {
                return try Value(json: body, depthLimit: depthLimit)
            } catch {
                let type = headers["content-type"].map { " (\($0.prefix(80)))" } ?? ""
                throw RunFailure(
                    FailureCode.badAnswer, "\(url) answered \(status)\(type) with what is \(error)", retryable: true)
            }
        }

        /// The target of the `Link` header with this relation, such as `next`; `nil` when there is none.
        ///
        /// It may be of another origin: a request with a credential is refused there.
        ///
        /// - Throws: ``RunFailure`` `http_bad_answer` when it is no URL that can be used.
        /// - SeeAlso: RFC 8288, 3.
        public func link(_ relation: String) throws(RunFailure) -> URL? {
            for field in headers.values(of: "link") {
                for link in LinkReader.links(in: field) where link.relations.contains(relation.lowercased()) {
                    do throws(RunFailure) {
                        return try url.resolving(link.target)
                    } catch {
                        throw RunFailure(
                            FailureCode.badAnswer, "\(url) answered with a malformed link \"\(relation)\"",
                            retryable: true)
                    }
                }
            }
            return nil
        }
    }
}

/// Reads `Link` headers; what is malformed ends the reading.
private struct LinkReader {
    private var rest: Substring

    static func links(in field: String) -> [(target: String, relations: [String])] {
        var reader = LinkReader(rest: field[...])
        var links: [(target: String, relations: [String])] = []
        while let target = reader.target() {
            var relations: [String] = []
            while let (name, value) = reader.parameter() {
                // Only the first one counts (RFC 8288, 3.3).
                if name == "rel", relations.isEmpty {
                    relations = value.lowercased().split(separator: " ").map(String.init)
                }
            }
            links.append((target, relations))
            guard reader.take(",") else { break }
        }
        return links
    }

    private mutating func target() -> String? {
        while take(",") {}
        guard take("<"), let end = rest.firstIndex(of: ">") else { return nil }
        defer { rest = rest[rest.index(after: end)...] }
        return String(rest[..<end])
    }

    private mutating func parameter() -> (name: String, value: String)? {
        guard take(";") else { return nil }
        skipSpace()
        let name = word()
        guard take("=") else { return (name, "") }
        skipSpace()
        guard rest.first == "\"" else { return (name, word()) }
        rest = rest.dropFirst()
        var value = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return (name, value)
            case "\\": if let escaped = rest.popFirst() { value.append(escaped) }
            default: value.append(character)
            }
        }
        return (name, value)
    }

    private mutating func word() -> String {
        let word = rest.prefix { !" \t;,=\"".contains($0) }
        rest = rest[word.endIndex...]
        return word.lowercased()
    }

    private mutating func take(_ character: Character) -> Bool {
        skipSpace()
        guard rest.first == character else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func skipSpace() { rest = rest.drop { $0 == " " || $0 == "\t" } }
}
