import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("GitLab")
struct GitLabTests {
    private static let token = "PRIVATE-TOKEN: ghp_all"

    @Test("A project by its path and by its number; sizes only for who may and asks")
    func project() async throws {
        let (forge, widget) = Samples.forge(.gitlab)
        forge.edit(widget) { $0.commits = 77 }
        try await withClient(forge) { client in
            for name in ["acme%2Fwidget", String(widget)] {
                let answer = try client.request("GET", "/api/v4/projects/\(name)?statistics=true", [Self.token])
                #expect(answer.status == 200)
                #expect(answer.json["id"]?.integer == widget)
                #expect(answer.json["path_with_namespace"] == "acme/Widget")
                #expect(answer.json["star_count"] == 42)
                #expect(answer.json["open_issues_count"] == 4)
                #expect(answer.json["statistics"]?["repository_size"] == 122_880)
                #expect(answer.json["statistics"]?["commit_count"] == 77)
            }
            let plain = try client.request("GET", "/api/v4/projects/\(widget)?statistics=true")
            #expect(plain.status == 200)
            #expect(plain.json["statistics"] == nil)
        }
    }

    @Test("A group's projects with its subgroups', by page and by keyset")
    func pages() async throws {
        let (forge, _) = Samples.forge(.gitlab)
        forge.addAccount("acme/tools", .group)
        forge.addAccount("acme/tools/deep", .group)
        forge.addAccount("acmeville", .group)
        for number in 0..<120 { forge.addRepository("acme/tools/deep/p\(number)") }
        forge.addRepository("acme/tools/top")
        forge.addRepository("acmeville/other")
        try await withClient(forge) { client in
            let alone = try client.request("GET", "/api/v4/groups/acme/projects", [Self.token])
            #expect(alone["x-total"] == "1")
            forge.addRepository("acme/secret") {
                $0.isPrivate = true
                $0.isArchived = true
            }
            for (filter, total) in [("visibility=public", "1"), ("visibility=private", "1"), ("archived=false", "1")] {
                let some = try client.request("GET", "/api/v4/groups/acme/projects?\(filter)", [Self.token])
                #expect(some["x-total"] == total)
            }
            let seen = try client.request("GET", "/api/v4/groups/acme/projects")
            #expect(seen["x-total"] == "1")
            let queries = [
                "include_subgroups=true&per_page=50",
                "include_subgroups=true&pagination=keyset&order_by=id&per_page=50",
                "include_subgroups=true&pagination=keyset&order_by=id&sort=asc&per_page=50",
            ]
            for query in queries {
                var names: Set<String> = []
                var pages = 0
                var target: String? = "/api/v4/groups/acme/projects?\(query)"
                while let next = target {
                    let answer = try client.request("GET", next, [Self.token])
                    names.formUnion(answer.json.array?.compactMap { $0["path_with_namespace"]?.string } ?? [])
                    #expect((answer["x-total"] == nil) == query.contains("keyset"))
                    pages += 1
                    target = answer.link("next").map { String($0.dropFirst("http://forge.test".count)) }
                }
                #expect(names.count == 123)
                #expect(!names.contains("acmeville/other"))
                #expect(pages == 3)
            }
            forge.configure { $0.omitsTotals = true }
            let bare = try client.request("GET", "/api/v4/groups/acme/projects?include_subgroups=true", [Self.token])
            #expect(bare["x-total"] == nil && bare.link("last") == nil && bare.link("next") != nil)
        }
    }

    @Test("Fetches of thirty days, newest first, for who may read them")
    func fetches() async throws {
        let (forge, widget) = Samples.forge(.gitlab)
        forge.addToken(ForgeToken("little", readsTraffic: false))
        let truth = try #require(forge.repository(widget)).traffic
        try await withClient(forge) { client in
            let path = "/api/v4/projects/\(widget)/statistics"
            let answer = try client.request("GET", path, [Self.token])
            let days = answer.json["fetches"]?["days"]?.array ?? []
            #expect((20...30).contains(days.count))
            #expect(days.first?["date"]?.string == "2026-03-11")
            for day in days {
                let midnight = try #require(day["date"]?.string.flatMap { Instant($0) })
                #expect(day["count"]?.integer == Int64(truth.told(of: midnight, at: Samples.now).clones))
            }
            let refused = try client.request("GET", path, ["PRIVATE-TOKEN: little"])
            #expect(refused.status == 403)
            let anonymous = try client.request("GET", path)
            #expect(anonymous.status == 401)
        }
    }

    @Test("A moved project's path leads to its number; members and merge requests are counted by X-Total")
    func rest() async throws {
        let (forge, widget) = Samples.forge(.gitlab)
        forge.move(widget, to: "acme/gadget")
        forge.addAccount("jane", .user) { $0.followers = 3 }
        try await withClient(forge) { client in
            let moved = try client.request("GET", "/api/v4/projects/acme%2Fwidget?statistics=true", [Self.token])
            #expect(moved.status == 301)
            #expect(moved["location"] == "http://forge.test/api/v4/projects/\(widget)?statistics=true")
            let merges = try client.request(
                "GET", "/api/v4/projects/\(widget)/merge_requests?state=opened&per_page=1", [Self.token])
            #expect(merges["x-total"] == "2" && merges["x-next-page"] == "2")
            let members = try client.request("GET", "/api/v4/groups/acme/members?per_page=1", [Self.token])
            #expect(members["x-total"] == "5")
            let users = try client.request("GET", "/api/v4/users?username=Jane", [Self.token])
            let id = try #require(users.json.array?.first?["id"]?.integer)
            let user = try client.request("GET", "/api/v4/users/\(id)", [Self.token])
            #expect(user.json["followers"] == 3)
            let missing = try client.request("GET", "/api/v4/projects/acme%2Fnothing", [Self.token])
            #expect(missing.status == 404 && missing.json["message"] == "404 Project Not Found")
            let unknown = try client.request("GET", "/api/v4/projects/\(widget)", ["PRIVATE-TOKEN: wrong"])
            #expect(unknown.status == 401)
        }
    }

    @Test(
        "429 comes with Retry-After, with RateLimit-Reset, or with neither",
        arguments: [
            (ForgeLimits.Wait.seconds, "60" as String?, true), (.reset, nil as String?, true),
            (.unsaid, nil as String?, false),
        ])
    func limits(wait: ForgeLimits.Wait, retry: String?, hasReset: Bool) async throws {
        let (forge, widget) = Samples.forge(.gitlab)
        forge.configure {
            $0.limits.user = 2
            $0.limits.wait = wait
        }
        try await withClient(forge) { client in
            let path = "/api/v4/projects/\(widget)"
            let first = try client.request("GET", path, [Self.token])
            #expect(first["ratelimit-remaining"] == (hasReset ? "1" : nil))
            _ = try client.request("GET", path, [Self.token])
            let refused = try client.request("GET", path, [Self.token])
            #expect(refused.status == 429)
            #expect(refused["retry-after"] == retry)
            #expect((refused["ratelimit-reset"] == "1773225060") == hasReset)
            #expect(refused.fields.filter { $0.name == "ratelimit-reset" }.count <= 1)
            forge.now = Samples.now.advanced(by: .seconds(60))
            let later = try client.request("GET", path, [Self.token])
            #expect(later.status == 200)
        }
    }
}
