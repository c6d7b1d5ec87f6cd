import Foundation
import InsightsEngine
import InsightsForgeServer
import InsightsHTTPClient
import InsightsPlugin
import InsightsTesting
import Logging
import Synchronization
import Testing

@testable import InsightsBuiltins

/// Runs over sockets that wait for a limit, by a clock that jumps to where somebody would have slept to.
@Suite("Waiting for a forge's limit on real sockets")
struct ForgeWaitTests {
    /// Whoever sleeps moves it, and the forge's calendar with it.
    private final class JumpClock: EngineClock {
        private let manual = ManualClock(ForgeFixture.start)
        private let forge: Forge
        private let waited = Mutex(Duration.zero)

        init(_ forge: Forge) { self.forge = forge }

        var now: Instant { manual.now }
        var moment: Moment { Moment(wall: now, uptime: now.milliseconds) }
        /// How long everybody slept.
        var slept: Duration { waited.withLock { $0 } }

        func sleep(for duration: Duration) async throws {
            try Task.checkCancellation()
            waited.withLock { waited in
                waited += duration
                manual.advance(by: duration)
                forge.now = manual.now
            }
        }

        func sleep(untilUptime uptime: Int64) async throws {
            try await sleep(for: .milliseconds(max(0, uptime - now.milliseconds)))
        }
    }

    /// Everything that an attempt told of waiting.
    private final class Told: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func add(_ text: String?) { if let text { texts.withLock { $0.append(text) } } }
    }

    private func forge(_ kind: ForgeKind, _ count: Int) -> Forge {
        let forge = Forge(kind, now: ForgeFixture.start)
        forge.addAccount("acme", kind == .gitlab ? .group : .organization)
        for number in 0..<count {
            forge.addRepository("acme/r\(number)", createdAt: Instant("2025-06-01T00:00:00Z")) { $0.stars = number }
        }
        return forge
    }

    private func withFixture(
        _ forge: Forge, hours: Int64, _ body: (ForgeFixture, JumpClock, Told) async throws -> Void
    ) async throws {
        let clock = JumpClock(forge)
        let told = Told()
        let access = AsyncHTTPAccess(
            clock: clock, userAgent: "insights/test", cacheFolder: nil, logger: Logger(label: "test"))
        try await ForgeServer.run(forge) { server in
            let http = access.client(
                run: RunID(high: 1, low: 0), deadline: clock.now.advanced(by: .seconds(hours * 3600))
            ) { told.add($0) }
            do {
                try await body(ForgeFixture(forge, http: http, key: "127.0.0.1:\(server.port)"), clock, told)
                await access.shutdown()
            } catch {
                await access.shutdown()
                throw error
            }
        }
    }

    @Test(
        "A run that needs more than is left waits for each reset before its deadline, and is refused nothing",
        arguments: [(ForgeKind.github, 403), (.github, 429), (.gitlab, 429)])
    func waits(kind: ForgeKind, status: Int) async throws {
        let forge = forge(kind, 12)
        forge.configure {
            $0.limits.user = 30
            $0.limits.exhaustedStatus = status
        }
        let window: Duration = kind == .gitlab ? .seconds(60) : .seconds(3600)
        try await withFixture(forge, hours: 5) { fixture, clock, told in
            let summary = try await fixture.collect()
            #expect(summary.hasPrefix("12 repositories read"))
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 12)
            #expect(forge.log.allSatisfy { $0.status == 200 && !$0.wasToldToWait })
            #expect(clock.slept >= window && clock.slept <= window * 3)
            #expect(told.all.contains { $0.hasPrefix("waits for the limit of \(fixture.key) until 2026-01-05T1") })
            // Nothing was asked twice.
            #expect(fixture.paths.values.allSatisfy { $0 == 1 }, "\(fixture.paths.filter { $0.value > 1 })")
            // Progress says what is left, and of how much.
            let left = fixture.repositories.reports.map(\.label).filter { $0.contains(" of 30 requests left") }
            #expect(!left.isEmpty && left.allSatisfy { $0.hasPrefix("\(fixture.key)/acme/r") }, "\(left)")
        }
    }

    @Test("One whose deadline comes before the reset ends at once, and says when to come again")
    func doesNotWait() async throws {
        let forge = forge(.github, 12)
        forge.configure { $0.limits.user = 30 }
        try await withFixture(forge, hours: 1) { fixture, clock, _ in
            // One second too short.
            try await clock.sleep(for: .seconds(1))
            let failure = await #expect(throws: RunFailure.self) { try await fixture.collect() }
            #expect(failure?.code == "rate_limited" && failure?.isRetryable == true)
            #expect(failure?.retryAt == ForgeFixture.start.advanced(by: .seconds(3601)))
            #expect(clock.slept == .seconds(1))
        }
    }

    static let manners: [(ForgeKind, ForgeLimits.Wait)] = [
        (.gitlab, .seconds), (.gitlab, .date), (.gitlab, .reset), (.gitlab, .unsaid), (.forgejo, .seconds),
        (.forgejo, .date), (.forgejo, .reset), (.forgejo, .unsaid), (.gitea, .seconds),
    ]

    @Test("GitLab's and a front server's 429 is waited for, however it says until when", arguments: manners)
    func refused(kind: ForgeKind, wait: ForgeLimits.Wait) async throws {
        let forge = forge(kind, 12)
        forge.configure { $0.limits.wait = wait }
        forge.refuse(until: ForgeFixture.start.advanced(by: .seconds(90)))
        try await withFixture(forge, hours: 1) { fixture, clock, told in
            let summary = try await fixture.collect()
            #expect(summary.hasPrefix("12 repositories read"))
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 12)
            #expect(!forge.log.contains { $0.wasToldToWait })
            // Who is not told how long waits a minute, then two.
            #expect(forge.log.count { $0.status == 429 } == (wait == .unsaid ? 2 : 1))
            #expect(clock.slept == .seconds(wait == .unsaid ? 180 : 90))
            #expect(!told.all.isEmpty)
        }
    }

    @Test(
        "A 403 that names a wait is a limit, and one that names none a missing permission, on each forge",
        arguments: [ForgeKind.github, .gitlab, .forgejo])
    func forbidden(kind: ForgeKind) async throws {
        for (headers, isLimit) in [(["Retry-After": "90"], true), ([:], false)] {
            let forge = forge(kind, 3)
            forge.inject(.status(403, message: "no", headers: headers), on: "GET *acme*", times: isLimit ? 1 : nil)
            try await withFixture(forge, hours: 1) { fixture, clock, _ in
                if isLimit {
                    let summary = try await fixture.collect()
                    #expect(summary.hasPrefix("3 repositories read"))
                    #expect(clock.slept == .seconds(90))
                } else {
                    let failure = await #expect(throws: RunFailure.self) { try await fixture.collect() }
                    #expect(failure?.code == "forbidden" && failure?.isRetryable == false)
                    #expect(clock.slept == .zero)
                }
            }
        }
    }

    @Test("check --online tells what is left of the limit, and whether a first run fits")
    func budget() async throws {
        for (limit, isShort) in [(5000, false), (60, true)] {
            let forge = forge(.github, 12)
            forge.configure { $0.limits.user = limit }
            try await withFixture(forge, hours: 1) { fixture, _, _ in
                let findings = try await fixture.repositories.survey(
                    GitRepositories(), with: ["forges": [fixture.entry()]])
                let budget = try #require(findings.first { $0.code == "budget" }, "\(findings)")
                // One list and three times traffic; whose the token is costs nothing.
                let reset = ForgeFixture.start.advanced(by: .seconds(3600))
                #expect(budget.message == "\(limit - 4) of \(limit) requests are left until \(reset)")
                #expect((budget.help != nil) == isShort && budget.severity == .note)
            }
        }
    }
}
