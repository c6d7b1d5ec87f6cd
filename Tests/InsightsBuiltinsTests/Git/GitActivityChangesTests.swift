import Foundation
import InsightsBuiltins
import InsightsPlugin
import InsightsTesting
import Testing

@Suite("git.activity reads what changed")
struct GitActivityChangesTests {
    private func fixture() throws -> GitFixture {
        let fixture = try GitFixture()
        for day in 1...9 {
            try fixture.write("file", (0..<day * 3).map { "\($0)\n" }.joined())
            try fixture.commit(at: "2024-01-0\(day)T10:00:00Z", by: "a\(day % 3)@example.org")
        }
        return fixture
    }

    /// The dates of the daily samples of the last run.
    private func told(_ task: ActivityTask) -> Set<String> {
        Set(task.host.samples.filter { $0.metric == "commits" }.map(\.at.dateText))
    }

    @Test("Without new commits only the gauges are told again")
    func unchanged() async throws {
        let task = ActivityTask(try fixture())
        try await task.run()
        let state = task.host.state
        task.host.forget()
        #expect(try await task.run() == "1 repository, 0 new commits")
        #expect(
            Set(task.host.samples.map(\.metric)) == [
                "commits_total", "authors_total", "authors_90d", "contributor_absence_factor", "tags", "age_days",
            ])
        #expect(task.host.state == state)
    }

    @Test("New commits are told with the whole of their days, and no other day")
    func added() async throws {
        let fixture = try fixture()
        let task = ActivityTask(fixture)
        try await task.run()
        let before = task.host.emissions
        try fixture.write("file", "none\n")
        try fixture.commit(at: "2024-01-05T23:00:00Z", by: "new@example.org")
        try fixture.commit(at: "2024-02-01T00:00:00Z")
        task.host.forget()
        #expect(try await task.run() == "1 repository, 2 new commits")
        #expect(told(task) == ["2024-01-05", "2024-02-01"])
        #expect(task.figures().daily("commits")["2024-01-05"] == 2)
        #expect(!before.isEmpty)
        try await expectAsFresh(task, fixture)
    }

    @Test("A rewritten history is noticed: days that lost their commits fall to 0")
    func rewritten() async throws {
        let fixture = try fixture()
        let task = ActivityTask(fixture)
        try await task.run()
        try fixture.git("reset", "--quiet", "--hard", "HEAD~3")
        try fixture.write("file", "amended\n")
        try fixture.commit(at: "2024-01-08T00:00:00Z")
        try await task.run()
        #expect(task.figures().daily("commits")["2024-01-07"] == 0)
        #expect(task.figures().daily("lines_added")["2024-01-09"] == 0)
        #expect(task.figures().daily("authors_unique")["2024-01-09"] == 0)
        task.figures().expect(try fixture.expected())
    }

    @Test("Also when the commits of before are gone from the repository")
    func rewrittenAndCollected() async throws {
        let fixture = try fixture()
        let task = ActivityTask(fixture)
        try await task.run()
        try fixture.git("reset", "--quiet", "--hard", "HEAD~3")
        try fixture.git("reflog", "expire", "--expire=now", "--all")
        try fixture.git("gc", "--quiet", "--prune=now")
        task.host.forget()
        try await task.run()
        #expect(task.figures().daily("commits")["2024-01-09"] == 0)
        task.figures().expect(try fixture.expected())
    }

    @Test("A branch that is deleted takes its commits along")
    func deletedBranch() async throws {
        let fixture = try fixture()
        try fixture.git("checkout", "--quiet", "-b", "side")
        try fixture.commit(at: "2024-03-01T00:00:00Z", by: "side@example.org")
        try fixture.git("checkout", "--quiet", "main")
        let task = ActivityTask(fixture, ["branches": "all"])
        try await task.run()
        #expect(task.figures().daily("commits")["2024-03-01"] == 1)
        try fixture.git("branch", "--quiet", "-D", "side")
        try await task.run()
        #expect(task.figures().daily("commits")["2024-03-01"] == 0)
        task.figures().expect(try fixture.expected("--branches"))
    }

    @Test("An empty repository that gets its first commit is read from the start")
    func firstCommit() async throws {
        let fixture = try GitFixture()
        let task = ActivityTask(fixture)
        try await task.run()
        try fixture.write("a", "1\n")
        try fixture.commit(at: "2024-01-01T00:00:00Z")
        #expect(try await task.run() == "1 repository, 1 new commit")
        task.figures().expect(try fixture.expected())
    }

    @Test("A shallow clone says that its history is cut, and is read anew when it is deepened")
    func shallow() async throws {
        let folder = TestFolder()
        let fixture = try fixture()
        try GitFixture.run(["clone", "--quiet", "--depth=2", "file://" + fixture.path, "project"], in: folder.path)
        let clone = GitFixture(at: folder.path + "/project", in: folder)
        let task = ActivityTask(clone)
        let summary = try await task.run()
        #expect(summary?.contains("history cut") == true, "\(summary ?? "")")
        task.figures().expect(try clone.expected())
        #expect(task.figures().gauge("commits_total") == 2)
        try clone.git("fetch", "--quiet", "--unshallow")
        #expect(try await task.run() == "1 repository, 9 new commits")
        task.figures().expect(try fixture.expected())
    }

    @Test("A random sequence of commits, resets and merges ends in the figures of a fresh reading")
    func sequence() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix(state: seed)
        let fixture = try fixture()
        let task = ActivityTask(fixture)
        for step in 0..<12 {
            switch generator.next() % 4 {
            case 0:
                // The first two stay: there is no going back behind the root, and a side branch begins one before HEAD.
                let line = try fixture.git("rev-list", "--count", "--first-parent", "HEAD")
                let most = max(0, (Int(line.trimmingCharacters(in: .newlines)) ?? 0) - 2)
                try fixture.git("reset", "--quiet", "--hard", "HEAD~\(min(most, Int(generator.next() % 3 + 1)))")
            case 1:
                try fixture.git("checkout", "--quiet", "-B", "side", "HEAD~1")
                try fixture.write("side\(step)", "\(step)\n")
                try fixture.commit(at: "2024-01-1\(generator.next() % 5)T00:00:00Z", by: "side@example.org")
                try fixture.git("checkout", "--quiet", "main")
                try fixture.merge("side", at: "2024-01-1\(generator.next() % 5)T00:00:00Z")
            default:
                try fixture.write(
                    "file\(generator.next() % 3)", (0..<generator.next() % 30).map { "\($0 * 3)\n" }.joined())
                try fixture.commit(at: "2024-01-0\(generator.next() % 9 + 1)T00:00:00Z", by: "a\(step % 4)@example.org")
            }
            if generator.next() % 2 == 0 { try await task.run() }
        }
        try await task.run()
        task.figures().expect(try fixture.expected())
        #expect(try fixture.expected().commitsTotal > 0, "seed \(seed)")
    }

    /// What is told bit by bit equals what a first run tells at once.
    private func expectAsFresh(_ task: ActivityTask, _ fixture: GitFixture) async throws {
        let fresh = ActivityTask(fixture)
        try await fresh.run()
        for day in told(task) {
            for metric in ["commits", "lines_added", "lines_deleted", "authors_unique"] {
                #expect(task.figures().daily(metric)[day] == fresh.figures().daily(metric)[day], "\(metric) \(day)")
            }
        }
        #expect(task.figures().gauge("authors_total") == fresh.figures().gauge("authors_total"))
        #expect(task.host.state == fresh.host.state)
    }
}

/// A small seeded generator: a failure can be run again by its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
