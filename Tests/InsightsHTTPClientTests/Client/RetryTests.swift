import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsHTTPClient

@Suite("What is sent again")
struct RetryTests {
    /// Sends with a clock that jumps to the end of each wait, and tells how many there were.
    private func send(_ request: HTTP.Request, _ bench: Bench, waits: Int) async throws -> HTTP.Response {
        let before = bench.clock.sleeps
        defer { #expect(bench.clock.sleeps - before == waits) }
        return try await bench.client().send(request)
    }

    @Test("502, 503 and 504 of what does no harm twice, four tries in all", arguments: [502, 503, 504])
    func gateway(status: Int) async throws {
        try await withBench(clock: HandClock(jumps: true), { _, number in number < 2 ? .answer(status) : .answer(200) })
        { bench, server in
            let response = try await send(HTTP.Request(.get, try server.url("a")), bench, waits: 2)
            #expect(response.status == 200)
            #expect(server.requests.count == 3)
        }
        try await withBench(clock: HandClock(jumps: true), { _, _ in .answer(status) }) { bench, server in
            let response = try await send(HTTP.Request(.get, try server.url("a")), bench, waits: 3)
            #expect(response.status == status)
            #expect(server.requests.count == 4)
        }
    }

    @Test("Not a POST, unless its module says so; and as often as it says")
    func post() async throws {
        try await withBench(clock: HandClock(jumps: true), { _, _ in .answer(502) }) { bench, server in
            var request = HTTP.Request(.post, try server.url("a"), body: Array("{}".utf8))
            #expect(try await send(request, bench, waits: 0).status == 502)
            #expect(server.requests.count == 1)
            request.isIdempotent = true
            request.tries = 2
            #expect(try await send(request, bench, waits: 1).status == 502)
            #expect(server.requests.count == 3)
            request.tries = 1
            #expect(try await send(request, bench, waits: 0).status == 502)
            #expect(server.requests.count == 4)
        }
    }

    @Test(
        "A connection that breaks: reset, closed without a word, or in the middle of an answer",
        arguments: [
            Reply.reset, .raw(""), .raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            .raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf"), .raw("HTTP/1.1 200 O"),
        ])
    func broken(reply: Reply) async throws {
        try await withBench(
            clock: HandClock(jumps: true), { _, number in number == 0 ? reply : .answer(200, [:], "whole") }
        ) { bench, server in
            let response = try await send(HTTP.Request(.get, try server.url("a")), bench, waits: 1)
            #expect(response.body == Array("whole".utf8))
        }
        try await withBench(clock: HandClock(jumps: true), { _, _ in reply }) { bench, server in
            let request = HTTP.Request(.post, try server.url("a"), body: [1])
            let failure = try await failure { _ = try await send(request, bench, waits: 0) }
            #expect(failure.code == HTTP.FailureCode.unreachable)
            #expect(failure.isRetryable)
            #expect(server.requests.count == 1)
        }
    }

    @Test("A refused connection, of any method, and says so in the end")
    func refused() async throws {
        let port = try DeafPort()
        let url = try HTTP.URL("http://127.0.0.1:\(port.number)/a?token=hidden")
        let bench = Bench(clock: HandClock(jumps: true))
        let failure = try await failure {
            _ = try await send(HTTP.Request(.post, url, body: [1]), bench, waits: 3)
        }
        #expect(failure.code == HTTP.FailureCode.unreachable)
        #expect(
            failure.message
                == "POST http://127.0.0.1:\(port.number)/a: the connection was refused: nothing listens there")
        await bench.close()
    }

    @Test("A name that nobody knows says so")
    func unknownName() async throws {
        let bench = Bench(clock: HandClock(jumps: true))
        var request = HTTP.Request(.get, try HTTP.URL("https://no-such-host.invalid/a"))
        request.tries = 1
        let failure = try await failure { _ = try await bench.client().send(request) }
        #expect([HTTP.FailureCode.unreachable, HTTP.FailureCode.timeout].contains(failure.code))
        #expect(failure.message.contains("no-such-host.invalid"))
        await bench.close()
    }

    @Test("Nothing is waited for past the attempt's deadline")
    func deadline() async throws {
        let clock = HandClock(jumps: true)
        try await withBench(
            clock: clock,
            { _, _ in
                clock.advance(by: .milliseconds(59_900))
                return .answer(503)
            }
        ) { bench, server in
            let client = bench.client(within: .seconds(60))
            let response = try await client.send(HTTP.Request(.get, try server.url("a")))
            #expect(response.status == 503)
            #expect(server.requests.count == 1)
        }
    }

    @Test("Delays grow to eight seconds, and differ")
    func delays() {
        var random = SystemRandomNumberGenerator()
        for (tries, longest) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (50, 8000)] {
            for _ in 0..<100 {
                let delay = RetryDelay.delay(after: tries, using: &random)
                #expect(delay >= .milliseconds(longest / 2) && delay <= .milliseconds(longest))
            }
        }
    }
}
