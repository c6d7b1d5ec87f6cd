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
        return fixture.gaps(metric, of: repository).map { gap in
            [gap.from, gap.to].map { ($0.milliseconds - self.day(0).milliseconds) / 86_400_000 }
        }
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
}
