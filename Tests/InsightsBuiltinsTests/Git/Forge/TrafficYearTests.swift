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

        /// The last collection that could read these figures, or was told that it may not.
        private(set) var last = ForgeFixture.start

        /// A collection was told that it may not read them: from then on what is lost is known to be.
        mutating func refuse(at now: Instant) { last = now }

        mutating func see(_ truth: TrafficTruth, at now: Instant) {
            last = now
            for back in 0..<14 {
                let day = now.startOfDay.advanced(by: .seconds(-86_400 * Int64(back)))
                let told = Double(truth.told(of: day, at: now).views)
                views[day] = told
                seenAt[day] = now
            }
        }

        /// Days from the first collection on that nobody saw after they had ended, and that are out of the window.
        func lost(from first: Instant) -> Set<Instant> {
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
        try await collect(
            seed, ForgeFixture(forge, direct: direct, http: direct, key: "127.0.0.1:4711"),
            // A limit would be waited for on sockets.
            troubles: [.down, .limited, .withoutClones, .forbidden])
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
                try await collect(
                    seed, ForgeFixture(forge, http: http, key: "127.0.0.1:\(server.port)"),
                    troubles: [.down, .forbidden])
                await access.shutdown()
            } catch {
                await access.shutdown()
                throw error
            }
        }
    }

    private enum Trouble {
        /// The forge is down for traffic: nothing is seen, and nothing lost yet.
        case down
        /// The limit is used up before traffic is read.
        case limited
        /// Views can be read and clones cannot.
        case withoutClones
        /// The token may not read traffic for a while: then what is lost is known to be.
        case forbidden
    }

    /// Ninety days of it, with a repository that is renamed and tokens that change.
    private func collect(_ seed: UInt64, _ fixture: ForgeFixture, troubles: [Trouble]) async throws {
        let forge = fixture.forge
        forge.addAccount("acme")
        let id = forge.addRepository("acme/widget", createdAt: Instant("2025-12-01T00:00:00Z")) {
            $0.traffic = TrafficTruth(
                seed: seed, viewsPerDay: 60, firstDay: Instant("2025-12-01T00:00:00Z") ?? $0.createdAt)
        }
        let truth = try #require(forge.repository(id)).traffic
        var dice = seed &* 0x9E37_79B9_7F4A_7C15
        func roll(_ bound: UInt64) -> UInt64 {
            dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (dice >> 33) % bound
        }
        var (expected, clones) = (Expected(), Expected())
        var (now, token, names) = (ForgeFixture.start, ForgeFixture.token, ["acme/widget"])
        let end = now.advanced(by: .seconds(90 * 86_400))
        while now < end {
            fixture.advance(to: now)
            forge.removeFaults()
            let trouble: Trouble? =
                now != ForgeFixture.start && roll(3) == 0 ? troubles[Int(roll(UInt64(troubles.count)))] : nil
            switch trouble {
            case .down: forge.inject(.status(500), on: "GET */traffic/*")
            case .limited: forge.inject(.status(429, headers: ["Retry-After": "60"]), on: "GET */traffic/*")
            case .withoutClones: forge.inject(.status(500), on: "GET */traffic/clones*")
            case .forbidden, nil: break
            }
            if roll(5) == 0 {
                forge.removeToken(token)
                token = "ghp_Another0Token1That2Nobody\(roll(1_000_000))"
            }
            forge.addToken(ForgeToken(token, readsTraffic: trouble != .forbidden))
            if roll(8) == 0, now != ForgeFixture.start {
                names.append("acme/widget-\(names.count)")
                forge.move(id, to: names[names.count - 1])
            }
            do {
                try await fixture.collect(token: token)
            } catch {
                #expect(trouble == .down || trouble == .limited || trouble == .withoutClones)
            }
            switch trouble {
            case nil:
                expected.see(truth, at: now)
                clones.see(truth, at: now)
            case .forbidden:
                expected.refuse(at: now)
                clones.refuse(at: now)
            case .withoutClones:
                expected.see(truth, at: now)
                clones.refuse(at: now)
            case .down, .limited: break
            }
            // From minutes to more than the window.
            let step = [600, 3 * 3600, 86_400, 3 * 86_400, 7 * 86_400, 13 * 86_400 + 7200, 17 * 86_400][Int(roll(7))]
            now = now.advanced(by: .seconds(Int64(step) + Int64(roll(7200))))
        }
        // The host only notes what it is told, under the name of the time; the newer one's figures are the later ones.
        let subjects = names.map { fixture.repository($0) }
        var views: [Instant: Double] = [:]
        for subject in subjects { views.merge(fixture.repositories.series("views", of: subject)) { $1 } }
        for (day, count) in expected.views { #expect(views[day] ?? 0 == count, "\(day.dateText)") }
        #expect(views.keys.allSatisfy { expected.views[$0] != nil })
        for metric in ["views", "views_unique", "clones", "clones_unique"] {
            var lost: Set<Instant> = []
            for gap in subjects.flatMap({ fixture.gaps(metric, of: $0) }) {
                var day = gap.from
                while day <= gap.to {
                    #expect(lost.insert(day).inserted, "\(day.dateText) is lost twice")
                    day = day.advanced(by: .seconds(86_400))
                }
            }
            let known = metric.hasPrefix("clones") ? clones : expected
            #expect(lost == known.lost(from: ForgeFixture.start), "seed \(seed), \(metric)")
        }
        // Where a day had settled when it was last seen, the sum is what really happened.
        let settled = expected.views.keys.filter { truth.settledAt($0) <= expected.seenAt[$0] ?? $0 }
        #expect(settled.count >= 20)
        #expect(
            settled.reduce(0) { $0 + (views[$1] ?? 0) } == settled.reduce(0) { $0 + Double(truth.truth(on: $1).views) })
    }
}
