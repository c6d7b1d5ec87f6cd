internal import Crypto
internal import InsightsPlugin

/// An answer that can be asked about again: 200 with an `ETag` or a `Last-Modified`.
struct KeptAnswer: Equatable, Sendable {
    var headers: HTTP.Headers
    var body: [UInt8]

    /// Headers that belong to the moment or to one reader, not to what was read.
    private static let dropped: Set<String> = [
        "age", "connection", "date", "keep-alive", "retry-after", "set-cookie", "set-cookie2", "trailer",
    ]

    /// Creates what is kept of an answer.
    ///
    /// - Returns: `nil` when it cannot be asked about again, may not be kept (RFC 9111, 5.2.2.5), or repeats the
    ///   credential in any of its ``SecretForms``: no secret is to reach the disk.
    init?(status: Int, headers: HTTP.Headers, body: [UInt8], credential: HTTP.Credential?) {
        guard status == 200, headers["etag"] != nil || headers["last-modified"] != nil else { return nil }
        if headers["cache-control"]?.lowercased().contains("no-store") == true { return nil }
        self.headers = HTTP.Headers(headers.filter { !KeptAnswer.dropped.contains($0.name.lowercased()) })
        self.body = body
        if let secret = credential?.value.split(separator: " ").last {
            let forms = SecretForms([String(secret)])
            guard !forms.occur(in: body), !self.headers.contains(where: { forms.occur(in: $0.value) }) else {
                return nil
            }
        }
    }

    /// The headers that ask whether it still holds.
    var questions: HTTP.Headers {
        var questions = HTTP.Headers()
        if let tag = headers["etag"] { questions["if-none-match"] = tag }
        if let date = headers["last-modified"] { questions["if-modified-since"] = date }
        return questions
    }

    /// The headers, with those of a 304 in the place of their like.
    ///
    /// - SeeAlso: RFC 9111, 3.2.
    func headers(freshenedBy fresh: HTTP.Headers) -> HTTP.Headers {
        let names = Set(fresh.map { $0.name.lowercased() }).subtracting(["content-length", "content-encoding"])
        let old = headers.filter { !names.contains($0.name.lowercased()) }
        return HTTP.Headers(old + fresh.filter { names.contains($0.name.lowercased()) })
    }

    // MARK: On the disk

    private static let magic = "insights-http-cache 1 "

    /// A line with a digest of the rest, a line of JSON with the headers, and the body as it is.
    var file: [UInt8] {
        let head: Value = .array(headers.map { .array([.string($0.name), .string($0.value)]) })
        let rest = Array(head.json.utf8) + [UInt8(ascii: "\n")] + body
        return Array((KeptAnswer.magic + CredentialDigest.hex(SHA256.hash(data: rest)) + "\n").utf8) + rest
    }

    /// Reads a file; `nil` when it is not whole, as after a power cut, or none of ours.
    init?(file: [UInt8]) {
        let start = Array(KeptAnswer.magic.utf8)
        guard file.starts(with: start), let end = file.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let digest = String(decoding: file[start.count..<end], as: UTF8.self)
        let rest = file[(end + 1)...]
        guard CredentialDigest.hex(SHA256.hash(data: rest)) == digest,
            let line = rest.firstIndex(of: UInt8(ascii: "\n")),
            // Our own writing under its own digest: what is no JSON then was never written by this program.
            let head = try? Value(json: rest[..<line]), let fields = head.array
        else { return nil }
        headers = HTTP.Headers(
            fields.compactMap { field in
                guard let pair = field.array, pair.count == 2, let name = pair[0].string, let value = pair[1].string
                else { return nil }
                return HTTP.Headers.Field(name, value)
            })
        body = Array(rest[(line + 1)...])
    }
}
