import InsightsPlugin
import Testing

@testable import InsightsHTTPClient

/// `hello hello hello`, as `gzip -9n` packs it.
private let hello: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x57, 0xC8, 0x40, 0x90,
    0x00, 0x80, 0x88, 0xF9, 0xE5, 0x11, 0x00, 0x00, 0x00,
]

/// Zeros, as many as that, packed by hand to less than a hundredth: a program to do it would be a fork in the middle of
/// other tests.
///
/// - SeeAlso: RFC 1951, 3.2.6; RFC 1952, 2.3.
private func bomb(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 255]
    var (bits, length) = (UInt32(0), UInt32(0))
    /// Codes stand with their first bit first.
    func put(_ code: UInt32, _ size: UInt32) {
        for index in (0..<size).reversed() {
            bits |= (code >> index & 1) << length
            length += 1
            guard length == 8 else { continue }
            bytes.append(UInt8(bits))
            (bits, length) = (0, 0)
        }
    }
    // The last block, with fixed codes (01, its low bit first); one zero; then copies of 258 bytes, one byte back.
    put(0b110, 3)
    put(0b0011_0000, 8)
    for _ in 0..<count / 258 { put(0b1100_0101_00000, 13) }
    put(0, 7)
    return bytes + [UInt8(bits)]
}

@Suite("What a server is asked, and what it answers")
struct AnswerTests {
    @Test("A request arrives as it was made, and its answer whole")
    func whole() async throws {
        try await withBench({ _, _ in
            .answer(201, ["X-Thing": "a", "Date": "Sun, 04 Jan 2026 02:00:00 GMT"], #"{"name":"Łódź"}"#)
        }) { bench, server in
            var request = HTTP.Request(
                .post, try server.origin.url(["v1", "a/b ü"], query: [("q", "x&y")]), headers: ["X-Version": "2"],
                body: Array(#"{"a":1}"#.utf8))
            request.credential = HTTP.Credential.bearer("sesame", at: try server.origin)
            let response = try await bench.client().send(request)
            #expect(response.status == 201)
            #expect(response.headers["x-thing"] == "a")
            #expect(response.date == Instant("2026-01-04T02:00:00Z"))
            #expect(try response.json()["name"] == "Łódź")
            #expect(response.url == request.url)
            #expect(!response.isFromCache)
            let seen = try #require(server.requests.first)
            #expect(seen.method == "POST")
            #expect(seen.target == "/v1/a%2Fb%20%C3%BC?q=x%26y")
            #expect(seen.body == #"{"a":1}"#)
            #expect(seen.headers["authorization"] == "Bearer sesame")
            #expect(seen.headers["x-version"] == "2")
            #expect(seen.headers["user-agent"] == "insights/test")
            #expect(seen.headers["host"] == "127.0.0.1:\(server.port)")
        }
    }

    @Test(
        "A URL reaches the server as it stands",
        arguments: [
            "/", "/a//b", "/a/../b", "/%2E%2E/x", "/a;b=c,d", "/a?x=%20&y=a+b&z=%C3%BC", "/a?x=%5B1%5D&y=(2)",
            "/a%2Fb?q=/?",
            "/~a_b-c.d!$&'()*+,;=:@",
        ])
    func targets(target: String) async throws {
        try await withBench({ _, _ in .answer(200) }) { bench, server in
            let url = try HTTP.URL("\(server.origin)\(target)")
            _ = try await bench.client().send(HTTP.Request(.get, url))
            #expect(server.requests.first?.target == target)
        }
    }

    @Test("Statuses are the module's", arguments: [204, 304, 401, 403, 404, 410, 422, 451, 500, 501])
    func statuses(status: Int) async throws {
        try await withBench({ _, _ in .answer(status, ["X-Thing": "a"]) }) { bench, server in
            let response = try await bench.client().send(HTTP.Request(.get, try server.url("a")))
            #expect(response.status == status)
            #expect(server.requests.count == 1)
        }
    }

    @Test("A HEAD has no body, whatever length it tells")
    func head() async throws {
        try await withBench({ _, _ in .answer(200, ["Content-Length": "99999999"]) }) { bench, server in
            let response = try await bench.client().send(HTTP.Request(.head, try server.url("a")))
            #expect(response.status == 200)
            #expect(response.body.isEmpty)
        }
    }

    @Test("A packed answer is unpacked, and says no more of its packing")
    func packed() async throws {
        try await withBench({ _, _ in .bytes(200, ["Content-Encoding": "gzip"], hello) }) { bench, server in
            let response = try await bench.client().send(HTTP.Request(.get, try server.url("a")))
            #expect(String(decoding: response.body, as: UTF8.self) == "hello hello hello")
            #expect(response.headers["content-encoding"] == nil)
            #expect(response.headers["content-length"] == nil)
            #expect(server.requests.first?.headers["accept-encoding"] == "gzip")
        }
    }

    @Test("An answer that says how it would be packed, and has no body, is whole")
    func packedNothing() async throws {
        try await withBench({ request, _ in
            .answer(Int(request.target.dropFirst()) ?? 0, ["Content-Encoding": "gzip", "ETag": "x"])
        }) { bench, server in
            for status in [200, 204, 304] {
                let response = try await bench.client().send(HTTP.Request(.get, try server.url("\(status)")))
                #expect(response.status == status)
                #expect(response.headers["etag"] == "x")
            }
            let response = try await bench.client().send(HTTP.Request(.head, try server.url("200")))
            #expect(response.status == 200)
            #expect(server.requests.count == 4)
        }
    }

    @Test("A packed answer that was cut short is a bad one")
    func packedInPart() async throws {
        try await withBench({ _, _ in .bytes(200, ["Content-Encoding": "gzip"], Array(hello.dropLast(6))) }) {
            bench, server in
            let failure = try await failure {
                _ = try await bench.client().send(HTTP.Request(.get, try server.url("a")))
            }
            #expect(failure.code == HTTP.FailureCode.badAnswer)
        }
    }

    @Test("An answer over its limit ends at the limit: told beforehand, in pieces, or packed a hundredfold")
    func tooLarge() async throws {
        let bomb = bomb(50_000_000)
        #expect(bomb.count < 500_000)
        try await withBench({ request, _ in
            switch request.target {
            case "/told": return .answer(200, [:], String(repeating: "x", count: 10 << 20))
            case "/bomb": return .bytes(200, ["Content-Encoding": "gzip"], bomb)
            default:
                let chunk = "8000\r\n" + String(repeating: "x", count: 0x8000) + "\r\n"
                return .raw(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + String(repeating: chunk, count: 300)
                        + "0\r\n\r\n")
            }
        }) { bench, server in
            for path in ["told", "bomb", "chunked"] {
                let failure = try await failure {
                    _ = try await bench.client().send(HTTP.Request(.get, try server.url(path)))
                }
                #expect(failure.code == HTTP.FailureCode.tooLarge)
                #expect(!failure.isRetryable)
                #expect(failure.message.contains("127.0.0.1:\(server.port)/\(path): the answer "))
            }
            #expect(server.requests.count == 3)
        }
    }

    @Test("An answer of just its limit is read")
    func justTheLimit() async throws {
        try await withBench({ _, _ in .answer(200, [:], "0123456789") }) { bench, server in
            var request = HTTP.Request(.get, try server.url("a"))
            request.sizeLimit = 10
            #expect(try await bench.client().send(request).body.count == 10)
            request.sizeLimit = 9
            let failure = try await failure { _ = try await bench.client().send(request) }
            #expect(failure.code == HTTP.FailureCode.tooLarge)
        }
    }

    @Test("What is no JSON, or nests too deep, says so with the place")
    func json() async throws {
        let bodies = [
            "<html>down</html>", "", "{\"a\":", String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
            String(repeating: "[", count: 200_000), "{\"a\":\"\u{1}\"}",
        ]
        try await withBench({ _, number in .answer(200, ["Content-Type": "text/html"], bodies[number]) }) {
            bench, server in
            for _ in bodies {
                let response = try await bench.client().send(HTTP.Request(.get, try server.url("a")))
                let failure = try await failure { _ = try response.json() }
                #expect(failure.code == HTTP.FailureCode.badAnswer)
                #expect(failure.message.contains("127.0.0.1:\(server.port)/a answered 200 (text/html) with"))
            }
        }
    }

    @Test(
        "What is no HTTP is a bad answer",
        arguments: [
            "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nBad Header: \u{1}\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ])
    func noHTTP(text: String) async throws {
        try await withBench({ _, _ in .raw(text) }) { bench, server in
            var request = HTTP.Request(.get, try server.url("a"))
            request.tries = 1
            let failure = try await failure { _ = try await bench.client().send(request) }
            #expect([HTTP.FailureCode.badAnswer, HTTP.FailureCode.unreachable].contains(failure.code))
            #expect(failure.isRetryable)
        }
    }

    @Test("Broken packing is a bad answer")
    func brokenPacking() async throws {
        try await withBench({ _, _ in .answer(200, ["Content-Encoding": "gzip"], "this is not gzip at all") }) {
            bench, server in
            let failure = try await failure {
                _ = try await bench.client().send(HTTP.Request(.get, try server.url("a")))
            }
            #expect(failure.code == HTTP.FailureCode.badAnswer)
        }
    }

    @Test("A slow answer ends with its time, in the head and in the body")
    func slow() async throws {
        try await withBench({ request, _ in
            request.target == "/head" ? .stall("") : .stall("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        }) { bench, server in
            for path in ["head", "body"] {
                var request = HTTP.Request(.get, try server.url(path))
                request.timeout = .milliseconds(100)
                let failure = try await failure { _ = try await bench.client().send(request) }
                #expect(failure.code == HTTP.FailureCode.timeout)
                #expect(failure.isRetryable)
            }
        }
    }

    @Test("No request outlives its attempt's deadline")
    func deadline() async throws {
        try await withBench({ _, _ in .stall("") }) { bench, server in
            let client = bench.client(within: .milliseconds(100))
            let failure = try await failure { _ = try await client.send(HTTP.Request(.get, try server.url("a"))) }
            #expect(failure.code == HTTP.FailureCode.timeout)
        }
    }

    @Test("A cancelled request is given up at once, and its connection closed")
    func cancelled() async throws {
        let (arrived, arrive) = AsyncStream<Void>.makeStream()
        try await withBench({ _, _ in
            arrive.yield()
            return .stall("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        }) { bench, server in
            let client = bench.client()
            let url = try server.url("a")
            let sending = Task { try await client.send(HTTP.Request(.get, url)) }
            for await _ in arrived { break }
            sending.cancel()
            await #expect(throws: CancellationError.self) { try await sending.value }
            while server.closedConnections == 0 { await Task.yield() }
        }
    }

    @Test("After the end of the program nothing is sent")
    func shutdown() async throws {
        try await withBench({ _, _ in .answer(200) }) { bench, server in
            _ = try await bench.client().send(HTTP.Request(.get, try server.url("a")))
            await bench.access.shutdown()
            await bench.access.shutdown()
            var request = HTTP.Request(.get, try server.url("a"))
            request.tries = 1
            let failure = try await failure { _ = try await bench.client().send(request) }
            #expect(failure.code == HTTP.FailureCode.unreachable)
            #expect(server.requests.count == 1)
        }
    }
}
