import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsTesting
import Synchronization
import Testing

@testable import InsightsHTTPClient

/// Counts requests by the hour, on a clock that is 40 s behind the client's.
private final class HourlyServer: Sendable {
    private let limit: Int
    private let clock: HandClock
    private let state = Mutex<(hour: Int64, used: Int, refusals: Int)>((0, 0, 0))

    init(limit: Int, clock: HandClock) {
        self.limit = limit
        self.clock = clock
    }

    var refusals: Int { state.withLock { $0.refusals } }

    func answer() -> Reply {
        let now = clock.now.milliseconds / 1000 - 40
        let hour = now / 3600
        let remaining: Int? = state.withLock { state in
            if state.hour != hour { (state.hour, state.used) = (hour, 0) }
            guard state.used < limit else {
                state.refusals += 1
                return nil
            }
            state.used += 1
            return limit - state.used
        }
        let headers = [
            "Date": HourlyServer.date(now), "X-RateLimit-Limit": "\(limit)",
            "X-RateLimit-Reset": "\((hour + 1) * 3600)",
            "X-RateLimit-Remaining": "\(remaining ?? 0)",
        ]
        return .answer(remaining == nil ? 403 : 200, headers)
    }

    private static func date(_ seconds: Int64) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.string(from: Date(timeIntervalSince1970: Double(seconds)))
    }
}

@Suite("A server's limits, on real sockets")
struct LimitTests {
    private static let date = "Sun, 04 Jan 2026 02:00:00 GMT"
    private static let reset = "\(Instant("2026-01-04T02:10:00Z")!.milliseconds / 1000)"

    @Test("A 429 is waited out and sent again, and meanwhile nothing leaves")
    func retryAfter() async throws {
        try await withBench({ _, number in
            number == 0 ? .answer(429, ["Retry-After": "120", "Date": Self.date]) : .answer(200)
        }) { bench, server in
            let url = try server.url("a")
            async let first = bench.client().send(HTTP.Request(.get, url))
            await bench.clock.manual.waitForSleepers()
            async let second = bench.client(run: 2).send(HTTP.Request(.get, url))
            while await bench.client().allowance(of: HTTP.Budget(), at: url.origin, with: nil).waiting < 2 {
                await Task.yield()
            }
            bench.clock.advance(by: .milliseconds(119_999))
            #expect(server.requests.count == 1)
            let allowance = await bench.client().allowance(of: HTTP.Budget(), at: url.origin, with: nil)
            #expect(allowance.waiting == 2)
            #expect(allowance.pausedUntil == bench.clock.now.advanced(by: .milliseconds(1)))
            await bench.clock.manual.waitForSleepers()
            bench.clock.advance(by: .milliseconds(1))
            #expect(try await first.status == 200)
            #expect(try await second.status == 200)
            #expect(server.requests.count == 3)
            let told = bench.waits.withLock { $0 }
            #expect(told.first == "waits for the limit of 127.0.0.1:\(server.port) until 2026-01-01T00:02:00.000Z")
            #expect(told.last == .some(nil))
        }
    }

    @Test("With nothing left the next waits for the reset by the server's own time, and no request is spent on a no")
    func reset() async throws {
        try await withBench({ _, number in
            .answer(
                200,
                [
                    "X-RateLimit-Limit": "60", "X-RateLimit-Remaining": number == 0 ? "0" : "59", "Date": Self.date,
                    "X-RateLimit-Reset": Self.reset, "X-RateLimit-Resource": "core",
                ])
        }) { bench, server in
            let client = bench.client()
            let request = HTTP.Request(.get, try server.url("a"), budget: HTTP.Budget("core"))
            _ = try await client.send(request)
            let until = bench.clock.now.advanced(by: .seconds(600))
            let allowance = await client.allowance(of: request.budget, at: try server.origin, with: nil)
            #expect(allowance.limit == 60)
            #expect(allowance.remaining == 0)
            #expect(allowance.resetsAt == until)
            #expect(allowance.pausedUntil == until)
            async let next = client.send(request)
            await bench.clock.manual.waitForSleepers()
            bench.clock.advance(by: .milliseconds(599_999))
            #expect(server.requests.count == 1)
            await bench.clock.manual.waitForSleepers()
            bench.clock.advance(by: .milliseconds(1))
            #expect(try await next.status == 200)
        }
    }

    @Test("A reset after the deadline ends the attempt, with the instant to go on at")
    func tooLate() async throws {
        try await withBench({ _, _ in
            .answer(
                403, ["X-RateLimit-Remaining": "0", "Date": Self.date, "X-RateLimit-Reset": Self.reset],
                "API rate limit exceeded")
        }) { bench, server in
            var request = HTTP.Request(.get, try server.origin.url(["a"], query: [("key", "hidden")]))
            request.credential = HTTP.Credential.bearer("sesame", at: try server.origin)
            let failure = try await failure {
                _ = try await bench.client(within: .seconds(599)).send(request)
            }
            #expect(failure.code == HTTP.FailureCode.rateLimited)
            #expect(failure.isRetryable)
            #expect(failure.retryAt == bench.clock.now.advanced(by: .seconds(600)))
            #expect(!failure.message.contains("hidden") && !failure.message.contains("sesame"))
            // Another run learns it without a request.
            let other = try await LimitTests.limited(bench, run: 2, request)
            #expect(other.code == HTTP.FailureCode.rateLimited)
            #expect(server.requests.count == 1)
            // Another credential has a budget of its own.
            request.credential = HTTP.Credential.bearer("another", at: try server.origin)
            _ = try await LimitTests.limited(bench, run: 2, request)
            #expect(server.requests.count == 2)
        }
    }

    private static func limited(_ bench: Bench, run: UInt64, _ request: HTTP.Request) async throws -> RunFailure {
        try await failure {
            _ = try await bench.client(run: run, within: .seconds(300)).send(request)
        }
    }

    @Test("When one of eight is told to wait, the seven come back and none of fifty follows")
    func burst() async throws {
        let gate = Gate()
        try await withBench({ _, number in
            if number == 1 { return .answer(403, ["Retry-After": "60"], "secondary rate limit") }
            if (2...8).contains(number) { await gate.pass() }
            return .answer(200)
        }) { bench, server in
            let url = try server.url("a")
            _ = try await bench.client().send(HTTP.Request(.get, url))
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<58 {
                    let client = bench.client(run: UInt64(number % 3))
                    group.addTask { try await client.send(HTTP.Request(.get, url)).status }
                }
                var allowance = HTTP.Allowance()
                while allowance.pausedUntil == nil || allowance.inFlight < 7 || allowance.waiting < 51 {
                    await Task.yield()
                    allowance = await bench.client().allowance(of: HTTP.Budget(), at: url.origin, with: nil)
                }
                gate.open()
                while allowance.inFlight > 0 {
                    await Task.yield()
                    allowance = await bench.client().allowance(of: HTTP.Budget(), at: url.origin, with: nil)
                }
                #expect(server.requests.count == 9)
                #expect(allowance.waiting == 51)
                await bench.clock.manual.waitForSleepers()
                bench.clock.advance(by: .seconds(60))
                for try await status in group { #expect(status == 200) }
            }
            #expect(server.requests.count == 60)
        }
    }

    @Test("A 503 that says how long is waited out by all, and ends an attempt that is shorter")
    func unavailable() async throws {
        let clock = HandClock(jumps: true)
        try await withBench(
            clock: clock,
            { _, number in
                number % 2 == 0 ? .answer(503, ["Retry-After": "30"]) : .answer(200)
            }
        ) { bench, server in
            let request = HTTP.Request(.get, try server.url("a"))
            let start = clock.now
            #expect(try await bench.client().send(request).status == 200)
            #expect(clock.now >= start.advanced(by: .seconds(30)))
            #expect(server.requests.count == 2)
            let failure = try await failure { _ = try await bench.client(within: .seconds(20)).send(request) }
            #expect(failure.code == HTTP.FailureCode.rateLimited)
            #expect(server.requests.count == 3)
            // What may not be sent twice is the module's.
            let post = HTTP.Request(.post, request.url, body: [1])
            #expect(try await bench.client().send(post).status == 200)
            #expect(try await bench.client().send(post).status == 503)
        }
    }

    @Test("Three runs share a limit of 30 an hour without one no, and all are answered")
    func shared() async throws {
        let clock = HandClock(jumps: true)
        let server = HourlyServer(limit: 30, clock: clock)
        try await withBench(clock: clock, { _, _ in server.answer() }) { bench, testServer in
            let url = try testServer.url("a")
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<120 {
                    let client = bench.client(run: UInt64(number % 3), within: .seconds(86_400))
                    group.addTask { try await client.send(HTTP.Request(.get, url)).status }
                }
                for try await status in group { #expect(status == 200) }
            }
            #expect(testServer.requests.count == 120)
            #expect(server.refusals == 0)
            #expect(clock.sleeps >= 3)
        }
    }

    @Test("A 403 that is a missing permission is the module's at once")
    func permission() async throws {
        try await withBench({ _, _ in .answer(403, [:], "Resource not accessible") }) { bench, server in
            let response = try await bench.client().send(HTTP.Request(.get, try server.url("a")))
            #expect(response.status == 403)
        }
    }

    @Test("A server that refuses for ever ends the attempt")
    func forEver() async throws {
        try await withBench({ _, _ in .answer(429, ["Retry-After": "1"]) }) { bench, server in
            let url = try server.url("a")
            async let result = failure {
                _ = try await bench.client().send(HTTP.Request(.get, url))
            }
            for _ in 0..<9 {
                await bench.clock.manual.waitForSleepers()
                bench.clock.advance(by: .seconds(1))
            }
            let failure = try await result
            #expect(failure.code == HTTP.FailureCode.rateLimited)
            #expect(server.requests.count == 10)
        }
    }

    @Test("As many at once as the budget says, whoever asks, and all are answered")
    func concurrency() async throws {
        let gate = Gate()
        try await withBench({ _, number in
            if number > 0 { await gate.pass() }
            return .answer(200)
        }) { bench, server in
            let url = try server.url("a")
            let budget = HTTP.Budget(concurrency: 3)
            _ = try await bench.client().send(HTTP.Request(.get, url, budget: budget))
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<20 {
                    let client = bench.client(run: UInt64(number % 3))
                    group.addTask { try await client.send(HTTP.Request(.get, url, budget: budget)).status }
                }
                while server.requests.count < 4 { await Task.yield() }
                let allowance = await bench.client().allowance(of: budget, at: url.origin, with: nil)
                #expect(allowance.inFlight == 3)
                gate.open()
                for try await status in group { #expect(status == 200) }
            }
            #expect(server.mostAtOnce == 3)
            #expect(server.requests.count == 21)
        }
    }

    @Test("A request that waits is given up when it is cancelled, and the next has its place")
    func cancelled() async throws {
        let gate = Gate()
        try await withBench({ _, _ in
            await gate.pass()
            return .answer(200)
        }) { bench, server in
            let url = try server.url("a")
            let client = bench.client()
            let budget = HTTP.Budget(concurrency: 1)
            async let first = client.send(HTTP.Request(.get, url, budget: budget))
            while server.requests.isEmpty { await Task.yield() }
            let second = Task { try await client.send(HTTP.Request(.get, url, budget: budget)) }
            while await client.allowance(of: budget, at: url.origin, with: nil).waiting < 1 { await Task.yield() }
            second.cancel()
            await #expect(throws: CancellationError.self) { try await second.value }
            gate.open()
            #expect(try await first.status == 200)
            #expect(try await client.send(HTTP.Request(.get, url, budget: budget)).status == 200)
            #expect(server.requests.count == 2)
        }
    }

    @Test("What is left is shown by host, digest of the credential and resource")
    func metrics() async throws {
        try await withBench({ _, _ in
            .answer(
                200,
                [
                    "X-RateLimit-Remaining": "41", "X-RateLimit-Reset": Self.reset, "X-RateLimit-Resource": "core",
                    "Date": Self.date,
                ])
        }) { bench, server in
            let family = try #require(bench.access.metrics().first)
            #expect(family.name == "insights_forge_budget_remaining")
            #expect(family.samples.isEmpty)
            var request = HTTP.Request(.get, try server.url("a"))
            _ = try await bench.client().send(request)
            request.credential = HTTP.Credential.bearer("sesame", at: try server.origin)
            _ = try await bench.client().send(request)
            let samples = try #require(bench.access.metrics().first).samples
            #expect(
                samples.map { $0.labels.map(\.name) } == Array(repeating: ["host", "credential", "resource"], count: 2))
            #expect(samples.map { $0.labels[0].value } == Array(repeating: "127.0.0.1:\(server.port)", count: 2))
            #expect(Set(samples.map { $0.labels[2].value }) == ["core"])
            #expect(samples.contains { $0.labels[1].value == "none" })
            #expect(!"\(samples)".contains("sesame"))
            for sample in samples {
                if case .number(41) = sample.reading { continue }
                Issue.record("\(sample)")
            }
        }
    }
}
