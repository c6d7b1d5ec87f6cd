import Foundation
import InsightsBuiltins
import InsightsPlugin
import InsightsTesting
import Testing

@Suite("git.activity says what is wrong with a repository")
struct GitActivityFailuresTests {
    private func fixture() throws -> GitFixture {
        let fixture = try GitFixture()
        try fixture.write("a", "1\n")
        try fixture.commit(at: "2024-01-01T00:00:00Z")
        return fixture
    }

    private func failure(_ path: String, _ more: ValueObject = [:]) async -> RunFailure? {
        var entry: ValueObject = more
        entry["path"] = .string(path)
        return await ActivityTask([.object(entry)]).failure()
    }

    @Test("A folder that is not there, is a file, or holds no repository")
    func notThere() async throws {
        let folder = TestFolder()
        _ = FileManager.default.createFile(atPath: folder.path + "/file", contents: Data())
        let missing = await failure(folder.path + "/nothing")
        #expect(missing?.code == "repository_not_found")
        #expect(missing?.message.contains(folder.path + "/nothing") == true)
        #expect(missing?.isRetryable == false)
        #expect(await failure(folder.path + "/file")?.code == "not_a_repository")
        #expect(await failure(folder.path)?.code == "not_a_repository")
    }

    @Test("A folder within a repository names the repository around it")
    func within() async throws {
        let fixture = try fixture()
        try fixture.write("inner/file", "x")
        let failure = await failure(fixture.path + "/inner")
        #expect(failure?.code == "not_a_repository")
        #expect(failure?.message.contains("\"\(fixture.path)\"") == true)
    }

    @Test("A branch that is not there is told with those that are")
    func branch() async throws {
        let fixture = try fixture()
        let missing = await failure(fixture.path, ["branch": "develop"])
        #expect(missing?.code == "branch_not_found")
        #expect(missing?.message.contains("main") == true)
        try fixture.git("symbolic-ref", "HEAD", "refs/heads/trunk")
        let unborn = await failure(fixture.path)
        #expect(unborn?.code == "branch_not_found")
        #expect(unborn?.message.contains("refs/heads/trunk") == true)
        #expect(unborn?.message.contains("main") == true)
    }

    @Test("A detached HEAD is a commit like any other", arguments: ["default", "all"])
    func detached(branches: String) async throws {
        let fixture = try fixture()
        try fixture.git("checkout", "--quiet", "--detach")
        try fixture.git("branch", "-D", "main")
        let task = ActivityTask(fixture, ["branches": .string(branches)])
        try await task.run()
        #expect(task.figures().gauge("commits_total") == 1)
    }

    @Test("Missing and damaged objects are told as damage, with git's word for it")
    func damaged() async throws {
        for what in ["tip", "blob", "garbage"] {
            let fixture = try fixture()
            let name = what == "tip" ? "HEAD" : "HEAD:a"
            let id = try fixture.git("rev-parse", name).trimmingCharacters(in: .newlines)
            let file = "\(fixture.path)/.git/objects/\(id.prefix(2))/\(id.dropFirst(2))"
            try FileManager.default.removeItem(atPath: file)
            if what == "garbage" { _ = FileManager.default.createFile(atPath: file, contents: Data("no object".utf8)) }
            let failure = await failure(fixture.path)
            #expect(failure?.code == "corrupt_repository", "\(what): \(String(describing: failure))")
            #expect(failure?.message.contains("git fsck") == true)
            #expect(failure?.isRetryable == false)
        }
    }

    @Test("A broken HEAD, a missing objects folder, a .git file that leads nowhere, a broken configuration")
    func brokenSkeleton() async throws {
        let breakage: [(GitFixture) throws -> Void] = [
            { try $0.write(".git/HEAD", "nonsense\n") },
            { try $0.write(".git/HEAD", "ref: refs/heads/../../../etc/passwd\n") },
            { try FileManager.default.removeItem(atPath: $0.path + "/.git/HEAD") },
            { try FileManager.default.removeItem(atPath: $0.path + "/.git/objects") },
            { try $0.write(".git/config", "[core\nnonsense") },
            {
                try FileManager.default.removeItem(atPath: $0.path + "/.git")
                try $0.write(".git", "gitdir: /no/such/folder\n")
            },
        ]
        for (index, damage) in breakage.enumerated() {
            let fixture = try fixture()
            try damage(fixture)
            #expect(await failure(fixture.path)?.code == "corrupt_repository", "breakage \(index)")
        }
    }

    @Test("A format that the installed git does not know is told as that")
    func unsupported() async throws {
        let fixture = try fixture()
        try fixture.write(
            ".git/config", "[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefstorage = reftable\n")
        try FileManager.default.createDirectory(
            atPath: fixture.path + "/.git/reftable", withIntermediateDirectories: true)
        let version = try fixture.git("version").split(separator: " ")[2].split(separator: ".").compactMap { Int($0) }
        // git reads reftables from 2.45 on; an empty one has no branches.
        guard version[0] == 2, version[1] < 45 else { return }
        #expect(await failure(fixture.path)?.code == "unsupported_repository")
    }

    @Test("A partial clone says how to get what is missing, and nothing is fetched behind one's back")
    func partialClone() async throws {
        let folder = TestFolder()
        let fixture = try fixture()
        try fixture.git("config", "uploadpack.allowFilter", "true")
        try GitFixture.run(
            ["clone", "--quiet", "--no-checkout", "--filter=blob:none", "file://" + fixture.path, "project"],
            in: folder.path)
        let failure = await failure(folder.path + "/project")
        #expect(failure?.code == "corrupt_repository")
        #expect(failure?.message.contains("--refetch") == true, "\(failure?.message ?? "")")
    }

    @Test("Bare repositories, linked working trees and .git files are found")
    func layouts() async throws {
        let folder = TestFolder()
        let fixture = try fixture()
        try GitFixture.run(["clone", "--quiet", "--bare", fixture.path, folder.path + "/Bare.git"], in: folder.path)
        try fixture.git("worktree", "add", "--quiet", "-b", "linked", folder.path + "/linked")
        try GitFixture(at: folder.path + "/linked", in: folder).commit(at: "2024-01-02T00:00:00Z")
        try GitFixture.run(
            ["clone", "--quiet", "--separate-git-dir", folder.path + "/apart", fixture.path, "tree"], in: folder.path)
        let task = ActivityTask(["/Bare.git", "/linked", "/tree"].map { ["path": .string(folder.path + $0)] })
        try await task.run()
        #expect(task.figures("local/bare").gauge("commits_total") == 1)
        #expect(task.figures("local/linked").gauge("commits_total") == 2)
        #expect(task.figures("local/tree").gauge("commits_total") == 1)
    }

    @Test("One repository that fails does not fail the others, and is counted")
    func someFail() async throws {
        let (one, two) = (try fixture(), try fixture())
        let task = ActivityTask([
            ["path": .string(one.path)], ["path": "/no/such/folder", "key": "lost"],
            ["path": .string(two.path), "key": "two"],
        ])
        let summary = try await task.run()
        #expect(
            summary
                == "2 repositories, 2 new commits; 1 failed: lost (repository_not_found: there is no folder \"/no/such/folder\")"
        )
        #expect(task.figures("two").gauge("commits_total") == 1)
        #expect(task.host.lines.filter { $0.fields["code"] == "repository_not_found" }.count == 1)
    }

    @Test("When more than half fail the run does, and what was read stays")
    func mostFail() async throws {
        let one = try fixture()
        let task = ActivityTask([["path": "/no/a"], ["path": .string(one.path)], ["path": "/no/b"]])
        let failure = await task.failure()
        #expect(failure?.code == "repository_not_found")
        #expect(failure?.message.hasPrefix("2 of 3 repositories failed") == true)
        #expect(task.figures().gauge("commits_total") == 1)
        #expect(task.host.checkpoints == 1)
    }

    /// A repository of `commits` commits, each on a day of its own, with an origin.
    private func fixture(origin: String, commits: Int) throws -> GitFixture {
        let fixture = try GitFixture()
        for day in 1...commits { try fixture.commit(at: "2024-02-0\(day)T00:00:00Z") }
        try fixture.git("remote", "add", "origin", origin)
        return fixture
    }

    @Test("Of repositories that turn out to have one key none is read, and the run fails, whatever else it read")
    func sameKey() async throws {
        let pair = [
            try fixture(origin: "git@Example.org:Team/App.git", commits: 1),
            try fixture(origin: "https://example.org/team/app", commits: 2),
        ]
        let other = try fixture()
        let task = ActivityTask((pair + [other]).map { ["path": .string($0.path)] })
        let failure = await task.failure()
        #expect(failure?.code == "parameter")
        #expect(failure?.isRetryable == false)
        #expect(failure?.message.contains("have the same key example.org/team/app") == true)
        for fixture in pair { #expect(failure?.message.contains(fixture.path) == true) }
        #expect(task.figures("example.org/team/app").gauge("commits_total") == nil)
        #expect(task.figures().gauge("commits_total") == 1)
    }

    @Test("A repository that cannot be read keeps its key: no other's figures go under it", arguments: [true, false])
    func keyOfTheUnreadable(failsFirst: Bool) async throws {
        let one = try fixture(origin: "https://example.org/team/app", commits: 3)
        let two = try fixture(origin: "https://example.org/team/other", commits: 1)
        let paths = failsFirst ? [one.path, two.path] : [two.path, one.path]
        let task = ActivityTask(paths.map { ["path": .string($0)] })
        try await task.run()
        let before = task.figures("example.org/team/app").daily("commits")
        #expect(before.count == 3)
        // The first goes away, and the second claims to be it.
        try FileManager.default.moveItem(atPath: one.path, toPath: one.path + ".away")
        try two.git("remote", "set-url", "origin", "https://example.org/team/app")
        let failure = await task.failure()
        #expect(failure?.code == "parameter")
        #expect(task.figures("example.org/team/app").daily("commits") == before)
    }

    @Test("A branch that is not there in the first of two equal ones does not let the second in")
    func sameKeyUnreadBranch() async throws {
        let one = try fixture(origin: "https://example.org/team/app", commits: 3)
        let two = try fixture(origin: "https://example.org/team/app", commits: 1)
        let task = ActivityTask([["path": .string(one.path), "branch": "gone"], ["path": .string(two.path)]])
        #expect(await task.failure()?.code == "parameter")
        #expect(task.host.samples.isEmpty)
    }

    @Test("A folder whose name cannot be a key fails alone", arguments: ["a\nb", "a#1", "a\u{85}b"])
    func nameThatIsNoKey(name: String) async throws {
        let odd = try GitFixture(name: name)
        let (one, two) = (try fixture(), try fixture())
        let task = ActivityTask([
            ["path": .string(odd.path)], ["path": .string(one.path)], ["path": .string(two.path), "key": "two"],
        ])
        #expect(try await task.run()?.contains("1 failed") == true)
        #expect(task.host.lines.map { $0.fields["code"] } == ["parameter"])
        #expect(task.host.lines.first?.message.contains("set \"key\"") == true)
        let named = ActivityTask([["path": .string(odd.path), "key": "odd"]])
        try await named.run()
        #expect(named.figures("odd").gauge("commits_total") == 0)
    }

    @Test("Without git nothing is tried twice, and the way out is named")
    func noGit() async throws {
        let fixture = try fixture()
        let task = ActivityTask(
            [["path": .string(fixture.path)], ["path": "/no/such"]], environment: ["PATH": "/nonexistent"])
        let failure = await task.failure()
        #expect(failure?.code == "command_not_found")
        #expect(failure?.message.contains("apt-get install git") == true)
        #expect(failure?.isRetryable == false)
    }

    @Test("A run that is cancelled ends as cancelled, not as failed")
    func cancelled() async throws {
        let fixture = try fixture()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await ActivityTask(fixture).run()
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
