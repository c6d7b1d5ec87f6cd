import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("Traffic: the truth, and what is told of it")
struct TrafficTests {
    private static let seeds: [UInt64] = [1, 2, 3, 1_000_002]

    @Test("What is told of a day never falls, and is the truth once it is settled", arguments: seeds)
    func growth(seed: UInt64) {
        let first = Instant("2026-01-01")!
        let truth = TrafficTruth(seed: seed, viewsPerDay: 50, firstDay: first)
        for number in 0..<60 {
            let day = Instant(milliseconds: first.milliseconds + Int64(number) * 86_400_000)
            var last = TrafficDay()
            for hour in 0..<80 {
                let now = day.advanced(by: .seconds(hour * 3600))
                let told = truth.told(of: day, at: now)
                #expect(told.views >= last.views && told.clones >= last.clones)
                #expect(told.viewsUnique <= told.views && told.clonesUnique <= told.clones)
                if now >= truth.settledAt(day) { #expect(told == truth.truth(on: day)) }
                last = told
            }
        }
    }

    @Test("Some days are revised after their end, some are empty")
    func kinds() {
        let first = Instant("2026-01-01")!
        let truth = TrafficTruth(seed: 7, viewsPerDay: 50, firstDay: first)
        let days = (0..<90).map { Instant(milliseconds: first.milliseconds + Int64($0) * 86_400_000) }
        let ends = days.map { $0.advanced(by: .seconds(86_400)) }
        let revised = zip(days, ends).filter { truth.told(of: $0, at: $1) != truth.truth(on: $0) }.count
        #expect((10...50).contains(revised))
        #expect((2...20).contains(days.filter { truth.truth(on: $0) == TrafficDay() }.count))
    }

    @Test("What collections can know of a day ends with the window")
    func known() throws {
        let day = Instant("2026-03-01")!
        let truth = TrafficTruth(seed: 3, viewsPerDay: 50, firstDay: Instant("2026-01-01")!)
        let table: [([String], Bool?)] = [
            ([], nil), (["2026-02-28T23:59:59Z"], nil), (["2026-03-15T00:00:00Z"], nil),
            (["2026-03-01T18:00:00Z"], false), (["2026-03-01T18:00:00Z", "2026-03-15T00:00:00Z"], false),
            (["2026-03-14T23:59:59Z", "2026-03-01T18:00:00Z"], true), (["2026-03-02T00:00:00Z"], true),
        ]
        for (times, hadEnded) in table {
            let known = truth.known(of: day, at: times.map { Instant($0)! })
            #expect(known?.hadEnded == hadEnded)
        }
        let last = truth.known(of: day, at: [Instant("2026-03-14T00:00:00Z")!, Instant("2026-03-01T12:00:00Z")!])
        #expect(last?.told == truth.truth(on: day))
    }

    @Test("The window is today and the thirteen days before, by the forge's own calendar")
    func window() async throws {
        let (forge, widget) = Samples.forge()
        forge.configure { $0.emptyDays = .listed }
        let truth = try #require(forge.repository(widget)).traffic
        try await withClient(forge) { client in
            for step in 0..<30 {
                forge.now = Samples.now.advanced(by: .seconds(step * 40_000))
                let answer = try client.request("GET", "/api/v3/repos/acme/widget/traffic/views", [Samples.token])
                let days = answer.json["views"]?.array ?? []
                #expect(days.count == 14)
                #expect(days.last?["timestamp"]?.string == "\(forge.now.dateText)T00:00:00Z")
                for day in days {
                    let midnight = try #require(day["timestamp"]?.string.flatMap { Instant($0) })
                    let told = truth.told(of: midnight, at: forge.now)
                    #expect(day["count"]?.integer == Int64(told.views))
                    #expect(day["uniques"]?.integer == Int64(told.viewsUnique))
                }
                #expect(answer.json["count"]?.integer == days.reduce(0) { $0 + ($1["count"]?.integer ?? 0) })
            }
        }
    }

    @Test("Days without traffic may be missing", arguments: [ForgeSettings.EmptyDays.omitted, .mixed, .listed])
    func emptyDays(rule: ForgeSettings.EmptyDays) async throws {
        let (forge, widget) = Samples.forge()
        forge.edit(widget) { $0.traffic.viewsPerDay = 0 }
        forge.configure { $0.emptyDays = rule }
        let answer = try await withClient(forge) {
            try $0.request("GET", "/api/v3/repos/acme/widget/traffic/clones", [Samples.token])
        }
        let count = answer.json["clones"]?.array?.count
        #expect(count == [.omitted: 0, .mixed: 7, .listed: 14][rule])
    }

    @Test("Rankings have at most ten entries, the highest first, and no more than there were")
    func rankings() async throws {
        let (forge, _) = Samples.forge()
        try await withClient(forge) { client in
            let path = "/api/v3/repos/acme/widget/traffic"
            let views = try client.request("GET", "\(path)/views", [Samples.token]).json["count"]?.integer ?? 0
            for (list, label) in [("referrers", "referrer"), ("paths", "path")] {
                let entries = try client.request("GET", "\(path)/popular/\(list)", [Samples.token]).json.array ?? []
                let counts = entries.compactMap { $0["count"]?.integer }
                #expect(!entries.isEmpty && entries.count <= 10)
                #expect(counts == counts.sorted(by: >))
                #expect(counts.reduce(0, +) <= views)
                #expect(Set(entries.compactMap { $0[label]?.string }).count == entries.count)
            }
        }
    }
}
