import Foundation
import InsightsEngine
import InsightsForgeServer
import InsightsHTTPClient
import InsightsPlugin
import InsightsTesting
import Logging
import Testing

@testable import InsightsBuiltins

@Suite("Forges on real sockets")
struct ForgeSocketTests {
    /// Time that stands still but for who sleeps: a busy machine then takes nothing of what an attempt may last.
    struct StillClock: EngineClock {
        let moment = SystemClock().moment
        var now: Instant { moment.wall }
        func sleep(for duration: Duration) async throws { try await SystemClock().sleep(for: duration) }
        func sleep(untilUptime uptime: Int64) async throws {
            try await sleep(for: .milliseconds(uptime - moment.uptime))
        }
    }

    /// The program's HTTP client with a cache of its own.
    final class Client {
        let access: AsyncHTTPAccess
        let folder: String
        let clock: StillClock

        init(_ folder: String? = nil) {
            clock = StillClock()
            self.folder = folder ?? NSTemporaryDirectory() + "insights-forge-\(UUID().uuidString)"
            access = AsyncHTTPAccess(
                clock: clock, userAgent: "insights/test", cacheFolder: self.folder,
                logger: Logger(label: "test"))
        }

        /// - Parameter seconds: How long the attempt lasts: what has to wait longer ends it.
        func attempt(_ number: UInt64 = 1, within seconds: Int64 = 60) -> any HTTP.Client {
            access.client(
                run: RunID(high: number, low: 0), deadline: clock.now.advanced(by: .seconds(seconds))
            ) { _ in }
        }
    }

    func forge(_ count: Int, _ kind: ForgeKind = .github) -> Forge {
        let forge = Forge(kind, now: ForgeFixture.start)
        forge.addAccount("acme", kind == .gitlab ? .group : .organization)
        for number in 0..<count {
            forge.addRepository("acme/r\(number)", createdAt: Instant("2025-06-01T00:00:00Z")) { $0.stars = number }
        }
        return forge
    }

    func withServer(_ forge: Forge, _ body: (ForgeServer, Client) async throws -> Void) async throws {
        let client = Client()
        defer { try? FileManager.default.removeItem(atPath: client.folder) }  // what is left is in a temporary folder
        try await ForgeServer.run(forge) { server in
            do {
                try await body(server, client)
                await client.access.shutdown()
            } catch {
                await client.access.shutdown()
                throw error
            }
        }
    }

    func fixture(_ forge: Forge, _ server: ForgeServer, _ http: any HTTP.Client, state: [String: Value] = [:])
        -> ForgeFixture
    {
        ForgeFixture(forge, http: http, key: "127.0.0.1:\(server.port)", state: state)
    }

    @Test(
        "A first pass takes at most 6 requests a repository; after a restart one without changes is charged at most 15 %"
    )
    func cost() async throws {
        let forge = forge(120)
        try await withServer(forge) { server, client in
            let first = fixture(forge, server, client.attempt())
            try await first.collect()
            #expect(first.repositories.samples.count { $0.metric == "stars" } == 120)
            #expect(forge.log.count <= 6 * 120)
            #expect(forge.mostAtOnce <= 9, "eight, and the next batch's query")
            let charged = forge.charged
            forge.clearLog()
            // Another process: nothing is left but the state and the cache's folder.
            let restarted = Client(client.folder)
            let second = fixture(forge, server, restarted.attempt(2), state: first.repositories.state)
            second.advance(to: ForgeFixture.start.advanced(by: .seconds(2)))
            forge.now = ForgeFixture.start
            try await second.collect()
            await restarted.access.shutdown()
            #expect(second.repositories.samples.count { $0.metric == "stars" } == 120)
            #expect(Double(forge.charged) <= 0.15 * Double(charged), "\(forge.charged) of \(charged)")
        }
    }

    @Test("While told to wait nothing leaves, and what is finished is not asked for again", arguments: [403, 429])
    func limits(status: Int) async throws {
        let forge = forge(40)
        forge.configure {
            $0.limits.user = 100
            $0.limits.exhaustedStatus = status
        }
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt(within: 20))
            let failure = await #expect(throws: RunFailure.self) { try await fixture.collect() }
            #expect(failure?.code == "rate_limited" && failure?.isRetryable == true && failure?.retryAt != nil)
            #expect(!forge.log.contains { $0.wasToldToWait })
            // Stopped before the limit: none of them was refused.
            #expect(forge.log.allSatisfy { $0.status == 200 })
            let finished = Set(fixture.repositories.samples.filter { $0.metric == "stars" }.map(\.subject.key))
            #expect(finished.count >= 15)
            // The next process, once the hour is over.
            forge.now = ForgeFixture.start.advanced(by: .seconds(3601))
            forge.configure { $0.limits.user = 5000 }
            forge.clearLog()
            let next = Client(client.folder)
            let second = self.fixture(forge, server, next.attempt(2), state: fixture.repositories.state)
            try await second.collect(scheduledAt: ForgeFixture.start, attempt: 2)
            await next.access.shutdown()
            for key in finished {
                let path = key.dropFirst(second.key.utf8.count + 1)
                #expect(second.paths["\(second.place(of: String(path)))/traffic/views"] == nil)
            }
            #expect(second.repositories.samples.count { $0.metric == "stars" } == 40 - finished.count)
        }
    }

    @Test(
        "Told to wait by a secondary limit, nothing leaves but what is on its way",
        arguments: [ForgeLimits.Wait.seconds, .date, .unsaid], [403, 429])
    func secondary(wait: ForgeLimits.Wait, status: Int) async throws {
        let forge = forge(40)
        forge.configure {
            $0.limits.pointsPerMinute = 60
            $0.limits.secondaryStatus = status
            $0.limits.wait = wait
        }
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt(within: 20))
            let failure = await #expect(throws: RunFailure.self) { try await fixture.collect() }
            #expect(failure?.code == "rate_limited" && failure?.isRetryable == true && failure?.retryAt != nil)
            #expect(forge.log.count { $0.status == status } <= 9)
            #expect(forge.log.count <= 60 + 9)
            let finished = fixture.repositories.samples.count { $0.metric == "stars" }
            #expect(finished >= 5)
        }
    }

    @Test(
        "What goes wrong with one repository fails it alone, and leaves nothing half stored",
        arguments: [
            .status(500), .reset(), .reset(afterBytes: 200), .close(afterBytes: 150), .overlongLength(),
            .chunked(isCutShort: true), .raw("nonsense\r\n\r\n"), .truncatedBody, .notJSON, .redirectLoop,
            .redirect(to: "http://127.0.0.1:9"), .redirect(to: "https://evil.example"), .hugeBody(), .deepNesting(),
            .change { _ in .null }, .change { _ in [] },
        ] as [ForgeFault.Effect])
    func faults(effect: ForgeFault.Effect) async throws {
        let forge = forge(5)
        forge.inject(effect, on: "GET */repositories/\(forge.repositories[3].id)/traffic/*")
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            let summary = try await fixture.collect()
            #expect(summary.hasPrefix("4 repositories read; 1 failed: \(fixture.key)/acme/r3 ("), "\(summary)")
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 4)
            #expect(!fixture.repositories.samples.contains { $0.subject == fixture.repository("acme/r3") })
            #expect(!fixture.repositories.subjects.contains { $0.reference == fixture.repository("acme/r3") })
        }
    }

    @Test(
        "What passes is survived",
        arguments: [
            .status(502), .status(503), .reset(), .chunked(), .slow(.milliseconds(50)),
            .drip(bytes: 400, pause: .milliseconds(1)), .contentType("text/plain"),
        ] as [ForgeFault.Effect])
    func passing(effect: ForgeFault.Effect) async throws {
        let forge = forge(5)
        forge.inject(effect, on: "GET */repositories/\(forge.repositories[3].id)/traffic/clones*", times: 1)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            try await fixture.collect()
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 5)
        }
    }

    @Test("A server that takes a request and never answers fails that repository alone, once its time is over")
    func hanging() async throws {
        let forge = forge(5)
        let id = forge.repositories[3].id
        for path in ["*/r3/traffic/*", "*/repositories/\(id)/traffic/*"] {
            forge.inject(.hang, on: "GET \(path)")
        }
        try await withServer(forge) { server, client in
            // Its clock stands still: each request may take this long.
            let fixture = fixture(forge, server, client.attempt(within: 1))
            let summary = try await fixture.collect()
            #expect(
                summary.hasPrefix("4 repositories read; 1 failed: \(fixture.key)/acme/r3 (http_timeout"), "\(summary)")
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 4)
            #expect(!fixture.repositories.samples.contains { $0.subject == fixture.repository("acme/r3") })
        }
    }

    @Test("A forge that never answers at all fails the run, to be tried again")
    func silent() async throws {
        let forge = forge(2)
        forge.inject(.hang, on: "*")
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt(within: 1))
            let failure = await #expect(throws: RunFailure.self) { try await fixture.collect() }
            #expect(failure?.code == "http_timeout" && failure?.isRetryable == true)
            #expect(fixture.repositories.emissions.isEmpty)
        }
    }

    @Test("A list without end ends the account, and no one is gone by it")
    func endless() async throws {
        let forge = forge(3)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            try await fixture.collect()
            fixture.repositories.forget()
            forge.inject(.endlessPages, on: "GET */orgs/acme/repos*")
            await #expect(throws: RunFailure.self) {
                try await fixture.collect(scheduledAt: ForgeFixture.start.advanced(by: .seconds(9)))
            }
            #expect(!fixture.repositories.subjects.contains { $0.state == .gone })
        }
    }

    @Test("Each forge is read over a socket as it is without one", arguments: [ForgeKind.gitlab, .forgejo, .gitea])
    func others(kind: ForgeKind) async throws {
        let forge = forge(12, kind)
        try await withServer(forge) { server, client in
            let socket = fixture(forge, server, client.attempt())
            try await socket.collect()
            let direct = ForgeFixture(forge, http: DirectForge(forge), key: "127.0.0.1:\(server.port)")
            try await direct.collect()
            let sorted = { (samples: [Sample]) in samples.map { "\($0)" }.sorted() }
            #expect(sorted(socket.repositories.samples) == sorted(direct.repositories.samples))
        }
    }
}
