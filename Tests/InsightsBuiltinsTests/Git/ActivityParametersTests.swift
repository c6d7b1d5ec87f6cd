import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("The parameters of git.activity")
struct ActivityParametersTests {
    private func problems(_ entries: Value...) -> [ParameterProblem] {
        GitActivity().problems(in: ["repositories": .array(entries)])
    }

    private func path(_ index: Int, _ key: String? = nil) -> [ParameterProblem.Step] {
        [.key("repositories"), .index(index)] + (key.map { [.key($0)] } ?? [])
    }

    @Test("Sound entries have no problem")
    func sound() {
        #expect(
            problems(
                ["path": "/a"], ["path": "/b", "key": "x/y", "name": "Y"], ["url": "https://h/o/n"],
                ["url": "git@h:o/m", "branch": "feature/x"], ["path": "/b", "key": "x/z", "branch": "other"]) == [])
    }

    @Test("An entry is a path or a url, and not both")
    func place() {
        #expect(problems([:]).map(\.path) == [path(0)])
        #expect(problems(["path": "/a", "url": "https://h/o/n"]).map(\.path) == [path(0, "url")])
        #expect(problems(["path": "/ok"], ["url": "ext::sh"]).map(\.path) == [path(1, "url")])
    }

    @Test("Of two entries that name one thing, the second has the problem")
    func duplicates() {
        #expect(problems(["path": "/a/b"], ["path": "/a/./c/../b/"]).map(\.path) == [path(1, "path")])
        #expect(problems(["url": "https://h/o/n"], ["url": "https://h:443/o/n"]).map(\.path) == [path(1, "url")])
        #expect(problems(["url": "https://h/o/n.git"], ["url": "git@h:O/N"]).map(\.path) == [path(1, "url")])
        #expect(problems(["path": "/a", "key": "k"], ["path": "/b", "key": "k"]).map(\.path) == [path(1, "key")])
        #expect(problems(["url": "https://h/o/n"], ["path": "/b", "key": "h/o/n"]).map(\.path) == [path(1, "key")])
        #expect(
            problems(["path": "/a"], ["path": "/a"], ["path": "/a"]).map(\.path) == [path(1, "path"), path(2, "path")])
    }

    @Test(
        "A key is lower case and plain",
        arguments: ["", "Upper", "a b", "a\n", "a#1", String(repeating: "k", count: 257)])
    func keys(key: String) {
        #expect(problems(["path": "/a", "key": .string(key)]).map(\.path) == [path(0, "key")])
    }

    @Test("A URL that gives no key needs one", arguments: ["https://h.org/o/n#1", "git@h.org:o/\u{85}"])
    func derivedKeys(url: String) {
        #expect(problems(["url": .string(url)]).map(\.path) == [path(0, "url")])
        #expect(problems(["url": .string(url), "key": "k"]) == [])
    }

    @Test(
        "A branch is a name, and nothing that git would take for more",
        arguments: [
            "-x", "a..b", "a b", "a~1", "a^", "a:b", "@{1}", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a.", "a*",
            "a\\b",
        ])
    func branchNames(branch: String) {
        #expect(problems(["path": "/a", "branch": .string(branch)]).map(\.path) == [path(0, "branch")])
    }

    @Test("It passes the exam of every module")
    func exam() async throws {
        let fixture = try GitFixture()
        let points = await ModuleExam(GitActivity(), with: ["repositories": [["path": .string(fixture.path)]]]) { _ in
            realHost(GitActivity())
        }.points()
        #expect(points.filter { !$0.passed } == [])
    }

    @Test("Built-in plugins have the names of the contract")
    func list() {
        let ids = Builtins.plugins.flatMap { plugin in plugin.modules.map { "\(plugin.name).\($0.declaration.id)" } }
        #expect(
            ids == ["git.activity", "git.repositories", "git.accounts", "git.platforms", "command.run"])
    }
}

@Suite("Under which subject a repository goes")
struct RepositoryIdentityTests {
    private func identity(_ entry: Value, origin: String? = nil) throws -> RepositoryIdentity {
        RepositoryIdentity(try RepositorySource(entry), origin: origin)
    }

    @Test("Host, account and repository come from the remote")
    func remote() throws {
        let subjects = try identity(["path": "/x"], origin: "git@GitHub.com:Apple/Swift-NIO.git").subjects
        let platform = SubjectReference(kind: "platform", key: "github.com")
        let account = SubjectReference(kind: "account", key: "github.com/apple")
        #expect(
            subjects.map(\.reference) == [
                platform, account, SubjectReference(kind: "repository", key: "github.com/apple/swift-nio"),
            ])
        #expect(subjects.map(\.parent) == [nil, platform, account])
        #expect(subjects.map(\.url) == [nil, nil, "https://github.com/Apple/Swift-NIO"])
        #expect(subjects.last?.name == "Swift-NIO")
    }

    @Test("A subgroup counts to its group; a repository without one to its platform")
    func depth() throws {
        let deep = try identity(["url": "https://gitlab.com/group/sub/sub/name"]).subjects
        #expect(deep.map(\.reference.key) == ["gitlab.com", "gitlab.com/group", "gitlab.com/group/sub/sub/name"])
        let flat = try identity(["url": "https://git.example.org/name"]).subjects
        #expect(flat.map(\.reference.key) == ["git.example.org", "git.example.org/name"])
        #expect(flat[1].parent == flat[0].reference)
    }

    @Test("Without a host the folder gives the name, and nothing stands above it")
    func local() throws {
        let cases: [(path: String, origin: String?, key: String, name: String)] = [
            ("/srv/My Project", nil, "local/my project", "My Project"), ("/srv/a/../b/./", nil, "local/b", "b"),
            ("/srv/bare.git", nil, "local/bare", "bare"), ("/srv/x/.git", nil, "local/x", "x"),
            ("/", nil, "local/root", "root"),
            ("/srv/x", "/other/folder", "local/x", "x"), ("/srv/x", "file:///other/y.git", "local/x", "x"),
            ("/srv/x", "ext::sh", "local/x", "x"),
        ]
        for (path, origin, key, name) in cases {
            let identity = try identity(["path": .string(path)], origin: origin)
            #expect(identity.key == key)
            #expect(identity.name == name)
            #expect(identity.subjects.map(\.parent) == [nil])
        }
    }

    @Test("The manifest's key and name win; a key with a host has an account and a platform")
    func named() throws {
        let plain = try identity(["path": "/x", "key": "team/app", "name": "App"], origin: "https://h.org/o/n")
        #expect(plain.key == "team/app")
        #expect(plain.subjects.map(\.name) == ["App"])
        let hosted = try identity(["path": "/x", "key": "h.org/o/n"])
        #expect(hosted.subjects.map(\.reference.key) == ["h.org", "h.org/o", "h.org/o/n"])
    }
}
