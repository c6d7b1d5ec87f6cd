import Foundation
import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

extension ForgeSocketTests {
    private func days(_ number: Int, in fixture: ForgeFixture) -> Int {
        fixture.repositories.series("views", of: fixture.repository("acme/r\(number)")).count
    }

    @Test(
        "What can never be read of releases and rankings costs no traffic, and the run says what it costs",
        arguments: [
            .hugeBody(), .status(500), .truncatedBody, .notJSON, .reset(), .redirectLoop, .change { _ in .null },
        ] as [ForgeFault.Effect],
        [("releases", ["releases", "release_downloads"]), ("traffic/popular/paths", ["paths_14d"])])
    func parts(effect: ForgeFault.Effect, part: (path: String, metrics: [String])) async throws {
        let forge = forge(3)
        forge.inject(effect, on: "GET *\(part.path)*")
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            let summary = try await fixture.collect()
            #expect(summary.hasPrefix("3 repositories read; not told: "), "\(summary)")
            for number in 0..<3 {
                #expect(days(number, in: fixture) > 5)
                let repository = fixture.repository("acme/r\(number)")
                #expect(fixture.repositories.value("stars", of: repository) == Double(number))
                for metric in part.metrics {
                    #expect(!fixture.repositories.samples.contains { $0.metric == metric })
                    #expect(summary.contains(metric), "\(summary)")
                }
                let fields = fixture.repositories.lines.compactMap { $0.fields["subject"] }
                #expect(
                    summary.contains("the answer is no list") || fields.contains { "\($0)".contains("acme/r\(number)") }
                )
            }
        }
    }

    @Test("A limit of GraphQL's own keeps no traffic waiting", .timeLimit(.minutes(10)))
    func graphQLLimit() async throws {
        let forge = forge(110)
        forge.configure { $0.limits.graphQL = 1 }
        try await withServer(forge) { server, client in
            // Long enough to wait for its reset, were it waited for.
            let fixture = fixture(forge, server, client.attempt(within: 2 * 3600))
            try await fixture.collect()
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 110)
            #expect((0..<110).allSatisfy { days($0, in: fixture) > 5 })
            #expect(fixture.paths["/api/graphql"] == 1)
            #expect(!forge.log.contains { $0.wasToldToWait })
        }
    }

    @Test("A connection that breaks once is no reason to give GraphQL up")
    func graphQLReset() async throws {
        let forge = forge(120)
        forge.inject(.reset(), on: "POST */graphql", times: 1)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            try await fixture.collect()
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 120)
            #expect(forge.log.count <= 6 * 120)
            #expect(fixture.paths["/api/graphql"] == 3)
            #expect(!forge.log.contains { $0.path.hasSuffix("/pulls") })
        }
    }

    @Test("A batch that GraphQL fails leaves the next one to it; two in a row do not")
    func graphQLFails() async throws {
        for (times, queries) in [(1, 3), (2, 2)] {
            let forge = forge(250)
            forge.inject(.status(500), on: "POST */graphql", times: times)
            try await withServer(forge) { server, client in
                let fixture = fixture(forge, server, client.attempt())
                try await fixture.collect()
                #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 250)
                #expect(fixture.paths["/api/graphql"] == queries)
            }
        }
    }

    @Test(
        "A refusal that says by RateLimit-Reset alone when it ends is believed",
        arguments: [(ForgeKind.github, 403), (.github, 429), (.gitlab, 429)])
    func reset(kind: ForgeKind, status: Int) async throws {
        let forge = forge(3, kind)
        forge.configure {
            $0.limits.secondaryStatus = status
            $0.limits.wait = .reset
        }
        forge.refuse(until: ForgeFixture.start.advanced(by: .seconds(600)))
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt(within: 20))
            let failure = await #expect(throws: RunFailure.self) { try await fixture.collect() }
            let wait = try #require(failure?.retryAt).since(client.clock.now)
            #expect(failure?.code == "rate_limited" && (.seconds(598)...(.seconds(601))).contains(wait), "\(wait)")
            #expect(forge.log.count == 1)
        }
    }

    @Test("Where a redirect leads through a form of the token, no message has it")
    func secretPath() async throws {
        let token = ForgeFixture.token
        let base64 = Data(("x:" + token).utf8).base64EncodedString()
        let forge = forge(3)
        forge.inject(.status(302, headers: ["Location": "/x/\(base64)"]), on: "GET *r1/traffic/clones*")
        let id = forge.repositories[1].id
        forge.inject(.status(302, headers: ["Location": "/x/\(base64)"]), on: "GET *\(id)/traffic/clones*")
        forge.inject(.status(302, headers: ["Location": "/x/\(base64)"]), on: "GET /x/*")
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            let summary = try await fixture.collect()
            #expect(summary.contains("1 failed: \(fixture.key)/acme/r1 (http_redirect"), "\(summary)")
            #expect(summary.contains("***"))
            #expect(!(summary + fixture.everything).lowercased().contains(base64.lowercased().dropLast(8)))
        }
    }
}
