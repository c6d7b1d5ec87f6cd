internal import InsightsPlugin

/// What the forge answers, before it meets the wire.
struct ForgeAnswer: Sendable {
    var status: Int
    /// In the order sent; `Date` and `Content-Length` are added by ``bytes(at:keepsAlive:)``.
    var headers: [(name: String, value: String)] = []
    /// The body as JSON, for faults to change; `nil` once it is only bytes.
    var json: Value?
    var body: [UInt8] = []
    /// How it is put on the wire.
    var delivery = Delivery()
    /// What it costs of the budget for ``resource``.
    var cost = 1
    /// The budget it is charged to.
    var resource = ForgeResource.core
    /// Whom it tells to wait, and until when; in force once it is sent.
    var wait: (user: String, until: Instant)?

    init(status: Int, headers: [(name: String, value: String)] = [], json: Value) {
        self.status = status
        self.headers = headers
        self.json = json
    }

    init(status: Int, headers: [(name: String, value: String)] = [], type: String, text: String) {
        self.status = status
        self.headers = headers + [("Content-Type", type)]
        body = Array(text.utf8)
    }

    /// A value of a header, by any spelling of its name.
    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    mutating func setHeader(_ name: String, _ value: String?) {
        headers.removeAll { $0.name.lowercased() == name.lowercased() }
        if let value { headers.append((name, value)) }
    }

    /// Turns ``json`` into bytes, once.
    mutating func render() {
        guard let json else { return }
        body = json.jsonBytes
        self.json = nil
        if header("Content-Type") == nil { headers.append(("Content-Type", "application/json; charset=utf-8")) }
    }

    /// The whole answer as HTTP/1.1 has it, or as ``delivery`` wants it.
    func bytes(at now: Instant, keepsAlive: Bool, hasBody: Bool) -> [UInt8] {
        if delivery.isRaw { return body }
        var head = "HTTP/1.1 \(status) \(ForgeAnswer.reasons[status] ?? "Status")\r\nDate: \(now.httpDate)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        let mayHaveBody = status != 204 && status != 304
        if mayHaveBody {
            head +=
                delivery.chunk == nil
                ? "Content-Length: \(delivery.declaredLength ?? body.count)\r\n" : "Transfer-Encoding: chunked\r\n"
        }
        head += "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        return Array(head.utf8) + (hasBody && mayHaveBody ? delivery.chunk.map(chunks) ?? body : [])
    }

    /// The body in chunks (RFC 9112, section 7.1).
    private func chunks(of size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: body.count, by: size) {
            let part = body[start..<min(start + size, body.count)]
            bytes += Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8)
        }
        return delivery.lacksLastChunk ? bytes : bytes + Array("0\r\n\r\n".utf8)
    }

    /// Whether the connection ends with this answer, whatever the client wanted.
    var endsConnection: Bool { delivery.closeAfter != nil || delivery.isRaw || delivery.lacksLastChunk }

    private static let reasons = [
        200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found",
        304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request",
        401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 410: "Gone",
        422: "Unprocessable Entity", 429: "Too Many Requests", 451: "Unavailable For Legal Reasons",
        500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    ]
}

/// How an answer is put on the wire, in real time: a simulated calendar does not hurry a socket.
struct Delivery: Sendable {
    /// How long the server thinks before the first byte.
    var delay: Duration = .zero
    /// After how many bytes of the answer the connection is reset; `nil` for never.
    var resetAfter: Int?
    /// After how many bytes of the answer the connection is closed as if all had been said; `nil` for never.
    var closeAfter: Int?
    /// Whether nothing is ever answered; the connection stays until the client closes it.
    var hangs = false
    /// A few bytes at a time, and the pause between them.
    var drip: (bytes: Int, pause: Duration)?
    /// What `Content-Length` says, when it lies.
    var declaredLength: Int?
    /// How many bytes a chunk has; `nil` for a body with a length.
    var chunk: Int?
    /// Whether the chunk that ends a body is never sent.
    var lacksLastChunk = false
    /// Whether the body is all that is sent, without a head.
    var isRaw = false
}
