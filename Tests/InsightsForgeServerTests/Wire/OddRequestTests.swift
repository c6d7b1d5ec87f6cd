import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("Odd requests are answered, and the server lives on")
struct OddRequestTests {
    /// The same letters in every run.
    private struct Letters: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 33
        }
    }

    @Test("Numbers out of all bounds, broken escapes, and paths that lead nowhere", arguments: ForgeKind.allCases)
    func targets(kind: ForgeKind) async throws {
        let (forge, _) = Samples.forge(kind)
        let root = [ForgeKind.github: "/api/v3", .gitlab: "/api/v4"][kind] ?? "/api/v1"
        let lists = ["orgs/acme/repos", "users/acme/repos", "groups/acme/projects", "repositories/1/releases"]
        let queries = [
            "page=9223372036854775807&per_page=100&limit=100", "page=-1&per_page=-1&limit=0", "page=x&per_page=%zz",
            "per_page=99999999999999999999", "&&=&a=b=c&%",
            "id_before=-9223372036854775808&pagination=keyset&order_by=id",
        ]
        let others = [
            "/", "//", "/%", root, root + "/", root + "//x//", root + "/repos/%2F/%2e%2e", root + "/repositories/-1",
            root + "/projects/99999999999999999999", root + "/users/%F0%28", root + "/orgs/", root + "/groups/acme%2F",
        ]
        try await withClient(forge) { client in
            for target in lists.flatMap({ list in queries.map { "\(root)/\(list)?\($0)" } }) + others {
                let answer = try client.request("GET", target, [Samples.token])
                #expect([200, 301, 302, 404, 405].contains(answer.status), "\(target): \(answer.status)")
            }
        }
        #expect(forge.log.allSatisfy { $0.status != nil })
    }

    @Test("Mutilated queries", arguments: 1...4 as ClosedRange<UInt64>)
    func queries(seed: UInt64) async throws {
        let (forge, _) = Samples.forge()
        let query = Array(
            """
            query Q($ids: [ID!]! = ["R_kgDOAA9CQg"]) { nodes(ids: $ids) { id ... on Repository { ...F } } # x
            a: repository(owner: "acme", name: "wid\\u0067et") { ...F } rateLimit { cost } }
            fragment F on Repository { stargazerCount issues(states: [OPEN]) { totalCount } }
            """)
        try await withClient(forge) { client in
            var letters = Letters(state: seed)
            for _ in 0..<150 {
                var mutant = query
                for _ in 0..<Int.random(in: 1...6, using: &letters) {
                    let place = Int.random(in: mutant.indices, using: &letters)
                    switch Int.random(in: 0..<4, using: &letters) {
                    case 0: mutant.remove(at: place)
                    case 1: mutant.insert("{}()[]\"\\$:!.,#\n".randomElement(using: &letters)!, at: place)
                    case 2: mutant.swapAt(place, Int.random(in: mutant.indices, using: &letters))
                    default: mutant.removeSubrange(place...min(place + 9, mutant.count - 1))
                    }
                }
                let body: Value = ["query": .string(String(mutant))]
                let answer = try client.request("POST", "/api/graphql", [Samples.token], body: body.json)
                #expect(answer.status == 200, "seed \(seed): \(String(mutant))")
                #expect(answer.json["data"] != nil || answer.json["errors"] != nil, "seed \(seed): \(String(mutant))")
            }
            for open in ["{a", "{a(b:[", "[", "{a(b:"] {
                let body: Value = ["query": .string(String(repeating: open, count: 20_000))]
                let answer = try client.request("POST", "/api/graphql", [Samples.token], body: body.json)
                #expect(answer.json["errors"] != nil)
            }
        }
    }

    @Test("Bytes that are no request end their connection, and no other")
    func noise() async throws {
        let (forge, _) = Samples.forge()
        try await ForgeServer.run(forge) { server in
            let port = server.port
            try await offPool {
                let client = try Wire(port: port)
                for noise in ["\u{16}\u{3}\u{1}hello", "GET\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"] {
                    let other = try Wire(port: port)
                    try other.write(Array(noise.utf8))
                    #expect(try other.rest().isEmpty)
                    let answer = try client.request("GET", "/api/v3/repos/acme/widget", [Samples.token])
                    #expect(answer.status == 200)
                }
            }
        }
    }
}
