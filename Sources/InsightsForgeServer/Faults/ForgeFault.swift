package import InsightsPlugin

/// Something that goes wrong with the answers to some requests.
package struct ForgeFault: Sendable {
    /// What goes wrong.
    package enum Effect: Sendable {
        /// Another status with a message; nothing is charged.
        case status(Int, message: String = "Server Error", headers: [String: String] = [:])
        /// The connection is reset after this many bytes of the answer, its head included.
        case reset(afterBytes: Int = 0)
        /// The connection is closed in order after this many bytes of the answer, its head included.
        case close(afterBytes: Int)
        /// The answer takes this much longer.
        case slow(Duration)
        /// The answer comes a few bytes at a time.
        case drip(bytes: Int, pause: Duration)
        /// No answer ever comes; the connection stays open.
        case hang
        /// `Content-Length` promises this many bytes more than come; then the connection is closed.
        case overlongLength(by: Int = 100)
        /// The body comes in chunks of this many bytes instead of with a length; cut short, the last one never comes
        /// and the connection is closed.
        case chunked(bytes: Int = 512, isCutShort: Bool = false)
        /// These bytes instead of any answer, and then the end of the connection.
        case raw(String)
        /// The body ends in the middle, and `Content-Length` agrees.
        case truncatedBody
        /// The body is what a front server says to people, with the status and the type of an API's answer.
        case notJSON
        /// The body is right, its `Content-Type` is this.
        case contentType(String)
        /// There is always one page more, and each is the first one again.
        case endlessPages
        /// Each answer is a redirect to the same with another number in its query.
        case redirectLoop
        /// A redirect to the same path under another root, such as `http://127.0.0.1:9`.
        case redirect(to: String, status: Int = 302)
        /// A body of this many bytes, valid JSON.
        case hugeBody(bytes: Int = 10_485_760)
        /// A body that is nothing but lists in lists, valid JSON.
        case deepNesting(levels: Int = 10_000)
        /// The body's JSON, changed.
        case change(@Sendable (Value) -> Value)
    }

    /// A glob over `METHOD target`, for example `GET */traffic/views` or `POST */graphql`; `*` is any run of characters.
    package var pattern: String
    /// What goes wrong.
    package var effect: Effect
    /// How many matching requests are spared at first.
    package var spared = 0
    /// How many matching requests it strikes then; `nil` for all.
    package var times: Int?
    /// How likely it strikes, 0…1.
    package var chance = 1.0
    /// What the chance is drawn from.
    package var seed: UInt64 = 0
    private var seen: UInt64 = 0
    private var struck = 0

    /// Creates a fault for all requests that `pattern` matches.
    package init(_ effect: Effect, on pattern: String) {
        self.effect = effect
        self.pattern = pattern
    }

    /// Whether it strikes this request; each call counts as one request.
    mutating func strikes(_ request: ForgeRequest) -> Bool {
        guard Glob.matches(Array("\(request.method) \(request.target)".utf8)[...], Array(pattern.utf8)[...]) else {
            return false
        }
        seen += 1
        guard seen > UInt64(spared), times.map({ struck < $0 }) ?? true,
            Dice(seed: seed).fraction(seen, 17) < chance
        else { return false }
        struck += 1
        return true
    }
}

extension ForgeFault.Effect {
    /// Every member of this name, at any depth, is missing.
    package static func missing(_ key: String) -> ForgeFault.Effect { .change { $0.replacing(key) { _ in nil } } }

    /// Every member of this name, at any depth, is `null`.
    package static func null(_ key: String) -> ForgeFault.Effect { .change { $0.replacing(key) { _ in .null } } }

    /// Every number of this name, at any depth, is text.
    package static func text(_ key: String) -> ForgeFault.Effect {
        .change { $0.replacing(key) { .string($0.json) } }
    }

    /// Every member of this name, at any depth, has this value.
    package static func value(_ key: String, _ value: Value) -> ForgeFault.Effect {
        .change { $0.replacing(key) { _ in value } }
    }

    /// A GraphQL error beside the data, of which the repository at `index` is `null`.
    package static func graphQLError(at index: Int = 0, type: String = "SERVICE_UNAVAILABLE") -> ForgeFault.Effect {
        .change { body in
            guard var answer = body.object, var data = answer["data"]?.object else { return body }
            var path: [Value] = []
            if var nodes = data["nodes"]?.array, nodes.indices.contains(index) {
                nodes[index] = .null
                data["nodes"] = .array(nodes)
                path = ["nodes", .integer(Int64(index))]
            } else {
                let keys = data.keys.filter { $0 != "rateLimit" }
                guard keys.indices.contains(index) else { return body }
                data[keys[index]] = .null
                path = [.string(keys[index])]
            }
            answer["data"] = .object(data)
            answer["errors"] = .array(
                (answer["errors"]?.array ?? []) + [
                    [
                        "type": .string(type), "path": .array(path), "locations": [GraphQLAPI.place(1, 1)],
                        "message": "Something went wrong while executing your query.",
                    ]
                ])
            return .object(answer)
        }
    }
}

/// Patterns in which `*` is any run of characters.
enum Glob {
    /// - Complexity: O(text × pattern).
    static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var text = text
        var pattern = pattern
        /// Where to go on when what followed the last star did not fit.
        var retry: (text: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
        while let byte = text.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern.removeFirst()
                retry = (text, pattern)
            } else if pattern.first == byte {
                pattern.removeFirst()
                text.removeFirst()
            } else if let saved = retry {
                text = saved.text.dropFirst()
                pattern = saved.pattern
                retry = (text, pattern)
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension Value {
    /// This value with each member `key` of each object in it replaced, or left out for `nil`.
    func replacing(_ key: String, _ change: (Value) -> Value?) -> Value {
        switch self {
        case .array(let elements): return .array(elements.map { $0.replacing(key, change) })
        case .object(let object):
            var pairs: [(key: String, value: Value)] = []
            for pair in object {
                if pair.key == key {
                    if let value = change(pair.value) { pairs.append((key, value)) }
                } else {
                    pairs.append((pair.key, pair.value.replacing(key, change)))
                }
            }
            return .object(ValueObject(distinct: pairs))
        default: return self
        }
    }
}
