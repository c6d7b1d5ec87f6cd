import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("Limits, and what is charged")
struct LimitTests {
    private static let repository = "/api/v3/repos/acme/widget"

    @Test("A budget counts down, refuses at its end, and begins anew at its reset")
    func primary() async throws {
        let (forge, _) = Samples.forge()
        forge.configure { $0.limits.anonymous = 3 }
        try await withClient(forge) { client in
            for left in [2, 1, 0] {
                let answer = try client.request("GET", Self.repository)
                #expect(answer.status == 200)
                #expect(answer["x-ratelimit-limit"] == "3")
                #expect(answer["x-ratelimit-remaining"] == String(left))
                #expect(answer["x-ratelimit-used"] == String(3 - left))
                #expect(answer["x-ratelimit-reset"] == String(Samples.now.milliseconds / 1000 + 3600))
                #expect(answer["x-ratelimit-resource"] == "core")
            }
            let refused = try client.request("GET", Self.repository)
            #expect(refused.status == 403)
            #expect(refused["x-ratelimit-remaining"] == "0")
            #expect(refused["retry-after"] == nil)
            #expect(refused.json["message"]?.string?.contains("API rate limit exceeded") == true)
            // Who has a token has a budget of their own.
            let other = try client.request("GET", Self.repository, [Samples.token])
            #expect(other["x-ratelimit-remaining"] == "4999")
            forge.now = Samples.now.advanced(by: .seconds(3600))
            let later = try client.request("GET", Self.repository)
            #expect(later.status == 200)
            #expect(later["x-ratelimit-remaining"] == "2")
        }
        #expect(forge.log.map(\.cost) == [1, 1, 1, 0, 1, 1])
        #expect(forge.log.map(\.wasToldToWait) == [false, false, false, false, false, false])
    }

    @Test("Two tokens of one user share its budget; GraphQL has one of its own")
    func shared() async throws {
        let (forge, _) = Samples.forge()
        forge.addToken(ForgeToken("ghp_more"))
        try await withClient(forge) { client in
            _ = try client.request("GET", Self.repository, [Samples.token])
            let other = try client.request("GET", Self.repository, ["Authorization: Bearer ghp_more"])
            #expect(other["x-ratelimit-remaining"] == "4998")
            let rates = try client.request("GET", "/api/v3/rate_limit", [Samples.token])
            #expect(rates.json["resources"]?["core"]?["remaining"]?.integer == 4998)
            #expect(rates.json["resources"]?["graphql"]?["remaining"]?.integer == 5000)
            #expect(rates.json["rate"] != nil)
            let newer = try client.request(
                "GET", "/api/v3/rate_limit", [Samples.token, "X-GitHub-Api-Version: 2026-03-10"])
            #expect(newer.json["rate"] == nil)
        }
        #expect(forge.charged == 2)
    }

    @Test("What did not change is 304: free with a token, charged without, and another credential's tag is none")
    func conditional() async throws {
        let (forge, widget) = Samples.forge()
        forge.addToken(ForgeToken("ghp_more", user: "other"))
        try await withClient(forge) { client in
            for (credential, cost) in [([Samples.token], 0), ([], 1)] {
                let first = try client.request("GET", Self.repository, credential)
                let tag = try #require(first["etag"])
                forge.clearLog()
                let second = try client.request("GET", Self.repository, credential + ["If-None-Match: \(tag)"])
                #expect(second.status == 304)
                #expect(second.body.isEmpty)
                #expect(second["x-ratelimit-remaining"] != nil)
                #expect(forge.charged == cost)
                let other = try client.request(
                    "GET", Self.repository, ["Authorization: Bearer ghp_more", "If-None-Match: \(tag)"])
                #expect(other.status == 200)
            }
            let tag = try #require(try client.request("GET", Self.repository, [Samples.token])["etag"])
            forge.edit(widget) { $0.stars += 1 }
            let changed = try client.request("GET", Self.repository, [Samples.token, "If-None-Match: \(tag)"])
            #expect(changed.status == 200)
        }
    }

    @Test(
        "A secondary refusal says when to come again, in each of the ways, and later requests are noted",
        arguments: [
            (ForgeLimits.Wait.seconds, 403, "90" as String?), (.seconds, 429, "90"),
            (.date, 403, "Wed, 11 Mar 2026 10:31:30 GMT"), (.unsaid, 429, nil as String?),
        ])
    func secondary(wait: ForgeLimits.Wait, status: Int, header: String?) async throws {
        let (forge, _) = Samples.forge()
        forge.configure {
            $0.limits.wait = wait
            $0.limits.secondaryStatus = status
        }
        forge.refuse(until: Samples.now.advanced(by: .seconds(90)))
        try await withClient(forge) { client in
            let answer = try client.request("GET", Self.repository, [Samples.token])
            #expect(answer.status == status)
            #expect(answer["retry-after"] == header)
            #expect(answer["x-ratelimit-remaining"] == "5000")
            #expect(answer.json["message"]?.string?.contains("secondary rate limit") == true)
            _ = try client.request("GET", Self.repository, [Samples.token])
            forge.now = Samples.now.advanced(by: .seconds(90))
            _ = try client.request("GET", Self.repository, [Samples.token])
        }
        #expect(forge.log.map(\.wasToldToWait) == [false, true, false])
        #expect(forge.log.map(\.status) == [status, status, 200])
    }

    @Test("Too many points in a minute are refused until the next")
    func points() async throws {
        let (forge, _) = Samples.forge()
        forge.configure { $0.limits.pointsPerMinute = 10 }
        try await withClient(forge) { client in
            var statuses: [Int] = []
            for _ in 0..<12 { statuses.append(try client.request("GET", Self.repository, [Samples.token]).status) }
            #expect(statuses == Array(repeating: 200, count: 10) + [403, 403])
            forge.now = Samples.now.advanced(by: .seconds(60))
            let later = try client.request("GET", Self.repository, [Samples.token])
            #expect(later.status == 200)
        }
    }

    @Test("More requests at once than allowed are refused, and the most there were is known")
    func atOnce() async throws {
        let (forge, _) = Samples.forge()
        forge.configure {
            $0.limits.atOnce = 2
            $0.latency = .milliseconds(200)
        }
        try await ForgeServer.run(forge) { server in
            let port = server.port
            try await offPool {
                let clients = try (0..<3).map { _ in try Wire(port: port) }
                for client in clients { try client.send("GET", Self.repository, [Samples.token]) }
                let statuses = try clients.map { try $0.response().status }
                #expect(statuses.sorted() == [200, 200, 403])
            }
        }
        #expect(forge.mostAtOnce == 3)
        #expect(forge.log.map(\.atOnce) == [1, 2, 3])
    }

    @Test("No secret stands in the record, and two requests with one can be told from two with two")
    func secrets() async throws {
        let (forge, _) = Samples.forge()
        try await withClient(forge) { client in
            for token in ["ghp_all", "ghp_all", "ghp_wrong"] {
                _ = try client.request("GET", Self.repository, ["Authorization: Bearer \(token)", "Accept: x/y"])
            }
            _ = try client.request("GET", Self.repository)
        }
        let log = forge.log
        #expect(!"\(log)".contains("ghp_"))
        #expect(log[0].credential != nil && log[0].credential == log[1].credential)
        #expect(log[2].credential != log[0].credential && log[3].credential == nil)
        #expect(log[0].header("accept") == "x/y")
        #expect(log[0].header("authorization") == log[0].credential)
    }
}
