import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("git.repositories on GitLab, Forgejo and Gitea")
struct GitRepositoriesForgesTests {
    private static let made = Instant("2025-06-01T00:00:00Z")

    private func expect(_ values: [String: Double], of path: String, in fixture: ForgeFixture) {
        for (metric, value) in values {
            #expect(fixture.repositories.value(metric, of: fixture.repository(path)) == value, "\(metric) of \(path)")
        }
    }

    private func addReleases(_ id: Int64, to forge: Forge) {
        forge.addRelease(ForgeRelease(tag: "1.0", downloads: [3, 4]), to: id)
        forge.addRelease(ForgeRelease(tag: "2.0", isDraft: true, downloads: [100]), to: id)
        forge.addRelease(ForgeRelease(tag: "1.1", isPrerelease: true, downloads: [5]), to: id)
    }

    // MARK: GitLab

    private func gitLab() -> ForgeFixture {
        let fixture = ForgeFixture(.gitlab)
        fixture.forge.addAccount("acme", .group) { $0.members = 6 }
        fixture.forge.addAccount("acme/tools", .group)
        fixture.forge.addAccount("octocat", .user) { $0.followers = 9 }
        for name in ["acme/widget", "acme/tools/hammer", "octocat/hello"] {
            addReleases(
                fixture.forge.addRepository(name, createdAt: Self.made, ForgeFixture.count), to: fixture.forge)
        }
        return fixture
    }

    private let gitLabCounters: [String: Double] = [
        "stars": 50, "forks": 7, "open_issues": 4, "open_pull_requests": 3, "size_bytes": 12_288, "releases": 2,
    ]

    @Test("A group's projects come with those of its subgroups, which count to it; fetches reach back 30 days")
    func groups() async throws {
        let fixture = gitLab()
        let summary = try await fixture.collect(["accounts": ["acme", "octocat"]])
        for path in ["acme/widget", "acme/tools/hammer", "octocat/hello"] {
            expect(gitLabCounters, of: path, in: fixture)
        }
        let subjects = fixture.repositories.subjects
        #expect(
            subjects.first { $0.reference == fixture.repository("acme/tools/hammer") }?.parent
                == fixture.account("acme"))
        #expect(!subjects.contains { $0.reference == fixture.account("acme/tools") })
        #expect(summary.contains("release_downloads, watchers on 127.0.0.1:4711 (GitLab does not count them)"))
        let widget = try #require(fixture.forge.repositories.first { $0.name == "widget" })
        let fetches = fixture.repositories.series("fetches", of: fixture.repository("acme/widget"))
        for back in 0..<30 {
            let day = ForgeFixture.start.startOfDay.advanced(by: .seconds(-86_400 * back))
            #expect(fetches[day] ?? 0 == Double(widget.traffic.told(of: day, at: ForgeFixture.start).clones))
        }
        #expect(
            fetches.keys.min().map { $0 >= ForgeFixture.start.startOfDay.advanced(by: .seconds(-86_400 * 29)) } == true)
    }

    @Test("Without a token GitLab tells counters, and what it keeps to itself is absent with a reason")
    func anonymousGitLab() async throws {
        let fixture = gitLab()
        let summary = try await fixture.collect(token: nil)
        expect(["stars": 50, "open_pull_requests": 3], of: "acme/widget", in: fixture)
        #expect(fixture.repositories.value("size_bytes", of: fixture.repository("acme/widget")) == nil)
        #expect(summary.contains("fetches of 2 repositories") && summary.contains("size_bytes of 2 repositories"))
    }

    @Test("A total that GitLab leaves out is absent, and never 0")
    func noTotals() async throws {
        let fixture = gitLab()
        fixture.forge.configure { $0.omitsTotals = true }
        let summary = try await fixture.collect()
        #expect(fixture.repositories.value("open_pull_requests", of: fixture.repository("acme/widget")) == nil)
        #expect(summary.contains("the server does not say how many merge requests"))
    }

    @Test("Fetches that fell out of the window are a gap")
    func gitLabGap() async throws {
        let fixture = gitLab()
        try await fixture.collect()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(35 * 86_400)))
        try await fixture.collect()
        let gaps = fixture.gaps("fetches", of: fixture.repository("acme/widget"))
        #expect(gaps.map(\.from) == [ForgeFixture.start.startOfDay])
        #expect(gaps.map(\.to) == [ForgeFixture.start.startOfDay.advanced(by: .seconds(5 * 86_400))])
    }

    @Test("A project that is named, and then moved, is followed by its number")
    func gitLabMove() async throws {
        let fixture = gitLab()
        let named: ValueObject = ["accounts": [], "repositories": ["acme/tools/hammer"]]
        try await fixture.collect(named)
        let id = try #require(fixture.forge.repositories.first { $0.name == "hammer" }?.id)
        fixture.forge.move(id, to: "acme/anvil")
        fixture.repositories.forget()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400)))
        try await fixture.collect(named)
        #expect(fixture.repositories.subjects.last?.reference == fixture.repository("acme/anvil"))
        #expect(fixture.repositories.subjects.last?.externalID == String(id))
    }

    // MARK: Forgejo and Gitea

    @Test("The list has all counters, so that only releases are asked for", arguments: [ForgeKind.forgejo, .gitea])
    func forgejo(kind: ForgeKind) async throws {
        let fixture = ForgeFixture(kind)
        fixture.forge.addAccount("acme")
        for number in 0..<120 {
            addReleases(
                fixture.forge.addRepository("acme/r\(number)", createdAt: Self.made, ForgeFixture.count),
                to: fixture.forge
            )
        }
        let summary = try await fixture.collect()
        let counters: [String: Double] = [
            "stars": 50, "forks": 7, "watchers": 5, "open_issues": 4, "open_pull_requests": 3, "size_bytes": 12_288,
            "releases": 2, "release_downloads": 12,
        ]
        for number in [0, 60, 119] { expect(counters, of: "acme/r\(number)", in: fixture) }
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 120)
        // Three pages of 50, and the releases of each.
        #expect(fixture.forge.log.count == 123)
        #expect(summary.contains("counts no traffic"))
    }

    @Test("A user's repositories and a moved one are found on Forgejo")
    func forgejoMove() async throws {
        let fixture = ForgeFixture(.forgejo)
        fixture.forge.addAccount("octocat", .user)
        fixture.forge.addAccount("acme")
        let id = fixture.forge.addRepository("octocat/hello", createdAt: Self.made, ForgeFixture.count)
        let entry: ValueObject = ["accounts": ["octocat"]]
        try await fixture.collect(entry)
        fixture.forge.move(id, to: "acme/hello")
        fixture.repositories.forget()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400)))
        try await fixture.collect(entry)
        #expect(fixture.repositories.subjects.last?.reference == fixture.repository("acme/hello"))
    }

    @Test("A forge that answers nobody without a token says so", arguments: [ForgeKind.github, .gitlab, .forgejo])
    func closed(kind: ForgeKind) async throws {
        let fixture = ForgeFixture(kind)
        fixture.forge.addAccount("acme", kind == .gitlab ? .group : .organization)
        fixture.forge.configure { $0.requiresToken = true }
        do {
            try await fixture.collect(token: nil)
            Issue.record("it succeeded")
        } catch let failure as RunFailure {
            #expect(failure.code == "credential" && failure.message.contains("set \"token\""))
        }
    }
}

@Suite("git.accounts and git.platforms")
struct GitAccountsTests {
    private func run(_ fixture: ForgeFixture, _ changes: ValueObject = [:], token: String? = ForgeFixture.token)
        async throws -> String?
    {
        try await fixture.accounts.run(GitAccounts(), with: ["forges": [fixture.entry(changes, token: token)]])
    }

    private func fixture(_ kind: ForgeKind) -> ForgeFixture {
        let fixture = ForgeFixture(kind)
        fixture.forge.addAccount("Acme", kind == .gitlab ? .group : .organization) {
            $0.followers = 12
            $0.members = 6
            $0.publicMembers = 2
        }
        fixture.forge.addAccount("octocat", .user) { $0.followers = 9 }
        for name in ["acme/a", "acme/b", "octocat/c"] { fixture.forge.addRepository(name) }
        fixture.forge.addRepository("acme/secret") { $0.isPrivate = true }
        return fixture
    }

    @Test(
        "An account's own figures come beside the sums over its repositories",
        arguments: [ForgeKind.github, .gitlab, .forgejo, .gitea])
    func figures(kind: ForgeKind) async throws {
        let fixture = fixture(kind)
        let summary = try await run(fixture, ["accounts": ["acme", "octocat"]])
        let (acme, octocat) = (fixture.account("acme"), fixture.account("octocat"))
        #expect(fixture.accounts.value("public_repositories", of: acme) == 2)
        #expect(fixture.accounts.value("public_repositories", of: octocat) == 1)
        #expect(fixture.accounts.value("followers", of: octocat) == 9)
        #expect(fixture.accounts.value("followers", of: acme) == (kind == .gitlab ? nil : 12))
        #expect(fixture.accounts.value("members", of: acme) == 6)
        #expect(fixture.accounts.value("members", of: octocat) == nil)
        #expect(summary?.contains("members of 1 account on 127.0.0.1:4711 (a user has no members)") == true)
        let subject = fixture.accounts.subjects.first { $0.reference == acme }
        #expect(subject?.name == "Acme" && subject?.parent == fixture.platform)
        #expect(subject?.externalID == fixture.forge.account(1_000_001).map { String($0.id) })
        #expect(fixture.accounts.rollUps.map(\.subject) == [acme, octocat])
        #expect(fixture.accounts.rollUps.allSatisfy { $0.from == "repository" })
        #expect(fixture.accounts.rollUps.first?.metrics.contains("views") == true)
        #expect(fixture.accounts.rollUps.first?.metrics.contains("views_unique") == false)
    }

    @Test("Who is no member sees public members alone")
    func publicMembers() async throws {
        let fixture = fixture(.github)
        _ = try await run(fixture, token: nil)
        #expect(fixture.accounts.value("members", of: fixture.account("acme")) == 2)
    }

    @Test("The accounts of single repositories are read, too; one that is not there fails alone")
    func named() async throws {
        let fixture = fixture(.github)
        let summary = try await run(fixture, ["accounts": ["nobody"], "repositories": ["acme/a", "octocat/c"]])
        #expect(fixture.accounts.rollUps.map(\.subject) == [fixture.account("acme"), fixture.account("octocat")])
        #expect(summary?.contains("1 failed: 127.0.0.1:4711/nobody (not_found") == true)
    }

    @Test("A refused credential fails the run")
    func credential() async throws {
        await #expect(throws: RunFailure.self) { try await run(fixture(.github), token: "expired") }
    }

    @Test("A second pass costs next to nothing, and asks a user where it was found")
    func again() async throws {
        let fixture = fixture(.github)
        _ = try await run(fixture, ["accounts": ["acme", "octocat"]])
        let first = fixture.forge.charged
        fixture.forge.clearLog()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(60)))
        _ = try await run(fixture, ["accounts": ["acme", "octocat"]])
        // The members, whose first page of one says nothing of how many there are.
        #expect(first == 4 && fixture.forge.charged == 1)
        #expect(fixture.paths["/api/v3/orgs/octocat"] == nil)
    }

    @Test("Platforms are summed up once each, and nobody is asked")
    func platforms() async throws {
        let fixture = fixture(.github)
        let other: Value = ["platform": "gitlab", "base_url": "https://gitlab.example.org", "accounts": ["x"]]
        let summary = try await fixture.platforms.run(
            GitPlatforms(), with: ["forges": [fixture.entry(), fixture.entry(["accounts": ["octocat"]]), other]])
        #expect(summary == "2 platforms summed up")
        #expect(fixture.platforms.rollUps.map(\.subject.key) == [fixture.key, "gitlab.example.org"])
        #expect(fixture.platforms.rollUps.allSatisfy { $0.from == "account" && $0.metrics.contains("followers") })
        #expect(fixture.forge.log.isEmpty)
    }
}
