import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("GitHub: GraphQL")
struct GraphQLTests {
    private static let fields = """
        id databaseId nameWithOwner url stargazerCount forkCount watchers { totalCount }
        issues(states: OPEN) { totalCount } pullRequests(states: [OPEN]) { totalCount } releases { totalCount }
        diskUsage isArchived
        """

    private static func ask(
        _ client: Wire, _ query: String, _ variables: Value = [:], token: String = Samples.token
    ) throws -> WireResponse {
        let body: Value = ["query": .string(query), "variables": variables]
        return try client.request("POST", "/api/graphql", [token, "Content-Type: application/json"], body: body.json)
    }

    @Test("Repositories are read by their node ids, with the budget beside them")
    func nodes() async throws {
        let (forge, widget) = Samples.forge()
        forge.addRelease(ForgeRelease(tag: "1.0"), to: widget)
        try await withClient(forge) { client in
            let rest = try client.request("GET", "/api/v3/repos/acme/widget", [Samples.token])
            let id = try #require(rest.json["node_id"])
            let query = """
                query Counters($ids: [ID!]!) { # what is counted
                  nodes(ids: $ids) { ... on Repository { \(Self.fields) } }
                  rateLimit { cost remaining resetAt }
                }
                """
            let answer = try Self.ask(client, query, ["ids": [id]])
            #expect(answer.status == 200)
            let node = answer.json["data"]?["nodes"]?.array?.first
            #expect(
                node == [
                    "id": id, "databaseId": .integer(widget), "nameWithOwner": "acme/Widget",
                    "url": "http://forge.test/acme/Widget", "stargazerCount": 42, "forkCount": 3,
                    "watchers": ["totalCount": 9], "issues": ["totalCount": 4], "pullRequests": ["totalCount": 2],
                    "releases": ["totalCount": 1], "diskUsage": 120, "isArchived": false,
                ])
            #expect(
                answer.json["data"]?["rateLimit"]
                    == ["cost": 1, "remaining": 4999, "resetAt": "2026-03-11T11:30:00Z"])
            #expect(answer["x-ratelimit-resource"] == "graphql")
            #expect(answer["x-ratelimit-remaining"] == "4999")
        }
    }

    @Test("Aliases, fragments and renames; what is not there is null with an error beside the data")
    func aliases() async throws {
        let (forge, widget) = Samples.forge()
        forge.move(widget, to: "acme/gadget")
        try await withClient(forge) { client in
            let query = """
                { a: repository(owner: "acme", name: "widget") { ...Counters }
                  b: repository(owner: "acme", name: "no\\u0074hing") { ...Counters } }
                fragment Counters on Repository { nameWithOwner stars: stargazerCount __typename }
                """
            let answer = try Self.ask(client, query)
            #expect(
                answer.json["data"] == [
                    "a": ["nameWithOwner": "acme/gadget", "stars": 42, "__typename": "Repository"], "b": .null,
                ])
            let error = answer.json["errors"]?.array?.first
            #expect(error?["type"] == "NOT_FOUND")
            #expect(error?["path"] == ["b"])
            #expect(error?["locations"] == [["line": 2, "column": 3]])
            #expect(
                error?["message"] == "Could not resolve to a Repository with the name 'acme/nothing'.")
        }
    }

    @Test("An id that leads nowhere, or to what may not be seen, is null at its place")
    func missingNodes() async throws {
        let (forge, widget) = Samples.forge()
        let secret = forge.addRepository("acme/secret") { $0.isPrivate = true }
        try await withClient(forge) { client in
            let query = "query($ids:[ID!]!){nodes(ids:$ids){id ... on Repository{databaseId}}}"
            let ids = try [widget, secret].map { id in
                try #require(
                    try client.request("GET", "/api/v3/repositories/\(id)", [Samples.token]).json["node_id"])
            }
            forge.addToken(ForgeToken("ghp_little", readsPrivate: false))
            let answer = try Self.ask(
                client, query, ["ids": .array(ids + ["R_kgDOAAAAAA", "nonsense"])],
                token: "Authorization: bearer ghp_little")
            let nodes = answer.json["data"]?["nodes"]?.array
            #expect(nodes?.map { $0["databaseId"] } == [.integer(widget), nil, nil, nil])
            #expect(answer.json["errors"]?.array?.map { $0["path"] } == [["nodes", 1], ["nodes", 2], ["nodes", 3]])
        }
    }

    @Test("More than a hundred ids are refused, a batch that is too big for the server is 502 and costs more")
    func batches() async throws {
        let (forge, _) = Samples.forge()
        try await withClient(forge) { client in
            let query = "query($ids:[ID!]!){nodes(ids:$ids){id}}"
            let many = Value.array(Array(repeating: "R_kgDOAAAAAA", count: 101))
            let refused = try Self.ask(client, query, ["ids": many])
            #expect(refused.status == 200)
            #expect(refused.json["data"] == nil)
            #expect(refused.json["errors"]?.array?.first?["type"] == "ARGUMENT_LIMIT")
            forge.configure { $0.largestGraphQLBatch = 50 }
            forge.clearLog()
            let big = Value.array(Array(repeating: "R_kgDOAAAAAA", count: 51))
            let failed = try Self.ask(client, query, ["ids": big])
            #expect(failed.status == 502)
            #expect(forge.log.last?.cost == 2)
            let small = Value.array(Array(repeating: "R_kgDOAAAAAA", count: 50))
            let answered = try Self.ask(client, query, ["ids": small])
            #expect(answered.status == 200)
        }
    }

    @Test("Running out is 200 with an error in the body", arguments: ["RATE_LIMITED", "RATE_LIMIT"])
    func exhausted(type: String) async throws {
        let (forge, _) = Samples.forge()
        forge.configure { $0.limits.graphQLErrorType = type }
        forge.useUp(.graphql)
        try await withClient(forge) { client in
            let answer = try Self.ask(client, "{viewer{login}}")
            #expect(answer.status == 200)
            #expect(answer.json["data"] == nil)
            #expect(answer.json["errors"]?.array?.first?["type"]?.string == type)
            #expect(answer["x-ratelimit-remaining"] == "0")
            _ = try Self.ask(client, "{viewer{login}}")
        }
        #expect(forge.log.map(\.wasToldToWait) == [false, true])
    }

    @Test(
        "What is no query of this schema is an error without data",
        arguments: [
            ("{ repository(owner: \"acme\", name: \"widget\") { starCount } }", "doesn't exist on type 'Repository'"),
            ("{ nothing }", "doesn't exist on type 'Query'"), ("{ repository(owner: \"acme\"", "Parse error"),
            ("mutation { addStar }", "Parse error"), ("", "one operation"), ("query {", "Parse error"),
            ("{ a: repository(owner: \"x) { id } }", "Parse error"),
        ])
    func refused(query: String, message: String) async throws {
        let (forge, _) = Samples.forge()
        try await withClient(forge) { client in
            let answer = try Self.ask(client, query)
            #expect(answer.status == 200)
            #expect(answer.json["data"] == nil)
            #expect(answer.json["errors"]?.array?.first?["message"]?.string?.contains(message) == true)
        }
    }

    @Test("Without a token, and with a body that is no JSON, nothing is answered")
    func unauthorised() async throws {
        let (forge, _) = Samples.forge()
        try await withClient(forge) { client in
            let anonymous = try client.request("POST", "/api/graphql", body: "{\"query\":\"{viewer{login}}\"}")
            #expect(anonymous.status == 401)
            let broken = try client.request("POST", "/api/graphql", [Samples.token], body: "{\"query\":")
            #expect(broken.status == 400)
            #expect(broken.json["message"] == "Problems parsing JSON")
        }
    }
}
