import InsightsPlugin
import Testing

@testable import InsightsBuiltins

@Suite("The parameters of the forges")
struct ForgeParametersTests {
    private func problems(_ entries: Value...) -> [ParameterProblem] {
        GitRepositories().problems(in: ["forges": .array(entries)])
    }

    private func place(_ index: Int, _ steps: ParameterProblem.Step...) -> [ParameterProblem.Step] {
        [.key("forges"), .index(index)] + steps
    }

    @Test("Sound entries have no problem")
    func sound() {
        #expect(
            problems(
                ["platform": "github", "accounts": ["apple"]],
                ["platform": "github", "repositories": ["apple/swift-nio", "swiftlang/swift"], "token": ""],
                ["platform": "gitlab", "accounts": ["group/sub"], "repositories": ["a/b/c"]],
                ["platform": "forgejo", "base_url": "https://codeberg.org", "accounts": ["forgejo"]],
                ["platform": "gitea", "base_url": "http://127.0.0.1:3000/", "accounts": ["x"], "token": "t0k3n"]) == [])
    }

    @Test(
        "A server is named by its root, and reached by https",
        arguments: [
            "git.example.org", "ftp://git.example.org", "http://git.example.org", "https://", "https://h:0",
            "https://h:70000", "https://h:", "https://user:pw@h", "https://h/?x=1", "https://h/#a", "https://h h",
            "https://api.github.com", "https://h/api/v3", "https://h/api/v4/", "https://h/api/v1", "https://-h",
            "https://h/../x", "https://h/%2e", "http://127.0.0.1.example.org", "http://localhost.example.org",
            "https://hé",
        ])
    func addresses(text: String) {
        let found = problems(["platform": "forgejo", "base_url": .string(text), "accounts": ["a"]])
        #expect(found.map(\.path) == [place(0, .key("base_url"))])
    }

    @Test("Forgejo and Gitea need a server", arguments: ["forgejo", "gitea"])
    func noServer(platform: String) {
        let found = problems(["platform": .string(platform), "accounts": ["a"]])
        #expect(found.map(\.path) == [place(0)])
        #expect(found.first?.help?.contains("https://codeberg.org") == true)
    }

    @Test("A forge without anything to track is told so")
    func nothing() {
        #expect(problems(["platform": "github"]).map(\.path) == [place(0)])
    }

    @Test(
        "An account is a name",
        arguments: ["apple/swift", "https://github.com/apple", "a b", "..", ".", "", "a/../b", "é", "a%2fb"])
    func accounts(name: String) {
        let found = problems(["platform": "github", "accounts": ["ok", .string(name)]])
        #expect(found.map(\.path) == [place(0, .key("accounts"), .index(1))])
    }

    @Test(
        "A repository is owner/name", arguments: ["apple", "a/b/c", "/b", "a/", "a/..", "https://github.com/a/b", ""])
    func repositories(name: String) {
        let found = problems(["platform": "github", "repositories": [.string(name)]])
        #expect(found.map(\.path) == [place(0, .key("repositories"), .index(0))])
    }

    @Test("A token with its line end is told, and never shown")
    func tokens() {
        let found = problems(["platform": "github", "accounts": ["a"], "token": "ghp_secret\n"])
        #expect(found.map(\.path) == [place(0, .key("token"))])
        #expect(found.allSatisfy { !"\($0)".contains("ghp_secret") })
    }

    @Test("What two entries would track twice is told at the second")
    func duplicates() {
        #expect(
            problems(["platform": "github", "accounts": ["a", "A"]]).map(\.path)
                == [place(0, .key("accounts"), .index(1))])
        #expect(
            problems(["platform": "github", "accounts": ["a"]], ["platform": "github", "accounts": ["b", "A"]])
                .map(\.path) == [place(1, .key("accounts"), .index(1))])
        #expect(
            problems(
                ["platform": "github", "repositories": ["a/b"]],
                ["platform": "github", "base_url": "https://GitHub.com:443", "repositories": ["A/B"]]
            ).map(\.path) == [place(1, .key("repositories"), .index(0))])
        #expect(
            problems(
                ["platform": "gitea", "base_url": "https://h.org", "accounts": ["a"]],
                ["platform": "forgejo", "base_url": "https://h.org", "accounts": ["b"]]
            ).map(\.path) == [place(1, .key("platform"))])
    }

    @Test("Two servers under one host would be one platform, and are refused")
    func oneHost() {
        for (first, second, isRefused) in [
            ("https://h.org/a", "https://h.org/b", true), ("https://h.org", "https://h.org/b", true),
            ("https://127.0.0.1", "http://127.0.0.1", true), ("https://h.org/a/", "https://H.org:443/a", false),
            ("https://h.org:8443/a", "https://h.org/b", false),
        ] {
            let found = problems(
                ["platform": "gitea", "base_url": .string(first), "accounts": ["a"]],
                ["platform": "gitea", "base_url": .string(second), "accounts": ["b"]])
            #expect(found.map(\.path) == (isRefused ? [place(1, .key("base_url"))] : []), "\(first) \(second)")
        }
    }

    @Test("A glob that cannot be read is told at its place")
    func globs() {
        let found = problems(["platform": "github", "accounts": ["a"], "include": ["ok*"], "exclude": ["x", "[a"]])
        #expect(found.map(\.path) == [place(0, .key("exclude"), .index(1))])
    }

    @Test("Where the API is, by platform and server")
    func api() throws {
        func api(_ root: String, _ platform: ForgePlatform) throws -> String {
            try ForgeAddress(root).api(of: platform)
        }
        #expect(try api("https://github.com", .github) == "https://api.github.com")
        #expect(try api("https://octo.ghe.com/", .github) == "https://api.octo.ghe.com")
        #expect(try api("https://github.example.org", .github) == "https://github.example.org/api/v3")
        #expect(try api("https://gitlab.com", .gitlab) == "https://gitlab.com/api/v4")
        #expect(try api("https://x.org:8443/gitlab/", .gitlab) == "https://x.org:8443/gitlab/api/v4")
        #expect(try api("http://[::1]:3000", .gitea) == "http://[::1]:3000/api/v1")
        #expect(try ForgeAddress("https://github.com").graphQL == "https://api.github.com/graphql")
        #expect(try ForgeAddress("https://github.example.org").graphQL == "https://github.example.org/api/graphql")
        #expect(try ForgeAddress("HTTPS://GitHub.Com:443/").key == "github.com")
        #expect(try ForgeAddress("https://git.example.org:8443").key == "git.example.org:8443")
    }

    @Test("Only github.com is paced without being told to")
    func pace() throws {
        #expect(try ForgeEntry(["platform": "github", "accounts": ["a"]]).requestsPerMinute == 900)
        #expect(
            try ForgeEntry(["platform": "github", "base_url": "https://g.org", "accounts": ["a"]]).requestsPerMinute
                == nil)
        #expect(
            try ForgeEntry(["platform": "github", "accounts": ["a"], "requests_per_minute": 60]).requestsPerMinute == 60
        )
    }

    @Test("Which of an account's repositories are tracked")
    func filters() throws {
        let entry = try ForgeEntry([
            "platform": "github", "accounts": ["a"], "include": ["Swift-*", "foo"], "exclude": ["*-archive"],
            "archived": false,
        ])
        #expect(entry.tracks(name: "swift-nio", isFork: false, isArchived: false))
        #expect(entry.tracks(name: "FOO", isFork: false, isArchived: false))
        #expect(!entry.tracks(name: "swift-nio-archive", isFork: false, isArchived: false))
        #expect(!entry.tracks(name: "other", isFork: false, isArchived: false))
        #expect(!entry.tracks(name: "swift-nio", isFork: true, isArchived: false))
        #expect(!entry.tracks(name: "swift-nio", isFork: false, isArchived: true))
    }

    @Test("A repository counts to the tracked group that holds it, else to the first folder of its path")
    func nested() throws {
        let entry = try ForgeEntry([
            "platform": "gitlab", "accounts": ["Group", "other/sub"], "repositories": ["x/y/z"],
        ])
        #expect(entry.account(ofPath: "group/sub/deep/name") == "Group")
        #expect(entry.account(ofPath: "other/sub/name") == "other/sub")
        #expect(entry.account(ofPath: "other/name") == "other")
        #expect(entry.account(ofPath: "x/y/z") == "x")
        #expect(entry.ownAccounts == ["Group", "other/sub", "x"])
    }

    @Test("No form of the token comes through a text from outside")
    func scrubbing() throws {
        let entry = try ForgeEntry(["platform": "github", "accounts": ["a"], "token": "s3cr3t+/token=="])
        for form in [
            "s3cr3t+/token==", "czNjcjN0Ky90b2tlbj09", "s3cr3t%2B%2Ftoken%3D%3D", "7333637233742b2f746f6b656e3d3d",
        ] {
            #expect(entry.withoutToken("a \(form) b") == "a *** b")
        }
        #expect(entry.withoutToken("plain") == "plain")
    }
}

@Suite("Globs")
struct GlobTests {
    @Test(
        "A pattern matches whole names, in any case",
        arguments: [
            ("*", "", true), ("*", "anything", true), ("swift-*", "Swift-NIO", true), ("swift-*", "aswift-nio", false),
            ("*-archive", "old-archive", true), ("*-archive", "archive", false), ("a?c", "abc", true),
            ("a?c", "ac", false), ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true),
            ("[]x]y", "]y", true), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbYbZ", false), ("**", "x", true),
            ("a.b", "aXb", false),
        ])
    func matching(pattern: String, name: String, matches: Bool) throws {
        #expect(try #require(Glob(pattern)).matches(name) == matches)
    }

    @Test("What is no pattern is refused", arguments: ["", "[", "[a", "[]", "[c-a]"])
    func refused(pattern: String) { #expect(Glob(pattern) == nil) }

    @Test("A pattern of many stars takes no time", .timeLimit(.minutes(1)))
    func stars() throws {
        let glob = try #require(Glob(String(repeating: "*a", count: 200) + "b"))
        #expect(!glob.matches(String(repeating: "a", count: 5000)))
    }
}
