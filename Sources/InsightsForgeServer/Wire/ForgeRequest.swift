/// A request as it came, taken apart.
struct ForgeRequest: Sendable {
    let method: String
    /// Path and query, byte for byte.
    let target: String
    /// Names in lower case, in the order sent.
    let headers: [(name: String, value: String)]
    let body: [UInt8]
    /// The path's parts, decoded; GitLab's `acme%2Fwidget` is one.
    let segments: [String]
    /// The query's parts, decoded, in order.
    let query: [(name: String, value: String)]

    init(method: String, target: String, headers: [(name: String, value: String)], body: [UInt8]) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        segments = parts[0].split(separator: "/").map { PercentCoding.decode($0) }
        query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                PercentCoding.decode(sides[0], plusIsSpace: true),
                sides.count > 1 ? PercentCoding.decode(sides[1], plusIsSpace: true) : ""
            )
        }
    }

    /// The path alone, byte for byte.
    var path: Substring { target.prefix { $0 != "?" } }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// Whether a parameter says yes, in any of the spellings that GitLab's own reader takes; `nil` without it.
    func flag(_ name: String) -> Bool? {
        parameter(name).map { ["true", "t", "1", "yes", "y", "on"].contains($0.lowercased()) }
    }

    /// The server's root as the client called it: absolute addresses in answers begin with it.
    var root: String { "http://\(header("host") ?? "127.0.0.1")" }

    /// `path` on this server, with this request's query but for `changes`.
    func address(_ path: String, changing changes: [(name: String, value: String)] = []) -> String {
        let kept = query.filter { pair in !changes.contains { $0.name == pair.name } }
        let text = (kept + changes).map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }
        return root + path + (text.isEmpty ? "" : "?" + text.joined(separator: "&"))
    }
}
