import Foundation
import InsightsBuiltins
import InsightsPlugin
import InsightsTesting
import Testing

@Suite("git.activity keeps clones")
struct GitActivityClonesTests {
    private let cache = TestFolder()

    private func fixture() throws -> GitFixture {
        let fixture = try GitFixture()
        try fixture.write("a", "1\n")
        try fixture.commit(at: "2024-01-01T00:00:00Z")
        try fixture.git("tag", "v1")
        return fixture
    }

    private func task(_ url: String, _ more: ValueObject = [:]) -> ActivityTask {
        var more = more
        more["cache"] = .string(cache.path + "/deep/cache")
        return ActivityTask([["url": .string(url)]], more)
    }

    @Test("A clone is made, and from then on only brought up to date")
    func incremental() async throws {
        let fixture = try fixture()
        let task = task("file://" + fixture.path)
        #expect(try await task.run() == "1 repository, 1 new commit")
        task.figures().expect(try fixture.expected())
        #expect(task.figures().gauge("tags") == 1)
        try fixture.write("a", "2\n")
        try fixture.commit(at: "2024-01-02T00:00:00Z")
        try fixture.git("tag", "v2")
        #expect(try await task.run() == "1 repository, 1 new commit")
        task.figures().expect(try fixture.expected())
        #expect(task.figures().gauge("tags") == 2)
        #expect(try await task.run() == "1 repository, 0 new commits")
    }

    @Test("A default branch that changes its name is followed; deleted branches and tags go")
    func renamedBranch() async throws {
        let fixture = try fixture()
        try fixture.git("branch", "old")
        let task = task("file://" + fixture.path, ["branches": "all"])
        try await task.run()
        try fixture.git("branch", "--move", "main", "main/next")
        try fixture.git("branch", "-D", "old")
        try fixture.git("tag", "-d", "v1")
        try fixture.commit(at: "2024-01-03T00:00:00Z")
        try await task.run()
        task.figures().expect(try fixture.expected("main/next"))
        #expect(task.figures().gauge("tags") == 0)
        let byHead = self.task("file://" + fixture.path)
        try await byHead.run()
        byHead.figures().expect(try fixture.expected("main/next"))
    }

    @Test("A remote's detached HEAD is followed, also onto no branch and back; by path it counts the same")
    func detachedHead() async throws {
        let fixture = try fixture()
        try fixture.git("branch", "--move", "main", "master")
        for day in 2...4 { try fixture.commit(at: "2024-01-0\(day)T00:00:00Z") }
        try fixture.git("checkout", "--quiet", "--detach", "HEAD~2")
        let (byURL, byPath) = (task("file://" + fixture.path), ActivityTask(fixture))
        func expectBoth(_ commits: Double, sourceLocation: SourceLocation = #_sourceLocation) async throws {
            for task in [byURL, byPath] {
                try await task.run()
                #expect(task.figures().gauge("commits_total") == commits, sourceLocation: sourceLocation)
            }
        }
        try await expectBoth(2)
        try fixture.commit(at: "2024-01-05T00:00:00Z")
        try await expectBoth(3)
        #expect(try await byURL.run() == "1 repository, 0 new commits")
        try fixture.git("checkout", "--quiet", "master")
        try await expectBoth(4)
        try fixture.git("checkout", "--quiet", "--detach", "HEAD~3")
        try await expectBoth(1)
    }

    @Test("A damaged clone is thrown away and made anew")
    func damagedClone() async throws {
        let fixture = try fixture()
        let task = task("file://" + fixture.path)
        try await task.run()
        let clones = cache.path + "/deep/cache/clones"
        let name = try #require(
            try FileManager.default.contentsOfDirectory(atPath: clones).first { $0.hasSuffix(".git") })
        try FileManager.default.removeItem(atPath: "\(clones)/\(name)/objects")
        try FileManager.default.createDirectory(atPath: "\(clones)/\(name)/objects", withIntermediateDirectories: false)
        try fixture.commit(at: "2024-01-04T00:00:00Z")
        try await task.run()
        task.figures().expect(try fixture.expected())
    }

    @Test("An empty remote has counts of 0")
    func emptyRemote() async throws {
        let fixture = try GitFixture()
        let task = task("file://" + fixture.path)
        try await task.run()
        #expect(task.figures().gauge("commits_total") == 0)
    }

    @Test("Two tasks that want one clone take turns")
    func concurrent() async throws {
        let fixture = try fixture()
        let url = "file://" + fixture.path
        let (one, two) = (task(url), task(url))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Whoever waits for the clone sleeps on its task's clock.
                while !Task.isCancelled {
                    for task in [one, two] { task.clock.advance(by: .milliseconds(200)) }
                    await Task.yield()
                }
            }
            async let first = one.run()
            async let second = two.run()
            _ = try await (first, second)
            group.cancelAll()
        }
        for task in [one, two] { #expect(task.figures().gauge("commits_total") == 1) }
    }

    @Test("A remote that is not there, or cannot be reached, is told as that")
    func unreachable() async throws {
        let missing = await task("file:///no/such/repository.git").failure()
        #expect(missing?.code == "repository_not_found")
        #expect(missing?.isRetryable == false)
        // Nothing listens on port 1.
        let refused = await task("git://127.0.0.1:1/x/y.git").failure()
        #expect(refused?.code == "remote_unreachable", "\(String(describing: refused))")
        #expect(refused?.isRetryable == true)
    }

    @Test("A cache that cannot be made is told with its place")
    func noCache() async throws {
        _ = FileManager.default.createFile(atPath: cache.path + "/file", contents: Data())
        let task = ActivityTask([["url": "https://example.org/x"]], ["cache": .string(cache.path + "/file/inner")])
        let failure = await task.failure()
        #expect(failure?.code == "cache")
        #expect(failure?.message.contains(cache.path) == true)
    }

    /// Runs against a git that is scripted, to see what it is asked and what of its words comes out.
    private func scripted(_ url: String, _ stderr: String) async -> (
        failure: RunFailure?, host: RecordingHost, commands: ScriptedCommands
    ) {
        let commands = ScriptedCommands { _ in ScriptedCommands.Answer(error: stderr, exit: .exited(128)) }
        let host = RecordingHost(GitActivity().declaration, commands: commands)
        let failure = await #expect(throws: RunFailure.self) {
            try await host.run(
                GitActivity(), with: ["repositories": [["url": .string(url)]], "cache": .string(cache.path)])
        }
        return (failure, host, commands)
    }

    @Test("A password is in no argument, no message and no log, whatever the server prints")
    func password() async {
        let (failure, host, commands) = await scripted(
            "https://user:s3cr%65t@example.org/o/n.git", "fatal: no s3cret or s3cr%65t for you")
        #expect(failure?.message.contains("***") == true)
        for text in [failure?.message ?? ""] + host.lines.map({ "\($0)" }) {
            #expect(!text.contains("s3cr"))
        }
        for request in commands.requests {
            #expect(!request.arguments.contains { $0.contains("s3cr") || $0.contains("user:") })
            // base64 of user:s3cret
            #expect(request.environment["GIT_CONFIG_VALUE_0"] == "Authorization: Basic dXNlcjpzM2NyZXQ=")
        }
        #expect(commands.requests.count == 1)
    }

    @Test("git may use the one protocol of the URL, asks nobody, and takes no URL for an option")
    func protocols() async {
        let (_, _, commands) = await scripted("ssh://git@example.org/o/n.git", "")
        let request = commands.requests[0]
        #expect(request.arguments.contains("protocol.allow=never"))
        #expect(
            request.arguments.filter { $0.hasPrefix("protocol.") } == [
                "protocol.allow=never", "protocol.ssh.allow=always",
            ])
        #expect(request.environment["GIT_TERMINAL_PROMPT"] == "0")
        #expect(request.environment["GIT_SSH_COMMAND"]?.contains("BatchMode=yes") == true)
        let url = request.arguments.firstIndex(of: "ssh://git@example.org/o/n.git")
        #expect(url.map { request.arguments[$0 - 1] } == "--end-of-options")
        #expect(request.timeout == .seconds(1800))
    }

    static let words: [(String, String, Bool)] = [
        ("fatal: Authentication failed for 'https://example.org/'", "credential", false),
        ("fatal: could not read Username for 'https://example.org': terminal prompts disabled", "credential", false),
        ("git@example.org: Permission denied (publickey).", "credential", false),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", "credential", false),
        (
            "remote: Repository not found.\nfatal: repository 'https://example.org/' not found", "repository_not_found",
            false
        ),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "remote_unreachable", true),
        ("ssh: connect to host x port 22: Connection timed out", "remote_unreachable", true),
        ("fatal: detected dubious ownership in repository at '/x'", "permission", false),
        ("fatal: something new", "git_failed", true),
        ("", "git_failed", true),
    ]

    @Test("What git says of a remote becomes a code, and whether trying again can help", arguments: words)
    func classification(stderr: String, code: String, isRetryable: Bool) async {
        let failure = await scripted("https://example.org/o/n", stderr).failure
        #expect(failure?.code == code)
        #expect(failure?.isRetryable == isRetryable)
    }
}
