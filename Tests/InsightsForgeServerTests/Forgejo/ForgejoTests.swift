import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("Forgejo and Gitea")
struct ForgejoTests {
    private static let token = "Authorization: token ghp_all"

    @Test(
        "A repository's figures: watchers are watchers, issues are without pull requests",
        arguments: [ForgeKind.forgejo, .gitea])
    func repository(kind: ForgeKind) async throws {
        let (forge, widget) = Samples.forge(kind)
        forge.addRelease(ForgeRelease(tag: "1", downloads: [4]), to: widget)
        forge.addRelease(ForgeRelease(tag: "2", isDraft: true), to: widget)
        try await withClient(forge) { client in
            for path in ["repos/acme/widget", "repositories/\(widget)"] {
                let json = try client.request("GET", "/api/v1/\(path)", [Self.token]).json
                #expect(json["id"]?.integer == widget)
                #expect(json["stars_count"] == 42 && json["forks_count"] == 3 && json["watchers_count"] == 9)
                #expect(json["open_issues_count"] == 4 && json["open_pr_counter"] == 2)
                #expect(json["release_counter"] == 1 && json["size"] == 120 && json["archived"] == false)
            }
            let releases = try client.request("GET", "/api/v1/repos/acme/widget/releases")
            #expect(releases.json.array?.first?["assets"]?.array?.first?["download_count"] == 4)
        }
    }

    @Test("Lists have a total, and no more than fifty a page whatever is asked for")
    func pages() async throws {
        let (forge, _) = Samples.forge(.forgejo)
        for number in 1..<120 { forge.addRepository("acme/p\(number)") }
        try await withClient(forge) { client in
            var count = 0
            var target: String? = "/api/v1/orgs/acme/repos?limit=100"
            while let next = target {
                let answer = try client.request("GET", next, [Self.token])
                #expect(answer["x-total-count"] == "120")
                let size = answer.json.array?.count ?? 0
                #expect(size <= 50)
                count += size
                target = answer.link("next").map { String($0.dropFirst("http://forge.test".count)) }
            }
            #expect(count == 120)
        }
    }

    @Test("A moved repository's old name leads to the new one; followers stand with the user, members in the total")
    func rest() async throws {
        let (forge, widget) = Samples.forge(.forgejo)
        forge.move(widget, to: "acme/gadget")
        try await withClient(forge) { client in
            let moved = try client.request("GET", "/api/v1/repos/acme/widget/releases?limit=1", [Self.token])
            #expect(moved.status == 307)
            #expect(moved["location"] == "/api/v1/repos/acme/gadget/releases?limit=1")
            let user = try client.request("GET", "/api/v1/users/acme", [Self.token])
            #expect(user.json["followers_count"] == 7)
            let organization = try client.request("GET", "/api/v1/orgs/acme", [Self.token])
            #expect(organization.status == 200 && organization.json["followers_count"] == nil)
            let members = try client.request("GET", "/api/v1/orgs/acme/members?limit=1", [Self.token])
            #expect(members["x-total-count"] == "5")
            let seen = try client.request("GET", "/api/v1/orgs/acme/members?limit=1")
            #expect(seen["x-total-count"] == "2")
            let traffic = try client.request("GET", "/api/v1/repos/acme/gadget/traffic/views", [Self.token])
            #expect(traffic.status == 404)
            let unknown = try client.request("GET", "/api/v1/repos/acme/gadget", ["Authorization: token wrong"])
            #expect(unknown.status == 401)
        }
    }
}
