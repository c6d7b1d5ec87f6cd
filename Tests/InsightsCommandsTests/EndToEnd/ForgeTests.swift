import Foundation
import InsightsForgeServer
import InsightsPlugin
import Testing

@Suite("The pipeline over forges, by the real program", .crowded)
struct ForgeTests {
    private static let token = "ghp_Planted7In8The9Environment0Only"

    private func forge() -> Forge {
        let forge = Forge(.github, clock: { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) })
        forge.addToken(ForgeToken(Self.token))
        forge.addAccount("acme") { $0.followers = 12 }
        forge.addAccount("octocat", .user) { $0.followers = 9 }
        for (name, stars) in [("acme/a", 5), ("acme/b", 7), ("octocat/c", 11)] {
            forge.addRepository(name, createdAt: Instant("2025-06-01T00:00:00Z")) { $0.stars = stars }
        }
        return forge
    }

    private func manifest(_ port: Int, extra: String = "") -> String {
        """
          repositories:
            uses: git.repositories
            every: 7d
            with: &forges
              forges:
                - platform: github
                  base_url: http://127.0.0.1:\(port)
                  token: ${FORGE_TOKEN}
                  accounts: [acme, octocat\(extra)]
          accounts:
            uses: git.accounts
            after: repositories
            with: *forges
          platforms:
            uses: git.platforms
            after: accounts
            with: *forges
        """
    }

    @Test("From tokens to sums: each figure and how many are behind it, and no form of the token anywhere")
    func pipeline() async throws {
        let forge = forge()
        try await ForgeServer.run(forge) { server in
            let place = try Place(manifest(server.port))
            let environment = ["FORGE_TOKEN": Self.token]
            let ended = try await place.run("run", "--json", environment: environment)
            #expect(ended.status == 0, "\(ended.complaints)")
            let metrics = try #require(
                try await place.run("metrics", "--metric", "stars", "--json", environment: environment).json.array)
            let key = "127.0.0.1:\(server.port)"
            var found: [String: String] = [:]
            for metric in metrics {
                let name = metric["subject"]?["key"]?.string ?? ""
                found[name] = "\(metric["value"]?.json ?? "") of \(metric["of"]?.json ?? "")"
            }
            #expect(
                found == [
                    "\(key)/acme/a": "5 of null", "\(key)/acme/b": "7 of null", "\(key)/octocat/c": "11 of null",
                    "\(key)/acme": "12 of 2", "\(key)/octocat": "11 of 1", key: "23 of 2",
                ])
            let views = try await place.run(
                "series", "--subject", "\(key)/acme", "--kind", "account", "--metric", "views", "--json",
                environment: environment
            ).json
            let days = try #require(views["points"]?.array)
            #expect(days.count >= 5)
            let unique = try await place.run(
                "series", "--subject", "\(key)/acme/a", "--metric", "views_unique", "--json", environment: environment
            ).json
            #expect(unique["sum"] == .null)
            #expect(try secrets(in: place, ended) == [])
        }
    }

    @Test("check --online tells what a run could do, and ends as it would")
    func online() async throws {
        let forge = forge()
        try await ForgeServer.run(forge) { server in
            let place = try Place(manifest(server.port))
            let environment = ["FORGE_TOKEN": Self.token]
            let good = try await place.run("check", "--online", environment: environment)
            #expect(good.status == 0, "\(good.complaints)")
            #expect(good.output.contains("3 repositories would be tracked: acme 2, octocat 1"))
            #expect(good.lines.allSatisfy { $0.hasPrefix("tasks.yaml: ok") || $0.hasPrefix("repositories\tnote\t") })
            let json = try await place.run("check", "--online", "--json", environment: environment).json
            #expect(json["diagnostics"] == [])
            #expect(
                json["findings"]?.array?.first?.object?.keys == [
                    "task", "severity", "code", "subject", "message", "help",
                ])
            #expect(!place.exists("insights.db"))
            let refused = try await place.run("check", "--online", environment: ["FORGE_TOKEN": "ghp_wrong_one"])
            #expect(refused.status == 78 && refused.output.contains("refused the token"))
            #expect(!refused.output.contains("ghp_wrong_one"))
            let unknown = try await place.run("check", "--online", "nothing", environment: environment)
            #expect(unknown.status == 64)
            try place.manifest(manifest(server.port, extra: ", nobody"))
            let missing = try await place.run("check", "--online", "repositories", environment: environment)
            #expect(missing.status == 78 && missing.output.contains("has no account nobody"))
        }
    }

    @Test("A server that is out of reach is 69, and --timeout without --online is usage")
    func unreachable() async throws {
        let place = try Place(manifest(9))
        let environment = ["FORGE_TOKEN": Self.token]
        let ended = try await place.run("check", "--online", "--timeout", "5s", environment: environment)
        #expect(ended.status == 69, "\(ended.output)")
        #expect(try await place.run("check", "--timeout", "5s", environment: environment).status == 64)
    }

    @Test("A refused token fails the run for good, and what depends on it is not started")
    func credential() async throws {
        let forge = forge()
        try await ForgeServer.run(forge) { server in
            let place = try Place(manifest(server.port))
            let ended = try await place.run("run", "--json", environment: ["FORGE_TOKEN": "ghp_expired_long_ago"])
            #expect(ended.status == 1)
            let runs = try #require(try ended.json.array)
            let first = runs.first { $0["task"] == "repositories" }
            #expect(first?["error"]?["code"] == "credential" && first?["error"]?["retryable"] == false)
            #expect(first?["attempt"] == 1)
            #expect(!(ended.output + ended.complaints).contains("ghp_expired_long_ago"))
        }
    }

    @Test("A run that fails over answers with the token in them leaves no form of it anywhere")
    func failing() async throws {
        let forge = forge()
        let base64 = Data(Self.token.utf8).base64EncodedString()
        let hex = Self.token.utf8.map { String($0, radix: 16) }.joined()
        // In the path of a failure's message, and in bodies that the client's cache would keep.
        for pattern in ["GET *traffic/clones*", "GET /x/*"] {
            forge.inject(.status(302, headers: ["Location": "/x/\(base64)/\(Self.token)/\(hex)"]), on: pattern)
        }
        forge.inject(.value("default_branch", .string(base64)), on: "GET */orgs/acme/repos*")
        forge.inject(.value("default_branch", .string(hex)), on: "GET */users/octocat/repos*")
        forge.inject(.value("uniques", .string(Self.token)), on: "GET *traffic/views*")
        try await ForgeServer.run(forge) { server in
            let place = try Place(manifest(server.port))
            let ended = try await place.run("run", "--json", environment: ["FORGE_TOKEN": Self.token])
            #expect(ended.status == 1)
            let first = try ended.json.array?.first { $0["task"] == "repositories" }
            #expect(first?["error"]?["code"] == "http_redirect", "\(ended.output)")
            // The last digit of base64 and its padding depend on what stands behind, and tell nothing.
            let message = first?["error"]?["message"]?.string ?? ""
            #expect(message.contains("/x/***") && message.contains("/***/***"), "\(message)")
            #expect(try secrets(in: place, ended) == [])
        }
    }

    /// Where a form of the token is found: in what was printed, or in any file that was written.
    private func secrets(in place: Place, _ ended: Program.Ended) throws -> [String] {
        let token = Data(Self.token.utf8)
        let hex = Self.token.utf8.map { String($0, radix: 16) }.joined()
        let forms = [token, Data(token.base64EncodedString().prefix(40).utf8), Data(hex.utf8), Data(token.reversed())]
        var places: [String] = []
        let texts = ["output": Data(ended.output.utf8), "complaints": Data(ended.complaints.utf8)]
        for (name, data) in texts where forms.contains(where: { data.range(of: $0) != nil }) { places.append(name) }
        let files = try #require(FileManager.default.enumerator(atPath: place.path))
        var count = 0
        for case let name as String in files {
            guard let data = FileManager.default.contents(atPath: place.path + "/" + name) else { continue }
            count += 1
            if forms.contains(where: { data.range(of: $0) != nil }) { places.append(name) }
        }
        // The database and the client's cache among them.
        #expect(count > 5)
        return places
    }
}
