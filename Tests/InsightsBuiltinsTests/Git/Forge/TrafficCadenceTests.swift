import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("How often traffic is to be read")
struct TrafficCadenceTests {
    @Test(
        "Every six days one run may fail and nothing is lost; every seven it costs the rest of one day",
        arguments: [(6, 0), (7, 1), (13, 13)])
    func missed(days: Int64, lost: Int64) async throws {
        let fixture = ForgeFixture()
        fixture.forge.addAccount("acme")
        fixture.forge.addRepository("acme/widget", createdAt: Instant("2025-06-01T00:00:00Z"))
        try await fixture.collect()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(days * 86_400)))
        fixture.forge.inject(.status(500), on: "GET */traffic/*")
        await #expect(throws: RunFailure.self) { try await fixture.collect() }
        fixture.forge.removeFaults()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(2 * days * 86_400)))
        try await fixture.collect()
        let gaps = fixture.gaps("views", of: fixture.repository("acme/widget"))
        let start = ForgeFixture.start.startOfDay
        #expect(gaps.map(\.from) == (lost == 0 ? [] : [start]))
        #expect(gaps.map(\.to) == (lost == 0 ? [] : [start.advanced(by: .seconds((lost - 1) * 86_400))]))
    }
}
