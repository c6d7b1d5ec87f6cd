import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("Two entries of one server, and who is gone")
struct ForgeEntriesTests {
    private let fixture = ForgeFixture()
    private var forge: Forge { fixture.forge }

    init() {
        forge.addAccount("acme")
        forge.addToken(ForgeToken("weak-token", readsTraffic: false))
    }

    private func add(_ name: String) -> Int64 { forge.addRepository(name, createdAt: Instant("2025-06-01T00:00:00Z")) }

    /// An account by a token that may read no traffic, and one of its repositories by another that may.
    private func collect(attempt: Int = 1) async throws {
        let entries: [Value] = [
            fixture.entry(["concurrency": 1], token: "weak-token"),
            fixture.entry(["accounts": [], "repositories": ["acme/a"], "concurrency": 1]),
        ]
        try await fixture.repositories.run(
            GitRepositories(), with: ["forges": .array(entries)], scheduledAt: fixture.clock.now, attempt: attempt)
    }

    @Test("What one token has finished is no reason for the other to leave it, and not the other way round")
    func finished() async throws {
        _ = add("acme/a")
        fixture.direct.meddle { request in
            guard request.credential?.value.contains(ForgeFixture.token) == true,
                request.url.path.hasSuffix("/traffic/views")
            else { return nil }
            throw RunFailure(HTTP.FailureCode.rateLimited, "later", retryable: true)
        }
        await #expect(throws: RunFailure.self) { try await collect() }
        let views = { fixture.repositories.series("views", of: fixture.repository("acme/a")) }
        #expect(views().isEmpty)
        fixture.direct.meddle(nil)
        forge.clearLog()
        try await collect(attempt: 2)
        #expect(!views().isEmpty)
        #expect(forge.log.count { $0.path.hasSuffix("/traffic/views") } == 1, "the weak one had finished it")
    }

    @Test("Who may not read traffic does not make the other's readings forgotten: a lost day is a gap")
    func readings() async throws {
        // Read last by the weak one, and so written last.
        let (id, names) = (add("acme/a"), (0..<5).map { "acme/0\($0)" })
        for name in names { _ = add(name) }
        try await collect()
        let state = fixture.repositories.state["repository/\(fixture.key)/\(id)"]
        #expect(RepositoryMemory(state)?.read.keys.sorted() == ["clones", "views"])
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(16 * 86_400)))
        try await collect()
        let gaps = fixture.gaps("views", of: fixture.repository("acme/a"))
        // Either entry may tell it, and both tell the same.
        #expect(!gaps.isEmpty)
        #expect(Set(gaps.map(\.from)) == [ForgeFixture.start.startOfDay])
        #expect(Set(gaps.map(\.to)) == [ForgeFixture.start.startOfDay.advanced(by: .seconds(2 * 86_400))])
    }

    @Test("Who is gone is told with the forge it is of")
    func gone() async throws {
        let id = add("acme/dies")
        _ = add("acme/stays")
        try await fixture.collect()
        forge.delete(id)
        fixture.repositories.forget()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400)))
        try await fixture.collect()
        let subjects = fixture.repositories.subjects
        let place = try #require(subjects.firstIndex { $0.state == .gone })
        #expect(subjects[place].parent == fixture.account("acme"))
        #expect(
            subjects[..<place].contains { $0.reference == fixture.account("acme") && $0.parent == fixture.platform })
        #expect(subjects[..<place].contains { $0.reference == fixture.platform })
    }

    @Test("Who was never read and is there no longer is nobody", arguments: [nil, ForgeFixture.token])
    func neverKnown(token: String?) async throws {
        _ = add("acme/stays")
        let id = add("acme/vanishes")
        let forge = forge
        fixture.direct.meddle { request in
            let path = request.url.path
            // Between the list and the first request for it.
            let isOfIt = path.contains("/\(id)/") || path.contains("/vanishes")
            if isOfIt, forge.repository(id) != nil { forge.delete(id) }
            return nil
        }
        try await fixture.collect(token: token)
        #expect(!fixture.repositories.subjects.contains { $0.externalID == String(id) })
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 1)
    }
}
