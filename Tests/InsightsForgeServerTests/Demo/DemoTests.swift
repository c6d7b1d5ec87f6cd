import Foundation
import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("The demo's forges")
struct DemoTests {
    private static let noon = Instant("2026-11-25T12:00:00Z")!

    @Test("Some twenty repositories, with traffic and figures that grow with the calendar")
    func content() throws {
        let demo = DemoForges { Self.noon }
        let later = DemoForges { Self.noon.advanced(by: .seconds(3600)) }
        let forges = [demo.github, demo.gitlab, demo.forgejo]
        #expect((18...24).contains(forges.reduce(0) { $0 + $1.repositories.count }))
        for (now, then) in zip(demo.github.repositories, later.github.repositories) {
            #expect(now.id == then.id && now.name == then.name && now.stars <= then.stars)
        }
        let stars = { (forge: Forge) in forge.repositories.reduce(0) { $0 + $1.stars } }
        #expect(stars(demo.github) < stars(later.github))
        #expect(demo.github.repositories.contains { $0.isArchived })
    }

    @Test("A demo that is started again has no lower figures, and the same traffic")
    func restart() throws {
        let demo = DemoForges { Self.noon }
        demo.grow()
        let again = DemoForges { Self.noon }
        let day = Instant("2026-11-20")!
        for (one, other) in zip(demo.github.repositories, again.github.repositories) {
            #expect(one.stars == other.stars && one.openIssues == other.openIssues)
            #expect(one.traffic.truth(on: day) == other.traffic.truth(on: day))
        }
    }

    @Test("What the example's manifest names is there, at the ports where the demo listens")
    func manifest() async throws {
        let file = URL(filePath: #filePath).appending(path: "../../../../Plugins-dev/Examples/forges/tasks.yaml")
            .standardizedFileURL
        let text = try String(contentsOf: file, encoding: .utf8)
        for port in DemoForges.ports { #expect(text.contains("http://127.0.0.1:\(port)}")) }
        #expect(text.components(separatedBy: "token: \(DemoForges.token)\n").count == 4)
        for account in ["nimbus-labs, ada-fern", "skyforge", "pinewood"] { #expect(text.contains("[\(account)]")) }
        let demo = DemoForges { Self.noon }
        try await withClient(demo.github) { client in
            let token = "Authorization: Bearer \(DemoForges.token)"
            for path in ["orgs/nimbus-labs/repos", "users/ada-fern/repos", "repos/nimbus-labs/nimbus/traffic/views"] {
                let answer = try client.request("GET", "/api/v3/\(path)", [token])
                #expect(answer.status == 200)
            }
            let renamed = try client.request("GET", "/api/v3/repos/nimbus-labs/old-name", [token])
            #expect(renamed.status == 301)
        }
        try await withClient(demo.gitlab) { client in
            let answer = try client.request("GET", "/api/v4/groups/skyforge/projects?include_subgroups=true")
            #expect(answer["x-total"] == "4")
        }
        try await withClient(demo.forgejo) { client in
            let answer = try client.request("GET", "/api/v1/orgs/pinewood/repos")
            #expect(answer["x-total-count"] == "3")
        }
    }
}
