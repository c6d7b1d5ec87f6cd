import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("GitHub: repositories and accounts")
struct RepositoryTests {
    @Test("A repository's own answer has its figures, and issues together with pull requests")
    func repository() async throws {
        let (forge, widget) = Samples.forge()
        let answer = try await withClient(forge) { try $0.request("GET", "/api/v3/repos/ACME/widget", [Samples.token]) }
        #expect(answer.status == 200)
        #expect(answer["date"] == "Wed, 11 Mar 2026 10:30:00 GMT")
        #expect(answer.json["id"]?.integer == widget)
        #expect(answer.json["full_name"]?.string == "acme/Widget")
        #expect(answer.json["html_url"]?.string == "http://forge.test/acme/Widget")
        #expect(answer.json["stargazers_count"]?.integer == 42)
        #expect(answer.json["watchers_count"]?.integer == 42)
        #expect(answer.json["subscribers_count"]?.integer == 9)
        #expect(answer.json["open_issues_count"]?.integer == 6)
        #expect(answer.json["size"]?.integer == 120)
    }

    @Test("A list is followed by its links to the end, and has no subscribers")
    func pages() async throws {
        let (forge, _) = Samples.forge()
        for number in 1..<250 { forge.addRepository("acme/more-\(number)") }
        let names = try await withClient(forge) { client in
            var names: [String] = []
            var target: String? = "/api/v3/orgs/acme/repos?per_page=1000&type=all"
            while let next = target {
                let answer = try client.request("GET", next, [Samples.token])
                let page = answer.json.array ?? []
                #expect(page.count <= 100)
                #expect(page.allSatisfy { $0["subscribers_count"] == nil })
                names += page.compactMap { $0["name"]?.string }
                target = answer.link("next").map { String($0.dropFirst("http://forge.test".count)) }
            }
            return names
        }
        #expect(names.count == 250)
        #expect(Set(names).count == 250)
    }

    @Test("A renamed or transferred repository is found by its id, and its old name leads there")
    func rename() async throws {
        let (forge, widget) = Samples.forge()
        forge.addAccount("other")
        forge.move(widget, to: "acme/gadget")
        forge.move(widget, to: "other/gadget")
        try await withClient(forge) { client in
            for name in ["acme/widget", "acme/gadget"] {
                let moved = try client.request("GET", "/api/v3/repos/\(name)/traffic/views?per=day", [Samples.token])
                #expect(moved.status == 301)
                #expect(
                    moved["location"]
                        == "http://forge.test/api/v3/repositories/\(widget)/traffic/views?per=day")
            }
            #expect(try client.request("PATCH", "/api/v3/repos/acme/widget", [Samples.token]).status == 307)
            let found = try client.request("GET", "/api/v3/repositories/\(widget)", [Samples.token])
            #expect(found.json["full_name"]?.string == "other/gadget")
        }
    }

    @Test("A name that was taken again belongs to the newcomer")
    func recreated() async throws {
        let (forge, widget) = Samples.forge()
        forge.move(widget, to: "acme/old-widget")
        let newcomer = forge.addRepository("acme/widget")
        try await withClient(forge) { client in
            let answer = try client.request("GET", "/api/v3/repos/acme/widget", [Samples.token])
            #expect(answer.json["id"]?.integer == newcomer)
        }
        forge.delete(newcomer)
        forge.delete(widget)
        try await withClient(forge) { client in
            for path in ["repos/acme/widget", "repos/acme/old-widget", "repositories/\(widget)"] {
                let answer = try client.request("GET", "/api/v3/\(path)", [Samples.token])
                #expect(answer.status == 404)
            }
        }
    }

    @Test("Private repositories and members are seen with a token that may")
    func visibility() async throws {
        let (forge, _) = Samples.forge()
        forge.addRepository("acme/secret") { $0.isPrivate = true }
        forge.addToken(ForgeToken("ghp_little", readsTraffic: false, readsPrivate: false))
        try await withClient(forge) { client in
            let little = "Authorization: token ghp_little"
            #expect(try client.request("GET", "/api/v3/repos/acme/secret", [Samples.token]).status == 200)
            #expect(try client.request("GET", "/api/v3/repos/acme/secret", [little]).status == 404)
            #expect(try client.request("GET", "/api/v3/orgs/acme/repos", []).json.array?.count == 1)
            let members = try client.request("GET", "/api/v3/orgs/acme/members?per_page=1", [Samples.token])
            #expect(members.link("last")?.contains("page=5") == true)
            let others = try client.request("GET", "/api/v3/orgs/acme/members?per_page=1", [little])
            #expect(others.status == 302)
            #expect(others["location"] == "http://forge.test/api/v3/orgs/acme/public_members?per_page=1")
            let account = try client.request("GET", "/api/v3/orgs/acme", [])
            #expect(account.json["followers"]?.integer == 7)
            #expect(account.json["public_repos"]?.integer == 1)
        }
    }

    @Test("Open pull requests are counted by the last page, drafts are seen by who may push")
    func pullsAndReleases() async throws {
        let (forge, widget) = Samples.forge()
        forge.addRelease(ForgeRelease(tag: "1.0", downloads: [10, 5]), to: widget)
        forge.addRelease(ForgeRelease(tag: "2.0", isDraft: true, downloads: [0]), to: widget)
        forge.addRelease(ForgeRelease(tag: "2.0-rc", isPrerelease: true, downloads: [1]), to: widget)
        try await withClient(forge) { client in
            let pulls = try client.request(
                "GET", "/api/v3/repos/acme/widget/pulls?state=open&per_page=1", [Samples.token])
            #expect(pulls.json.array?.count == 1)
            #expect(pulls.link("last")?.contains("page=2") == true)
            let all = try client.request("GET", "/api/v3/repos/acme/widget/releases", [Samples.token])
            #expect(all.json.array?.compactMap { $0["tag_name"]?.string } == ["2.0-rc", "2.0", "1.0"])
            let published = try client.request("GET", "/api/v3/repos/acme/widget/releases", [])
            #expect(published.json.array?.compactMap { $0["tag_name"]?.string } == ["2.0-rc", "1.0"])
            let downloads = published.json.array?.last?["assets"]?.array?.compactMap { $0["download_count"]?.integer }
            #expect(downloads == [10, 5])
        }
    }

    @Test("Names with quotes, controls and other letters arrive as they are")
    func letters() async throws {
        let (forge, _) = Samples.forge()
        let names = ["a\"b", "c\\d", "e\u{1}f", "g\u{0}h", "ü→😀", "i\nj\u{7F}"]
        for name in names { forge.addRepository("acme/\(name)") }
        let answer = try await withClient(forge) { try $0.request("GET", "/api/v3/orgs/acme/repos", [Samples.token]) }
        #expect(answer.json.array?.compactMap { $0["name"]?.string } == ["Widget"] + names)
    }

    @Test("The newest version has done away with some members")
    func versions() async throws {
        let (forge, _) = Samples.forge()
        try await withClient(forge) { client in
            for (version, isThere) in [("2022-11-28", true), ("2026-03-10", false)] {
                let headers = [Samples.token, "X-GitHub-Api-Version: \(version)"]
                let repository = try client.request("GET", "/api/v3/repos/acme/widget", headers)
                #expect((repository.json["has_downloads"] != nil) == isThere)
                #expect(repository["x-github-api-version-selected"] == version)
                let pulls = try client.request("GET", "/api/v3/repos/acme/widget/pulls", headers)
                #expect((pulls.json.array?.first?["assignee"] != nil) == isThere)
            }
        }
    }

    @Test("Who may not, and what is not there, is told in GitHub's words")
    func refusals() async throws {
        let (forge, _) = Samples.forge()
        forge.addToken(ForgeToken("fine", readsTraffic: false, expiresAt: Instant("2026-03-12T00:00:00Z")))
        forge.addToken(ForgeToken("classic", readsTraffic: false, isFineGrained: false))
        forge.addToken(ForgeToken("late", expiresAt: Samples.now))
        let table: [(String, [String], Int, String)] = [
            ("repos/acme/nothing", [Samples.token], 404, "Not Found"),
            ("repos/acme/widget", ["Authorization: Bearer unknown"], 401, "Bad credentials"),
            ("repos/acme/widget", ["Authorization: Bearer late"], 401, "Bad credentials"),
            (
                "repos/acme/widget/traffic/views", ["Authorization: Bearer fine"], 403,
                "Resource not accessible by personal access token"
            ),
            (
                "repos/acme/widget/traffic/clones", ["Authorization: Bearer classic"], 403,
                "Must have push access to repository"
            ),
            (
                "repos/acme/widget", ["X-GitHub-Api-Version: 1999-01-01"], 400,
                "API version 1999-01-01 is not supported."
            ),
        ]
        try await withClient(forge) { client in
            for (path, headers, status, message) in table {
                let answer = try client.request("GET", "/api/v3/\(path)", headers)
                #expect(answer.status == status)
                #expect(answer.json["message"]?.string == message)
            }
            let answer = try client.request("GET", "/api/v3/repos/acme/widget", ["Authorization: Bearer fine"])
            #expect(answer["github-authentication-token-expiration"] == "2026-03-12 00:00:00 UTC")
        }
    }
}
