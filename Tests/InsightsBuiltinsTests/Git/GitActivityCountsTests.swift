import Foundation
import InsightsBuiltins
import InsightsPlugin
import InsightsTesting
import Testing

@Suite("git.activity counts what git counts")
struct GitActivityCountsTests {
    /// A history with everything that is awkward to count.
    private func awkward() throws -> GitFixture {
        let fixture = try GitFixture()
        try fixture.write("a.txt", (1...50).map { "line \($0)\n" }.joined())
        try fixture.write("bin", Data([0, 1, 2, 0, 255]))
        try fixture.commit(at: "2023-01-31T23:30:00-05:00")
        // A rename with a change, and a name that is not UTF-8, one with a tab, one with a newline.
        try fixture.git("mv", "a.txt", "b.txt")
        try fixture.write("b.txt", (1...50).map { "line \($0 == 7 ? 77 : $0)\n" }.joined())
        try fixture.write("tab\there", "one\ntwo")
        try fixture.write("new\nline", "one\r\ntwo\r\n")
        try fixture.commit(at: "2023-02-01T00:10:00+14:00", by: "Grace@Example.ORG")
        try fixture.git(
            "update-index", "--add", "--cacheinfo", "160000,1234567890123456789012345678901234567890,sub")
        try fixture.git(
            "commit", "--quiet", "-m", "a submodule",
            environment: ["GIT_COMMITTER_DATE": "2023-02-02T00:00:00Z", "GIT_AUTHOR_EMAIL": "ada@example.org"])
        let blob = try fixture.git("hash-object", "-w", "--stdin", input: "odd\n").trimmingCharacters(in: .newlines)
        let tree = try fixture.git("mktree", input: "100644 blob \(blob)\t\"caf\\351\"\n").trimmingCharacters(
            in: .newlines)
        let odd = try fixture.git(
            "commit-tree", tree, "-m", "second root", environment: ["GIT_COMMITTER_DATE": "1699999999 +0000"])
        try fixture.git("branch", "odd", odd.trimmingCharacters(in: .newlines))
        for name in ["one", "two", "three"] {
            try fixture.git("checkout", "--quiet", "-b", name, "main")
            try fixture.write(name, "\(name)\n")
            try fixture.commit(at: "2023-03-0\(name.count)T12:00:00Z", by: "\(name)@example.org")
        }
        try fixture.git("checkout", "--quiet", "main")
        try fixture.merge("one", "two", "three", at: "2023-03-10T00:00:00Z")
        try fixture.merge("--allow-unrelated-histories", "odd", at: "2023-11-20T00:00:00Z")
        try fixture.git("rm", "--quiet", "bin")
        try fixture.commit(at: "2023-12-31T23:59:59Z", by: "", named: "Nameless")
        try fixture.commit("nothing", at: "2024-01-01T00:00:00Z")
        return fixture
    }

    @Test("Renames, binaries, merges, second roots, odd names and zones: every day is as git log says")
    func everything() async throws {
        let fixture = try awkward()
        try fixture.git("tag", "v1")
        try fixture.git("tag", "-a", "v2", "-m", "annotated")
        let task = ActivityTask(fixture)
        #expect(try await task.run() == "1 repository, 11 new commits")
        let expected = try fixture.expected()
        #expect(expected.commitsTotal == 11)
        #expect(expected.added["2023-02-01"] == 50)  // 23:30 in New York is the next day
        #expect(expected.added["2023-01-31"] == 5)  // 00:10 on Kiritimati is the day before
        task.figures().expect(expected)
        #expect(task.figures().gauge("tags") == 2)
        #expect(task.figures().gauge("age_days") == 487)
    }

    @Test("A history of many days and authors is as git log says, also when days are out of order")
    func outOfOrder() async throws {
        let fixture = try GitFixture()
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...999, using: &generator)
        var script = ""
        for index in 0..<300 {
            let day = (UInt64(index) &* 7919 &+ seed) % 200
            let author = "author\(day % 17)@example.org"
            script += "commit refs/heads/main\nauthor A <\(author)> 1 +0000\n"
            script += "committer C <c@example.org> \(1_600_000_000 + day * 40_000) +0\((index % 9) + 1)00\ndata 0\n"
            let text = (0...(index % 13)).map { "\($0 * index)\n" }.joined()
            script += "M 644 inline file\(index % 5)\ndata \(text.utf8.count)\n\(text)\n"
        }
        try fixture.git("fast-import", "--quiet", input: script)
        let task = ActivityTask(fixture)
        try await task.run()
        #expect(try fixture.expected().commitsTotal == 300, "seed \(seed)")
        task.figures().expect(try fixture.expected())
    }

    @Test("A repository of SHA-256 ids counts like any other")
    func sha256() async throws {
        let fixture = try GitFixture(options: ["--object-format=sha256"])
        try fixture.write("a", "1\n2\n")
        try fixture.commit(at: "2024-01-01T00:00:00Z")
        try fixture.write("a", "1\n3\n")
        try fixture.commit(at: "2024-01-02T00:00:00Z")
        let task = ActivityTask(fixture)
        try await task.run()
        task.figures().expect(try fixture.expected())
    }

    @Test("Dates that no calendar has are counted on the nearest day that can be named")
    func impossibleDates() async throws {
        let fixture = try GitFixture()
        let tree = try fixture.git("mktree", input: "").trimmingCharacters(in: .newlines)
        var parent = ""
        for date in ["0 +0000", "99999999999999 +0000", "18446744073709551615 +0000", "1700000000 +9999", "x"] {
            let text =
                "tree \(tree)\n\(parent)author A <a@example.org> \(date)\ncommitter C <c@example.org> \(date)\n\nm\n"
            let id = try fixture.git("hash-object", "-t", "commit", "--literally", "-w", "--stdin", input: text)
            parent = "parent \(id)"
        }
        try fixture.git("update-ref", "refs/heads/main", parent.dropFirst(7).trimmingCharacters(in: .newlines))
        let task = ActivityTask(fixture)
        try await task.run()
        let days = task.figures().daily("commits")
        #expect(days == ["1970-01-01": 2, "2023-11-14": 1, "9999-12-31": 2])
        #expect(task.figures().gauge("commits_total") == 5)
    }

    @Test("A commit without a readable date is counted, and makes no repository old")
    func undated() async throws {
        let fixture = try GitFixture()
        try fixture.commit(at: "2024-05-30T00:00:00Z")
        let tree = try fixture.git("mktree", input: "").trimmingCharacters(in: .newlines)
        let parent = try fixture.git("rev-parse", "HEAD").trimmingCharacters(in: .newlines)
        let text = "tree \(tree)\nparent \(parent)\nauthor A <a@example.org> x\ncommitter C <c@example.org> x\n\nm\n"
        let id = try fixture.git("hash-object", "-t", "commit", "--literally", "-w", "--stdin", input: text)
        try fixture.git("update-ref", "refs/heads/main", id.trimmingCharacters(in: .newlines))
        let task = ActivityTask(fixture, at: "2024-06-01T12:00:00Z")
        try await task.run()
        #expect(task.figures().gauge("commits_total") == 2)
        #expect(task.figures().gauge("age_days") == 2)
    }

    @Test("Authors are told apart by address after .mailmap, in lower case")
    func mailmap() async throws {
        let fixture = try GitFixture()
        for (index, author) in ["a@x.org", "A@X.org", "b@x.org", "c@x.org"].enumerated() {
            try fixture.commit(at: "2024-05-0\(index + 1)T00:00:00Z", by: author)
        }
        let task = ActivityTask(fixture)
        try await task.run()
        #expect(task.figures().gauge("authors_total") == 3)
        try fixture.write(".mailmap", "Ada <a@x.org> <b@x.org>\n<ada@example.org> <c@x.org>\n")
        try fixture.commit(at: "2024-05-04T01:00:00Z", by: "ada@example.org")
        try await task.run()
        #expect(task.figures().gauge("authors_total") == 2)
        // The fourth had one author under two names, now one under one.
        task.figures().expect(try fixture.expected())
    }

    @Test("The last 90 and 365 days count back from the scheduled instant, to the second")
    func windows() async throws {
        let fixture = try GitFixture()
        let dates = [
            ("2023-06-02T11:59:59Z", "old@x.org"), ("2023-06-02T12:00:00Z", "edge@x.org"),
            ("2024-03-03T11:59:59Z", "spring@x.org"), ("2024-03-03T12:00:00Z", "quarter@x.org"),
            ("2024-05-01T00:00:00Z", "may@x.org"), ("2024-05-02T00:00:00Z", "may@x.org"),
            ("2024-06-01T12:00:00Z", "now@x.org"), ("2024-06-01T12:00:01Z", "future@x.org"),
        ]
        for (date, author) in dates { try fixture.commit(at: date, by: author) }
        let task = ActivityTask(fixture)
        try await task.run()
        #expect(task.figures().gauge("authors_90d") == 3)
        // edge, spring, quarter, may twice, now: six commits, of which may and one more made three.
        #expect(task.figures().gauge("contributor_absence_factor") == 2)
        // A second later, the same commits, from what is remembered.
        task.clock.advance(by: .seconds(1))
        try await task.run()
        #expect(task.figures().gauge("authors_90d") == 3)
        #expect(task.figures().gauge("contributor_absence_factor") == 2)
        // A day earlier: further back than what is remembered.
        task.clock.set(Instant("2024-05-31T12:00:00Z")!)
        try await task.run()
        #expect(task.figures().gauge("authors_90d") == 3)
        #expect(task.figures().gauge("age_days") == 364)
    }

    @Test("An empty repository has counts of 0 and no days")
    func empty() async throws {
        let task = ActivityTask(try GitFixture())
        #expect(try await task.run() == "1 repository, 0 new commits")
        let figures = task.figures()
        for metric in ["commits_total", "authors_total", "authors_90d", "contributor_absence_factor", "tags"] {
            #expect(figures.gauge(metric) == 0, "\(metric)")
        }
        #expect(figures.gauge("age_days") == nil)
        #expect(figures.daily("commits") == [:])
    }

    @Test("branches: all counts every branch once; branch names one")
    func branches() async throws {
        let fixture = try GitFixture()
        try fixture.commit(at: "2024-01-01T00:00:00Z")
        try fixture.git("checkout", "--quiet", "-b", "feature/x")
        try fixture.write("f", "1\n")
        try fixture.commit(at: "2024-01-02T00:00:00Z")
        try fixture.git("checkout", "--quiet", "main")
        try fixture.commit(at: "2024-01-03T00:00:00Z")
        let all = ActivityTask(fixture, ["branches": "all"])
        try await all.run()
        all.figures().expect(try fixture.expected("--branches"))
        let one = ActivityTask([["path": .string(fixture.path), "branch": "feature/x"]])
        try await one.run()
        one.figures().expect(try fixture.expected("feature/x"))
        let head = ActivityTask(fixture)
        try await head.run()
        head.figures().expect(try fixture.expected("main"))
    }
}
