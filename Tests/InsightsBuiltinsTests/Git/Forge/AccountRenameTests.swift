import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("Accounts that are renamed at the forge")
struct AccountRenameTests {
    private struct Scene {
        let fixture: ForgeFixture
        let account: Int64
        let repositories: [Int64]

        init(_ kind: ForgeKind, _ accountKind: ForgeAccount.Kind) {
            let fixture = ForgeFixture(kind)
            account = fixture.forge.addAccount("acme", accountKind) { $0.followers = 12 }
            repositories = ["acme/a", "acme/b"].map {
                fixture.forge.addRepository($0, createdAt: Instant("2025-06-01T00:00:00Z"))
            }
            self.fixture = fixture
        }

        /// The identity of the account's subject.
        var externalID: String {
            let isGitLabUser = fixture.forge.kind == .gitlab && fixture.forge.account(account)?.kind == .user
            return (isGitLabUser ? "user-" : "") + String(account)
        }

        func read() async throws -> String {
            try await fixture.accounts.run(GitAccounts(), with: ["forges": [fixture.entry()]]) ?? ""
        }

        /// A day later, with an empty record.
        func next() {
            fixture.repositories.forget()
            fixture.accounts.forget()
            fixture.advance(to: fixture.forge.now.advanced(by: .seconds(86_400)))
        }
    }

    static let kinds: [(ForgeKind, ForgeAccount.Kind)] = [
        (.github, .organization), (.github, .user), (.gitlab, .group), (.gitlab, .user), (.forgejo, .organization),
        (.gitea, .user),
    ]

    @Test(
        "A renamed account is followed by its number, with its repositories, and the run says what to write",
        arguments: kinds)
    func followed(kind: ForgeKind, accountKind: ForgeAccount.Kind) async throws {
        let scene = Scene(kind, accountKind)
        let fixture = scene.fixture
        try await fixture.collect()
        _ = try await scene.read()
        fixture.forge.renameAccount(scene.account, to: "Emca")
        // Again and again, as long as the manifest has the old name.
        for _ in 0..<2 {
            scene.next()
            let summary = try await fixture.collect()
            #expect(summary.contains("\(fixture.key)/acme is called Emca now"), "\(summary)")
            let found = fixture.repositories.subjects.filter { $0.reference.kind == "repository" }
                .sorted { $0.reference.key < $1.reference.key }
            #expect(found.map(\.externalID) == scene.repositories.map { String($0) })
            #expect(found.map(\.reference) == ["emca/a", "emca/b"].map(fixture.repository))
            #expect(found.allSatisfy { $0.parent == fixture.account("emca") && $0.state != .gone })
            let accounts = fixture.repositories.subjects.filter { $0.reference.kind == "account" }
            #expect(
                accounts.allSatisfy { $0.reference == fixture.account("emca") && $0.externalID == scene.externalID })
            let read = try await scene.read()
            #expect(read.contains("\(fixture.key)/acme is called Emca now"), "\(read)")
            #expect(fixture.accounts.rollUps.map(\.subject) == [fixture.account("emca")])
            let account = fixture.accounts.subjects.first { $0.reference.kind == "account" }
            #expect(account?.externalID == scene.externalID && account?.name == "Emca")
            #expect(fixture.accounts.value("public_repositories", of: fixture.account("emca")) == 2)
        }
    }

    @Test("A GitLab group within a group is followed too, and what it has still counts to it")
    func nested() async throws {
        let fixture = ForgeFixture(.gitlab)
        fixture.forge.addAccount("top", .group)
        let group = fixture.forge.addAccount("top/acme", .group)
        fixture.forge.addRepository("top/acme/a", createdAt: Instant("2025-06-01T00:00:00Z"))
        try await fixture.collect(["accounts": ["top/acme"]])
        fixture.repositories.forget()
        fixture.forge.renameAccount(group, to: "top/emca")
        try await fixture.collect(
            ["accounts": ["top/acme"]], scheduledAt: ForgeFixture.start.advanced(by: .seconds(9)))
        let found = fixture.repositories.subjects.first { $0.reference.kind == "repository" }
        #expect(found?.reference == fixture.repository("top/emca/a"))
        #expect(found?.parent == fixture.account("top/emca"))
    }

    @Test("Where a server leads from the old name to the new one, the new one counts")
    func redirected() async throws {
        let scene = Scene(.forgejo, .user)
        let fixture = scene.fixture
        fixture.forge.renameAccount(scene.account, to: "emca")
        // As Forgejo does it: the old name's routes answer with what the new name has.
        fixture.direct.meddle { request in
            let path = request.url.path
            let owner: Value = ["id": .integer(scene.account), "login": "emca", "followers_count": 3]
            if path.hasSuffix("/users/acme/repos") {
                return ScriptedHTTP.Answer(json: [
                    ["id": .integer(scene.repositories[0]), "full_name": "emca/a", "owner": owner, "private": false]
                ])
            }
            return path.hasSuffix("/users/acme") ? ScriptedHTTP.Answer(json: owner) : nil
        }
        let summary = try await fixture.collect()
        #expect(summary.contains("\(fixture.key)/acme is called emca now"), "\(summary)")
        _ = try await scene.read()
        #expect(fixture.accounts.rollUps.map(\.subject) == [fixture.account("emca")])
    }

    @Test("Where another takes the old name, that one is read under it, and the former one's repositories go on")
    func taken() async throws {
        let scene = Scene(.github, .organization)
        let fixture = scene.fixture
        try await fixture.collect()
        fixture.forge.renameAccount(scene.account, to: "emca")
        let other = fixture.forge.addAccount("acme")
        let new = fixture.forge.addRepository("acme/a", createdAt: Instant("2026-01-05T00:00:00Z"))
        scene.next()
        try await fixture.collect()
        let keys = Dictionary(
            fixture.repositories.subjects.map { ($0.externalID ?? "", $0.reference) }
        ) { first, _ in first }
        #expect(keys[String(scene.repositories[0])] == fixture.repository("emca/a"))
        #expect(keys[String(new)] == fixture.repository("acme/a"))
        #expect(keys[String(other)] == fixture.account("acme"))
        #expect(fixture.repositories.lines.contains { $0.message.contains("another account is called acme now") })
    }

    @Test(
        "An account that is told under a name that can be none fails alone, and no form of the token is left",
        arguments: ForgeFixture.tokenForms + ["a\u{85}b"])
    func odd(name: String) async throws {
        let fixture = Scene(.github, .organization).fixture
        fixture.forge.addAccount("other")
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/orgs/acme") else { return nil }
            return ScriptedHTTP.Answer(json: ["id": 7, "login": .string(name), "followers": 3, "public_repos": 1])
        }
        let summary =
            try await fixture.accounts.run(
                GitAccounts(), with: ["forges": [fixture.entry(["accounts": ["acme", "other"]])]]) ?? ""
        #expect(summary.hasPrefix("1 account read; 1 failed: \(fixture.key)/acme (bad_answer"), "\(summary)")
        #expect(!(fixture.everything + summary).lowercased().contains(name.lowercased()))
    }

    @Test("An account that is gone is no account, whatever was known of it")
    func gone() async throws {
        let scene = Scene(.github, .organization)
        let fixture = scene.fixture
        try await fixture.collect()
        _ = try await scene.read()
        fixture.direct.meddle { request in
            let path = request.url.path
            return path.contains("/acme") || path.contains("/user/") ? ScriptedHTTP.Answer(404) : nil
        }
        scene.next()
        let failure = await #expect(throws: RunFailure.self) { try await fixture.collect() }
        #expect(failure?.code == "not_found")
        await #expect(throws: RunFailure.self) { try await scene.read() }
    }

    @Test("What an account has is summed up also when the account itself cannot be read", arguments: [500, 401])
    func unreadable(status: Int) async throws {
        let scene = Scene(.github, .organization)
        scene.fixture.direct.meddle { $0.url.path.hasSuffix("/orgs/acme") ? ScriptedHTTP.Answer(status) : nil }
        // Of one that was never read nobody knows whether it is there.
        await #expect(throws: RunFailure.self) { try await scene.read() }
        #expect(scene.fixture.accounts.rollUps.isEmpty)
        scene.fixture.direct.meddle(nil)
        _ = try await scene.read()
        scene.next()
        scene.fixture.direct.meddle { $0.url.path.hasSuffix("/orgs/acme") ? ScriptedHTTP.Answer(status) : nil }
        await #expect(throws: RunFailure.self) { try await scene.read() }
        #expect(scene.fixture.accounts.rollUps.map(\.subject) == [scene.fixture.account("acme")])
    }
}
