import InsightsPlugin
import Testing

@testable import InsightsBuiltins

@Suite("The parts that read a history")
struct HistoryPartsTests {
    private func line(_ date: String, parents: String = "", email: String = "A@X.org", name: String = "N")
        -> ArraySlice<UInt8>
    {
        Array("\(String(repeating: "a", count: 40))\0\(date)\0\(parents)\0\(email)\0\(name)".utf8)[...]
    }

    @Test("A commit's line is taken apart")
    func commitRecord() throws {
        let commit = try #require(CommitRecord(line: line("1700000000", parents: "b c")))
        #expect(commit.seconds == 1_700_000_000)
        #expect(commit.isMerge)
        #expect(commit.author == Array("a@x.org".utf8))
        #expect(CommitRecord(line: line("1", parents: "b"))?.isMerge == false)
        #expect(CommitRecord(line: line("1", email: "Ä@X"))?.author == Array("ä@x".utf8))
        #expect(CommitRecord(line: line("1", email: " ", name: "Ann"))?.author == [0] + Array("Ann".utf8))
        for (date, seconds) in [("-5", -5), ("99999999999999999999", Int64.max), ("0", 0)] as [(String, Int64)] {
            #expect(CommitRecord(line: line(date))?.seconds == seconds)
            #expect(CommitRecord(line: line(date))?.isDated == true)
        }
        for date in ["", "x", "-", "1x"] {
            #expect(CommitRecord(line: line(date))?.seconds == 0)
            #expect(CommitRecord(line: line(date))?.isDated == false)
        }
        #expect(CommitRecord(line: Array("warning: x".utf8)[...]) == nil)
    }

    @Test("A day begins at midnight UTC, before 1970 too, and no day is beyond the calendar")
    func days() {
        let table: [(Int64, String)] = [
            (0, "1970-01-01"), (86_399, "1970-01-01"), (86_400, "1970-01-02"), (-1, "1969-12-31"),
            (-86_400, "1969-12-31"),
            (-86_401, "1969-12-30"), (.max, "9999-12-31"), (.min, "0001-01-01"),
        ]
        for (seconds, date) in table { #expect(UTCDay(holding: seconds).midnight.dateText == date) }
    }

    @Test("Lists of numbers survive as text, and other text is refused")
    func numberText() {
        let lists: [[Int64]] = [[], [0], [5, 5, 6, 1000, -3], [.max, .min, 0], Array(-200...200)]
        for list in lists { #expect(NumberText.decode(NumberText.encode(list)) == list) }
        #expect(NumberText.encode((0..<7000).map { Int64(14_000 + $0) }).utf8.count < 10_000)
        for text in ["!", "gA==", "/////////////////w=="] { #expect(NumberText.decode(text) == nil) }
    }

    @Test("The absence factor is the fewest authors who made half of the commits")
    func absenceFactor() {
        let table: [([Int], Int)] = [
            ([], 0), ([1], 1), ([5, 5], 1), ([5, 4], 1), ([3, 3, 3], 2), ([1, 1, 1, 1, 1], 3), ([4, 2, 2, 2], 2),
        ]
        for (counts, factor) in table {
            var recent = RecentAuthors(before: 1_000_000_000)
            for (author, count) in counts.enumerated() {
                for _ in 0..<count { recent.add(UInt32(author), at: 1_000_000_000) }
            }
            #expect(recent.contributorAbsenceFactor == factor, "\(counts)")
            #expect(recent.authors90d == counts.count)
        }
    }

    @Test("Authors of a day are counted once, however many commits pass")
    func tally() throws {
        var tally = HistoryTally(at: 100)
        for index in 0..<5000 {
            tally.add(try #require(CommitRecord(line: line("\(index % 3 * 86_400)", email: "\(index % 7)@x"))))
        }
        #expect(tally.authors == 7)
        #expect(tally.authorsByDay().values.sorted() == [7, 7, 7])
        #expect(tally.commitsByDay.values.reduce(0, +) == 5000)
    }

    @Test("A commit without a date is counted, and tells nothing of the age")
    func undated() throws {
        var tally = HistoryTally(at: 2_000_000_000)
        tally.add(try #require(CommitRecord(line: line(""))))
        #expect(tally.first == nil)
        tally.add(try #require(CommitRecord(line: line("1700000000"))))
        #expect(tally.first == 1_700_000_000)
        #expect(tally.commits == 2)
    }

    private func block(_ days: [Int32]) -> CommitBlock {
        var block = CommitBlock()
        for (index, day) in days.enumerated() {
            block.append(Array(String(repeating: "\(index)", count: 40).utf8)[...], UTCDay(number: day))
        }
        return block
    }

    private func id(_ index: Int) -> String { String(repeating: "\(index)", count: 40) }

    @Test("Lines go to the day of the commit that they follow, however the bytes are cut", arguments: [1, 7, 64, 1000])
    func lineCounter(size: Int) throws {
        // Commit 1 changed nothing, so git does not name it.
        let text = "\(id(0))\n1\t2\ta\n-\t-\tbinary\n\(id(2))\n10\t0\t\"tab\\there\"\n3\t4\tx => y\n"
        let bytes = Array(text.utf8)
        var counter = LineCounter(block([5, 6, 7]))
        for start in stride(from: 0, to: bytes.count, by: size) {
            try counter.take(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(
            counter.counts == [
                UTCDay(number: 5): LineCount(added: 1, deleted: 2), UTCDay(number: 7): LineCount(added: 13, deleted: 4),
            ])
    }

    @Test("A file's name of megabytes is not taken for lines")
    func longName() throws {
        var counter = LineCounter(block([1, 2]))
        let name = String(repeating: "n", count: 3 << 20)
        try counter.take(Array("\(id(0))\n1\t1\t\(name)\n\(id(1))\n2\t2\tb\n".utf8))
        #expect(counter.counts[UTCDay(number: 2)] == LineCount(added: 2, deleted: 2))
    }

    @Test("Output about other commits, or without one, is refused", arguments: ["1\t1\ta\n", "ffff\n"])
    func unexpected(text: String) {
        var counter = LineCounter(block([1]))
        #expect(throws: LineCounter.Unexpected.self) { try counter.take(Array(text.utf8)) }
    }

    @Test("Blocks hold the same commits in the same order")
    func blocks() {
        let whole = block([1, 2, 3, 4, 5])
        let parts = whole.cut(every: 2)
        #expect(parts.map(\.count) == [2, 2, 1])
        #expect(parts.flatMap(\.days) == whole.days)
        #expect(parts.flatMap(\.input) == whole.input)
        #expect(Array(parts[1].id(at: 1)) == Array(id(3).utf8))
        #expect(CommitBlock().cut(every: 2).isEmpty)
    }
}

@Suite("What is remembered of a repository, and what follows from it")
struct ActivityStateTests {
    private let state = ActivityState(
        tips: ["a", "b"], mailmapCommit: "a", mailmap: "m", shallow: "", commits: 3, authors: 2, first: -5,
        days: [UTCDay(number: -1), UTCDay(number: 19_000)],
        recent: ActivityState.RecentCommits(since: 0, commits: [HistoryTally.Recent(seconds: 10, author: 1)]))

    private func stored(_ state: ActivityState) -> ActivityState? {
        ActivityState(
            main: state.values[ActivityState.mainKey] ?? nil, recent: state.values[ActivityState.recentKey] ?? nil)
    }

    @Test("It survives being stored")
    func roundTrip() {
        #expect(stored(state) == state)
        var bare = state
        (bare.mailmapCommit, bare.mailmap, bare.first, bare.recent) = (nil, nil, nil, nil)
        #expect(stored(bare) == bare)
    }

    @Test("What does not fit is left out, least important first")
    func bounds() {
        var large = state
        large.recent?.commits = (0..<300_000).map {
            HistoryTally.Recent(seconds: Int64($0) * 100_000, author: UInt32($0))
        }
        #expect(stored(large)?.recent == nil)
        #expect(stored(large)?.tips == state.tips)
        large.days = (0..<300_000).map { UTCDay(number: $0 * 9) }
        #expect(stored(large)?.days == [])
        large.tips = (0..<10_000).map { "\($0)" + String(repeating: "x", count: 40) }
        #expect(stored(large) == nil)
    }

    @Test("A state of another version, or that is damaged, is as none")
    func unknown() {
        var main = state.values[ActivityState.mainKey]??.object ?? ValueObject()
        for (key, value) in [("version", 2), ("days", "!"), ("commits", "three")] as [(String, Value)] {
            var damaged = main
            damaged[key] = value
            #expect(ActivityState(main: .object(damaged), recent: nil) == nil, "\(key)")
        }
        main["more"] = 1
        #expect(ActivityState(main: .object(main), recent: nil) != nil)
    }

    @Test("What is read follows from the state and the tips")
    func plan() {
        func plan(
            _ state: ActivityState?, _ tips: [String], mailmap: String? = "a", shallow: String = "",
            now: Int64 = 365 * 86_400
        ) -> ActivityPlan {
            ActivityPlan(state, tips: tips, mailmapCommit: mailmap, shallow: shallow, now: now)
        }
        #expect(plan(nil, ["a"]) == .everything)
        #expect(plan(state, ["a", "b"]) == .unchanged(reread: false))
        #expect(plan(state, ["a", "b"], now: 365 * 86_400 - 1) == .unchanged(reread: true))
        #expect(plan(state, ["a", "b"], mailmap: "b") == .moved(from: ["a", "b"]))
        #expect(plan(state, ["c"]) == .moved(from: ["a", "b"]))
        #expect(plan(state, []) == .moved(from: ["a", "b"]))
        #expect(plan(state, ["a", "b"], shallow: "1 x") == .everything)
        var empty = state
        empty.tips = []
        #expect(plan(empty, ["a"]) == .everything)
        #expect(plan(empty, []) == .unchanged(reread: false))
    }
}
