import Foundation
import InsightsForgeServer
import InsightsPlugin
import Testing

/// Ninety simulated days of irregular collecting by the real program into its real database, read back by
/// `insights series`.
@Suite("Ninety days of the pipeline over a forge", .crowded)
struct ForgeYearTests {
    private static let token = "ghp_Ninety4Days5Of6Traffic"
    private static let start = Instant("2026-01-05T10:00:00Z")!
    private static let created = Instant("2025-12-01T00:00:00Z")!

    private func manifest(_ port: Int) -> String {
        """
          repositories:
            uses: git.repositories
            every: 7d
            retry: {attempts: 1}
            with: &forges
              forges: [{platform: github, base_url: "http://127.0.0.1:\(port)", token: "\(Self.token)", accounts: [acme]}]
          accounts: {uses: git.accounts, after: repositories, with: *forges}
        """
    }

    /// What happened to a token and a forge at each collection, and when.
    private struct Visits {
        /// Those that were told of traffic.
        var seen: [Instant] = []
        /// The last one that could read the repositories at all: it knows what has left the window.
        var last = ForgeYearTests.start
    }

    @Test(
        "Every day that could be seen is exact, sums equal it, and every lost day is a gap",
        arguments: [1, 2] as [UInt64])
    func days(seed: UInt64) async throws {
        let forge = Forge(.github, now: Self.start)
        forge.addAccount("acme")
        let ids = ["acme/app", "acme/tool"].enumerated().map { index, name in
            forge.addRepository(name, createdAt: Self.created) {
                $0.traffic = TrafficTruth(
                    seed: seed * 10 + UInt64(index), viewsPerDay: 60 - 30 * index, firstDay: Self.created)
            }
        }
        try await ForgeServer.run(forge) { server in
            let place = try Place(manifest(server.port))
            let visits = try await collect(seed, forge, ids, place)
            let key = "127.0.0.1:\(server.port)"
            var sums: [String: [Instant: Double]] = [:]
            for (id, name) in zip(ids, ["acme/app", "acme/renamed"]) {
                let truth = try #require(forge.repository(id)).traffic
                for (metric, figure) in Self.metrics {
                    let expected = Self.expected(truth, visits, figure)
                    let series = try await Series(place, "\(key)/\(name)", "repository", metric)
                    #expect(series.days == expected.days, "seed \(seed), \(name), \(metric)")
                    #expect(series.gaps == expected.lost, "seed \(seed), \(name), \(metric)")
                    let isAdditive = !metric.hasSuffix("_unique")
                    #expect(series.sum == (isAdditive ? expected.days.values.reduce(0, +) : nil), "\(metric)")
                    // Where a day had settled when it was last seen, it is what really happened.
                    let settled = expected.days.keys.filter { day in
                        visits.seen.contains {
                            $0 >= truth.settledAt(day) && $0 < day.advanced(by: .seconds(14 * 86_400))
                        }
                    }
                    #expect(settled.count >= 20)
                    for day in settled { #expect(series.days[day] == Double(figure(truth.truth(on: day)))) }
                    if isAdditive { sums[metric, default: [:]].merge(series.days, uniquingKeysWith: +) }
                }
            }
            for (metric, days) in sums {
                let series = try await Series(place, "\(key)/acme", "account", metric)
                #expect(series.days == days && series.sum == days.values.reduce(0, +), "seed \(seed), \(metric)")
            }
            // What may not be summed is in no account.
            let unique = try await place.run("series", "--subject", "\(key)/acme", "--metric", "views_unique")
            #expect(unique.status == 64, "\(unique.output)")
        }
    }

    private static let metrics: [(name: String, figure: @Sendable (TrafficDay) -> Int)] = [
        ("views", \.views), ("views_unique", \.viewsUnique), ("clones", \.clones), ("clones_unique", \.clonesUnique),
    ]

    /// Collects until the ninety days are over, at times of its own.
    private func collect(_ seed: UInt64, _ forge: Forge, _ ids: [Int64], _ place: Place) async throws -> Visits {
        var visits = Visits()
        var dice = seed &* 0x9E37_79B9_7F4A_7C15
        func roll(_ bound: UInt64) -> UInt64 {
            dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (dice >> 33) % bound
        }
        var now = Self.start
        let steps: [Int64] = [600, 3 * 3600, 86_400, 3 * 86_400, 7 * 86_400, 13 * 86_400 + 7200, 17 * 86_400]
        while now < Self.start.advanced(by: .seconds(90 * 86_400)) {
            forge.now = now
            let isFirst = now == Self.start
            let (isDown, isForbidden) = (!isFirst && roll(6) == 0, !isFirst && roll(6) == 0)
            forge.removeFaults()
            if isDown { forge.inject(.status(500), on: "GET */traffic/*") }
            forge.addToken(ForgeToken(Self.token, readsTraffic: !isForbidden))
            if now > Self.start.advanced(by: .seconds(40 * 86_400)), forge.fullName(ids[1]) == "acme/tool" {
                forge.move(ids[1], to: "acme/renamed")
            }
            let ended = try await place.run("run")
            // Without permission the rest is read all the same.
            #expect((ended.status == 0) == !isDown, "seed \(seed), \(now): \(ended.complaints)")
            if !isDown, !isForbidden { visits.seen.append(now) }
            if ended.status == 0 { visits.last = now }
            now = now.advanced(by: .seconds(steps[Int(roll(7))] + Int64(roll(7200))))
        }
        return visits
    }

    /// What a perfect collector would hold of a metric: its days, empty ones left out, and the days that are lost.
    private static func expected(
        _ truth: TrafficTruth, _ visits: Visits, _ figure: (TrafficDay) -> Int
    ) -> (days: [Instant: Double], lost: Set<Instant>) {
        var (days, lost): ([Instant: Double], Set<Instant>) = ([:], [])
        var day = start.startOfDay.advanced(by: .seconds(-13 * 86_400))
        let window = visits.last.startOfDay.advanced(by: .seconds(-13 * 86_400))
        while day <= visits.last {
            let known = truth.known(of: day, at: visits.seen)
            if let known, figure(known.told) > 0 { days[day] = Double(figure(known.told)) }
            if day >= start.startOfDay, day < window, known?.hadEnded != true { lost.insert(day) }
            day = day.advanced(by: .seconds(86_400))
        }
        return (days, lost)
    }

    /// A series as the program tells it.
    private struct Series {
        /// Without those of nothing.
        var days: [Instant: Double] = [:]
        /// Every day of every gap.
        var gaps: Set<Instant> = []
        var sum: Double?

        init(_ place: Place, _ key: String, _ kind: String, _ metric: String) async throws {
            let ended = try await place.run(
                "series", "--subject", key, "--kind", kind, "--metric", metric, "--json")
            try #require(ended.status == 0, "\(ended.complaints)")
            let series = try ended.json
            for point in try #require(series["points"]?.array) {
                let value = try #require(point["value"]?.number)
                if value != 0 { days[try #require(point["at"]?.string.flatMap { Instant($0) })] = value }
            }
            for gap in try #require(series["gaps"]?.array) {
                var day = try #require(gap["from"]?.string.flatMap { Instant($0) })
                let last = try #require(gap["to"]?.string.flatMap { Instant($0) })
                while day <= last {
                    #expect(gaps.insert(day).inserted, "\(day) is in two gaps")
                    day = day.advanced(by: .seconds(86_400))
                }
            }
            sum = series["sum"]?.number
        }
    }
}
