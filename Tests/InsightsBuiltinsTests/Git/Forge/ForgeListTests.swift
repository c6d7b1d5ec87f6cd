import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("Lists and counts, asked again with what is kept of them")
struct ForgeListTests {
    private let fixture = ForgeFixture()
    private var forge: Forge { fixture.forge }

    private func next() { fixture.advance(to: forge.now.advanced(by: .seconds(86_400))) }

    private func members(_ changes: ValueObject = [:]) async throws -> Double? {
        try await fixture.accounts.run(GitAccounts(), with: ["forges": [fixture.entry(changes)]])
        return fixture.accounts.value("members", of: fixture.account("acme"))
    }

    @Test("Members that come and go are counted, though the first one stays the same", arguments: [true, false])
    func members(omitsLink: Bool) async throws {
        forge.configure { $0.omitsLinkOn304 = omitsLink }
        let id = forge.addAccount("acme") { $0.members = 6 }
        for count in [6, 9, 2, 1, 0, 40] {
            forge.editAccount(id) { $0.members = count }
            next()
            #expect(try await members() == Double(count))
        }
    }

    @Test(
        "Who is sent on to a list in pages of its own size is told how many are in it, and not how many pages it has",
        arguments: [0, 1, 20, 30, 31, 45, 90])
    func publicMembers(count: Int) async throws {
        forge.addAccount("acme") { $0.publicMembers = count }
        forge.inject(
            .status(302, headers: ["Location": "/api/v3/orgs/acme/public_members"]), on: "GET */orgs/acme/members*")
        #expect(try await members() == Double(count))
    }

    @Test("A count that cannot be read this time is absent, and the sums are made")
    func failing() async throws {
        forge.addAccount("acme") { $0.followers = 5 }
        forge.inject(.status(500), on: "GET */orgs/acme/members*")
        #expect(try await members() == nil)
        #expect(fixture.accounts.value("followers", of: fixture.account("acme")) == 5)
        #expect(fixture.accounts.rollUps.count == 1)
        #expect(fixture.accounts.lines.contains { $0.message.contains("failed (500)") })
    }

    @Test("What is added behind a full page is found", arguments: [true, false])
    func fullPage(omitsLink: Bool) async throws {
        forge.configure { $0.omitsLinkOn304 = omitsLink }
        forge.addAccount("acme")
        for number in 0..<100 { forge.addRepository("acme/r\(number)", createdAt: Instant("2025-06-01T00:00:00Z")) }
        try await fixture.collect()
        forge.addRepository("acme/another", createdAt: Instant("2025-06-01T00:00:00Z"))
        for _ in 0..<2 {
            next()
            fixture.repositories.forget()
            try await fixture.collect()
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 101)
        }
    }

    @Test("Open pull requests are counted anew where GraphQL tells none")
    func pulls() async throws {
        forge.addAccount("acme")
        let id = forge.addRepository("acme/widget", createdAt: Instant("2025-06-01T00:00:00Z"), ForgeFixture.count)
        forge.inject(.status(404), on: "POST */graphql")
        for count in [3, 8, 1] {
            forge.edit(id) { $0.openPullRequests = count }
            next()
            try await fixture.collect()
            #expect(
                fixture.repositories.value("open_pull_requests", of: fixture.repository("acme/widget")) == Double(count)
            )
            #expect(fixture.repositories.value("open_issues", of: fixture.repository("acme/widget")) == 4)
        }
    }
}
