import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("Days that are lost while traffic may not be read")
struct LostDaysTests {
    private let fixture: ForgeFixture
    private let metrics: [String]
    private let repository: SubjectReference

    init() {
        fixture = ForgeFixture()
        metrics = ["views", "views_unique", "clones", "clones_unique"]
        fixture.forge.addAccount("acme")
        fixture.forge.addRepository("acme/widget", createdAt: Instant("2025-12-01T00:00:00Z"))
        repository = fixture.repository("acme/widget")
    }

    private func day(_ number: Int64) -> Instant {
        ForgeFixture.start.startOfDay.advanced(by: .seconds(86_400 * number))
    }

    private func permit(_ isPermitted: Bool) {
        fixture.forge.addToken(ForgeToken(ForgeFixture.token, readsTraffic: isPermitted))
    }

    /// The days of each gap, counted from the first collection's, that a collection on `day` records.
    private func gaps(on day: Int64, token: String? = ForgeFixture.token, _ metric: String) async throws -> [[Int64]] {
        fixture.repositories.forget()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400 * day)))
        try await fixture.collect(token: token, scheduledAt: fixture.forge.now)
        return fixture.gapDays(metric, of: repository)
    }

    @Test(
        "They are gaps at the next run that reads the repository, each once, also where there is no token at all",
        arguments: [ForgeFixture.token, nil])
    func lost(token: String?) async throws {
        for metric in metrics {
            // A window of 14 days holds the day of the last reading until the 14th day after it.
            let fresh = LostDaysTests()
            try await fresh.fixture.collect()
            fresh.permit(false)
            #expect(try await fresh.gaps(on: 13, token: token, metric) == [])
            #expect(try await fresh.gaps(on: 20, token: token, metric) == [[0, 6]])
            #expect(try await fresh.gaps(on: 20, token: token, metric) == [])
            #expect(try await fresh.gaps(on: 22, token: token, metric) == [[7, 8]])
            fresh.permit(true)
            #expect(try await fresh.gaps(on: 24, metric) == [[9, 10]])
            #expect(try await fresh.gaps(on: 25, metric) == [])
        }
    }

    @Test("Nothing that was never read is lost")
    func never() async throws {
        permit(false)
        try await fixture.collect()
        #expect(try await gaps(on: 40, "views") == [])
    }

    @Test("GitLab's fetches, too")
    func fetches() async throws {
        let fixture = ForgeFixture(.gitlab)
        fixture.forge.addAccount("acme", .group)
        fixture.forge.addRepository("acme/widget", createdAt: Instant("2025-12-01T00:00:00Z"))
        try await fixture.collect()
        fixture.forge.addToken(ForgeToken(ForgeFixture.token, readsTraffic: false))
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400 * 35)))
        try await fixture.collect(scheduledAt: fixture.forge.now)
        let gaps = fixture.gaps("fetches", of: fixture.repository("acme/widget"))
        #expect(gaps.map(\.from) == [day(0)] && gaps.map(\.to) == [day(5)])
    }

    @Test(
        "An answer that was made before a midnight and came after it has the old day's part only: that day is lost later",
        arguments: [true, false])
    func midnight(isOnItsWay: Bool) async throws {
        let clock = fixture.clock
        let sent = day(1).advanced(by: .seconds(-5))
        let came = day(1).advanced(by: .seconds(5))
        fixture.advance(to: isOnItsWay ? sent : came)
        let list: Value = [["timestamp": .string(day(0).dateText + "T00:00:00Z"), "count": 3, "uniques": 2]]
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/traffic/views") else { return nil }
            // Ten seconds on the way, by this machine's clock; the forge's `Date` is of when it left.
            if isOnItsWay { clock.set(came) }
            return ScriptedHTTP.Answer(
                headers: ["Date": "Tue, 06 Jan 2026 00:00:05 GMT"], json: ["count": 3, "uniques": 2, "views": list])
        }
        try await fixture.collect()
        fixture.direct.meddle(nil)
        for metric in metrics { #expect(fixture.gaps(metric, of: repository) == []) }
        let expected: [[Int64]] = isOnItsWay ? [[0, 0]] : []
        #expect(try await gaps(on: 14, "views") == expected)
    }

    /// Answers for views with what the forge would, changed.
    private func change(_ edit: @escaping @Sendable ([Value]) -> [Value]) {
        let truth = fixture.forge.repositories[0].traffic
        let now = fixture.forge.now
        let days: [Value] = (0..<14).reversed().map { back in
            let day = now.startOfDay.advanced(by: .seconds(-86_400 * back))
            let told = truth.told(of: day, at: now)
            return [
                "timestamp": .string("\(day)"), "count": .integer(Int64(told.views)),
                "uniques": .integer(Int64(told.viewsUnique)),
            ]
        }
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/traffic/views") else { return nil }
            return ScriptedHTTP.Answer(json: ["count": 1, "uniques": 1, "views": .array(edit(days))])
        }
    }

    @Test("A day that was malformed in an answer does not make those before it lost, which are stored")
    func malformed() async throws {
        try await fixture.collect()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400 * 10)))
        let bad = day(8)
        change { days in
            days.map { $0["timestamp"]?.string == "\(bad)" ? ["timestamp": .string("\(bad)"), "count": 4] : $0 }
        }
        #expect(try await gaps(on: 10, "views") == [])
        #expect(fixture.repositories.series("views", of: repository)[day(7)] != nil)
        fixture.direct.meddle(nil)
        // The first day of the window is the eleventh.
        #expect(try await gaps(on: 24, "views") == [[8, 10]])
        #expect(try await gaps(on: 25, "views") == [])
    }

    @Test("From the first try on days count, of a source that failed and of an answer with a bad day")
    func firstTry() async throws {
        for name in ["b", "c"] { fixture.forge.addRepository("acme/\(name)", createdAt: day(-30)) }
        let clones = fixture.place(of: "acme/widget") + "/traffic/clones"
        fixture.direct.meddle { $0.url.path == clones ? ScriptedHTTP.Answer(500) : nil }
        try await fixture.collect()
        fixture.direct.meddle(nil)
        #expect(try await gaps(on: 20, "clones") == [[0, 6]])
        #expect(fixture.gaps("views", of: repository).count == 1)

        let fresh = LostDaysTests()
        let bad = day(-3)
        fresh.change { days in
            days.map { $0["timestamp"]?.string == "\(bad)" ? ["timestamp": .string("\(bad)"), "count": 4] : $0 }
        }
        try await fresh.fixture.collect()
        fresh.fixture.direct.meddle(nil)
        #expect(try await fresh.gaps(on: 20, "views") == [[-3, 6]])
        #expect(try await fresh.gaps(on: 21, "views") == [])
    }

    @Test("One day of long ago in an answer does not hide those that are lost")
    func longAgo() async throws {
        try await fixture.collect()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400 * 20)))
        let old = day(-100)
        change { days in [["timestamp": .string("\(old)"), "count": 1, "uniques": 1]] + days }
        #expect(try await gaps(on: 20, "views") == [[0, 6]])
        fixture.direct.meddle(nil)
        #expect(try await gaps(on: 21, "views") == [])
    }
}
