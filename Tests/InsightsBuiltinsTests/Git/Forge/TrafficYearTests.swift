import Foundation
import InsightsEngine
import InsightsForgeServer
import InsightsHTTPClient
import InsightsPlugin
import InsightsTesting
import Logging
import Testing

@testable import InsightsBuiltins

@Suite("Months of collecting at irregular times")
struct TrafficYearTests {
    /// What a perfect collector would hold: of each day the last figure that any collection saw.
    private struct Expected {
        var views: [Instant: Double] = [:]
        var seenAt: [Instant: Instant] = [:]

        mutating func see(_ truth: TrafficTruth, at now: Instant) {
            for back in 0..<14 {
                let day = now.startOfDay.advanced(by: .seconds(-86_400 * Int64(back)))
                let told = Double(truth.told(of: day, at: now).views)
                views[day] = told
                seenAt[day] = now
            }
        }

        /// Days from the first collection on that nobody saw after they had ended, and that are out of the window.
        func lost(from first: Instant, to last: Instant) -> Set<Instant> {
            var lost: Set<Instant> = []
            var day = first.startOfDay
            while day < last.startOfDay.advanced(by: .seconds(-86_400 * 13)) {
                let end = day.advanced(by: .seconds(86_400))
                if seenAt[day].map({ $0 < end }) ?? true { lost.insert(day) }
                day = end
            }
            return lost
        }
    }

    @Test(
        "Every day that could be seen is exact, sums equal the truth, and every lost day is a gap", arguments: 1...8)
    func year(seed: UInt64) async throws {
        let forge = Forge(.github, now: ForgeFixture.start)
        let direct = DirectForge(forge)
        try await collect(seed, ForgeFixture(forge, direct: direct, http: direct, key: "127.0.0.1:4711"))
    }

    @Test("The same holds on sockets, with the program's own client and its cache", arguments: [21, 22, 23])
    func onSockets(seed: UInt64) async throws {
        let forge = Forge(.github, now: ForgeFixture.start)
        let folder = NSTemporaryDirectory() + "insights-year-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }  // what is left is in a temporary folder
        let access = AsyncHTTPAccess(
            clock: SystemClock(), userAgent: "insights/test", cacheFolder: folder, logger: Logger(label: "test"))
        try await ForgeServer.run(forge) { server in
            let http = access.client(
                run: RunID(high: 1, low: seed), deadline: SystemClock().now.advanced(by: .seconds(120))
            ) { _ in }
            do {
                try await collect(seed, ForgeFixture(forge, http: http, key: "127.0.0.1:\(server.port)"))
                await access.shutdown()
            } catch {
                await access.shutdown()
                throw error
            }
        }
    }

    /// Ninety days of it.
    private func collect(_ seed: UInt64, _ fixture: ForgeFixture) async throws {
        fixture.forge.addAccount("acme")
        let id = fixture.forge.addRepository("acme/widget", createdAt: Instant("2025-12-01T00:00:00Z")) {
            $0.traffic = TrafficTruth(
                seed: seed, viewsPerDay: 60, firstDay: Instant("2025-12-01T00:00:00Z") ?? $0.createdAt)
        }
        let truth = try #require(fixture.forge.repository(id)).traffic
        var dice = seed &* 0x9E37_79B9_7F4A_7C15
        func roll(_ bound: UInt64) -> UInt64 {
            dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (dice >> 33) % bound
        }
        var expected = Expected()
        var now = ForgeFixture.start
        var last = now
        let end = now.advanced(by: .seconds(90 * 86_400))
        while now < end {
            fixture.advance(to: now)
            // Now and then the forge is down for its traffic: then nothing is seen, and nothing lost yet.
            let isDown = roll(6) == 0 && now != ForgeFixture.start
            fixture.forge.removeFaults()
            if isDown { fixture.forge.inject(.status(500), on: "GET */traffic/*") }
            // Or the token may not read it for a while: then what is lost is known to be.
            let isForbidden = roll(6) == 0 && now != ForgeFixture.start
            fixture.forge.addToken(ForgeToken(ForgeFixture.token, readsTraffic: !isForbidden))
            do { try await fixture.collect() } catch { #expect(isDown) }
            if !isDown {
                if !isForbidden { expected.see(truth, at: now) }
                last = now
            }
            // From minutes to more than the window.
            let step = [600, 3 * 3600, 86_400, 3 * 86_400, 7 * 86_400, 13 * 86_400 + 7200, 17 * 86_400][Int(roll(7))]
            now = now.advanced(by: .seconds(Int64(step) + Int64(roll(7200))))
        }
        let repository = fixture.repository("acme/widget")
        let views = fixture.repositories.series("views", of: repository)
        for (day, count) in expected.views { #expect(views[day] ?? 0 == count, "\(day.dateText)") }
        #expect(views.keys.allSatisfy { expected.views[$0] != nil })
        for metric in ["views", "views_unique", "clones", "clones_unique"] {
            var lost: Set<Instant> = []
            for gap in fixture.gaps(metric, of: repository) {
                var day = gap.from
                while day <= gap.to {
                    #expect(lost.insert(day).inserted, "\(day.dateText) is lost twice")
                    day = day.advanced(by: .seconds(86_400))
                }
            }
            #expect(lost == expected.lost(from: ForgeFixture.start, to: last), "seed \(seed), \(metric)")
        }
        // Where a day had settled when it was last seen, the sum is what really happened.
        let settled = expected.views.keys.filter { truth.settledAt($0) <= expected.seenAt[$0] ?? $0 }
        #expect(settled.count >= 20)
        #expect(
            settled.reduce(0) { $0 + (views[$1] ?? 0) } == settled.reduce(0) { $0 + Double(truth.truth(on: $1).views) })
    }
}
