import InsightsPlugin
import Testing

@testable import InsightsBuiltins

@Suite("Figures from answers")
struct ForgeFigureTests {
    @Test(
        "A count is a whole number of at least 0, also as text",
        arguments: [
            (Value.integer(0), 0.0 as Double?), (7, 7), (.number(7), 7), ("7", 7), ("007", 7), (.null, nil), (-1, nil),
            (.number(1.5), nil), ("", nil), ("-1", nil), ("1e3", nil), ("many", nil), (true, nil), (.array([]), nil),
            (.object([:]), nil),
            (.integer(9_007_199_254_740_993), nil), ("99999999999999999999", nil), ("\u{663}", nil),
        ])
    func counts(value: Value, expected: Double?) { #expect(ForgeFigure(value, "x").number == expected) }

    @Test("What is not there is absent with a reason, and never 0")
    func absent() {
        #expect(ForgeFigure(nil, "stars") == .absent("the answer has no stars"))
        #expect(ForgeFigure(.null, "stars") == .absent("the answer's stars is null"))
        #expect(ForgeFigure("?", "stars") == .absent("the answer's stars is no count"))
    }

    @Test("Issues without pull requests are known when both are, and never negative")
    func difference() {
        #expect(ForgeFigure.number(5) - .number(2) == .number(3))
        #expect(ForgeFigure.number(1) - .number(2) == .number(0))
        #expect(ForgeFigure.absent("a") - .number(2) == .absent("a"))
        #expect(ForgeFigure.number(5) - .absent("b") == .absent("b"))
    }

    @Test("A repository without its identity or its path is none")
    func identity() {
        let whole: Value = ["id": 7, "full_name": "Apple/swift-nio"]
        #expect(ForgeRepository(whole, .github)?.name == "swift-nio")
        let broken: [Value] = [
            [:], ["id": 7], ["full_name": "a/b"], ["id": .null, "full_name": "a/b"], ["id": 0, "full_name": "a/b"],
            ["id": -3, "full_name": "a/b"], ["id": 7, "full_name": .null], ["id": 7, "full_name": "a"],
            ["id": 7, "full_name": "a/"], ["id": 7, "full_name": "/b"], ["id": 7, "full_name": "a/b\n"],
            ["id": 7, "full_name": "a/b#8"], "text", [1], .null,
        ]
        for answer in broken { #expect(ForgeRepository(answer, .github) == nil, "\(answer.json)") }
        #expect(ForgeRepository(["id": "7", "full_name": "a/b"], .github)?.id == "7")
    }

    @Test("Each forge's own names of the figures")
    func figures() throws {
        let github = try #require(
            ForgeRepository(
                [
                    "id": 1, "full_name": "a/b", "stargazers_count": 5, "watchers_count": 5, "subscribers_count": "2",
                    "forks_count": 1, "open_issues_count": 4, "size": 3, "archived": true, "fork": true,
                    "html_url": "javascript:alert(1)", "owner": ["id": 9], "node_id": "R_1",
                ], .github))
        #expect(github.figures["watchers"] == .number(2))
        #expect(github.figures["size_bytes"] == .number(3072))
        #expect(github.url == nil && github.isFork && github.isArchived == true && github.owner.id == "9")
        let gitlab = try #require(
            ForgeRepository(
                [
                    "id": 1, "path_with_namespace": "g/s/p", "star_count": 5, "forks_count": 1,
                    "statistics": ["repository_size": 99], "forked_from_project": ["id": 3],
                    "namespace": ["id": 4, "kind": "group", "full_path": "g/s"], "visibility": "unheard-of",
                ], .gitlab))
        #expect(gitlab.figures["size_bytes"] == .number(99) && gitlab.figures["watchers"] == nil && gitlab.isFork)
        #expect(gitlab.owner == ForgeOwner(id: "4", path: "g/s"))
        #expect(gitlab.figures["open_issues"]?.number == nil)
        let forgejo = try #require(
            ForgeRepository(
                [
                    "id": 1, "full_name": "a/b", "stars_count": 5, "watchers_count": 6, "open_pr_counter": 2,
                    "open_issues_count": 3, "size": 1,
                ], .forgejo))
        #expect(forgejo.figures["watchers"] == .number(6) && forgejo.figures["open_issues"] == .number(3))
        #expect(forgejo.figures["size_bytes"] == .number(1024) && forgejo.isArchived == nil)
    }

    @Test("Drafts are no releases, prereleases are, and a missing count makes the sum unknown")
    func releases() {
        var tally = ReleaseTally()
        tally.add([
            ["draft": false, "prerelease": true, "assets": [["download_count": 3], ["download_count": "4"]]],
            ["draft": true, "assets": [["download_count": 100]]], ["assets": []],
        ])
        #expect(tally.figures == ["releases": .number(2), "release_downloads": .number(7)])
        tally.add([["assets": [["download_count": .null]]]])
        #expect(tally.figures["releases"] == .number(3) && tally.figures["release_downloads"]?.number == nil)
        tally.add([.null])
        #expect(tally.figures["releases"]?.number == nil)
    }
}

@Suite("The window of traffic")
struct TrafficWindowTests {
    private func instant(_ text: String) -> Instant { Instant(text) ?? Instant(seconds: 0) }
    private func day(_ text: String) -> UTCDay { instant(text).utcDay }

    @Test("It is today and the 13 days before")
    func window() {
        let window = TrafficWindow(at: instant("2026-03-20T00:00:00Z"), days: 14)
        #expect(window.today == day("2026-03-20") && window.first == day("2026-03-07"))
        #expect(TrafficWindow(at: instant("2026-03-19T23:59:59Z"), days: 14).first == day("2026-03-06"))
    }

    @Test(
        "What was not over at the last reading and has left the window since is lost",
        arguments: [
            // Never read before: nothing was to be collected.
            (nil as String?, "2026-03-20T12:00:00Z", nil as String?),
            // Read on the window's first day: that day is told whole now.
            ("2026-03-07T23:00:00Z", "2026-03-20T12:00:00Z", nil),
            // A day earlier: what was its today had a part only, and is out.
            ("2026-03-06T23:59:59Z", "2026-03-20T00:00:00Z", "2026-03-06...2026-03-06"),
            // Read right at midnight: the new day had nothing yet, the day before was over.
            ("2026-03-06T00:00:00Z", "2026-03-20T00:00:00Z", "2026-03-06...2026-03-06"),
            ("2026-01-01T12:00:00Z", "2026-03-20T12:00:00Z", "2026-01-01...2026-03-06"),
            // The clock of the forge went back: nothing is lost by that.
            ("2026-04-01T12:00:00Z", "2026-03-20T12:00:00Z", nil),
        ])
    func gaps(lastRead: String?, now: String, expected: String?) {
        let window = TrafficWindow(at: instant(now), days: 14)
        let gap = window.gap(since: lastRead.map(instant), told: [])
        #expect(gap.map { "\($0.lowerBound.midnight.dateText)...\($0.upperBound.midnight.dateText)" } == expected)
    }

    @Test("A forge that tells more than it promises loses less, as far as it tells day by day")
    func more() {
        let window = TrafficWindow(at: instant("2026-03-20T12:00:00Z"), days: 14)
        let lastRead = instant("2026-03-04T12:00:00Z")
        func end(_ days: String...) -> UTCDay? { window.gap(since: lastRead, told: Set(days.map(day)))?.upperBound }
        #expect(end("2026-03-06") == day("2026-03-05"))
        #expect(end("2026-03-05", "2026-03-06", "2026-03-07") == day("2026-03-04"))
        #expect(end("2026-03-12") == day("2026-03-06"))
        // One old day says nothing of those behind it.
        #expect(end("2025-06-01") == day("2026-03-06"))
        #expect(end("2026-03-04", "2026-03-06") == day("2026-03-05"))
        #expect(window.gap(since: lastRead, told: Set(["2026-03-04", "2026-03-05", "2026-03-06"].map(day))) == nil)
    }

    private func read(_ list: Value?) -> TrafficReading {
        TrafficReading(
            list, "views", date: "timestamp", members: ["views": "count", "views_unique": "uniques"],
            window: TrafficWindow(at: instant("2026-03-20T12:00:00Z"), days: 14))
    }

    @Test("Days are read by their UTC date, numbers also as text")
    func days() {
        let reading = read([
            ["timestamp": "2026-03-19T00:00:00Z", "count": 5, "uniques": "2"],
            ["timestamp": "2026-03-20", "count": 0, "uniques": 0],
        ])
        #expect(reading.isComplete && reading.told == [day("2026-03-19"), day("2026-03-20")])
        #expect(reading.days[day("2026-03-19")] == ["views": 5, "views_unique": 2])
        #expect(reading.days[day("2026-03-20")] == ["views": 0, "views_unique": 0])
    }

    @Test("An empty list is a reading, a missing one is none")
    func lists() {
        #expect(read([]).isComplete && read([]).days.isEmpty)
        for list: Value? in [nil, .null, "x", [:]] { #expect(!read(list).isComplete) }
    }

    @Test(
        "A day that cannot be read is left out, and the reading does not count for what is lost later",
        arguments: [
            ["count": 5, "uniques": 2], ["timestamp": "yesterday", "count": 5, "uniques": 2],
            ["timestamp": .null, "count": 5, "uniques": 2], ["timestamp": "2026-03-19", "count": .null, "uniques": 2],
            ["timestamp": "2026-03-19", "count": 5], ["timestamp": "2027-03-19", "count": 5, "uniques": 2],
            ["timestamp": "2020-03-19", "count": 5, "uniques": 2], .null, "text",
        ] as [Value])
    func broken(item: Value) {
        let reading = read([["timestamp": "2026-03-18", "count": 1, "uniques": 1], item])
        #expect(!reading.isComplete && reading.problem != nil)
        #expect(reading.days[day("2026-03-18")] == ["views": 1, "views_unique": 1])
        #expect(!reading.days.values.contains { $0.values.contains(0) })
    }
}

@Suite("GitHub's GraphQL")
struct GitHubQueryTests {
    private let node: Value = [
        "id": "R_1", "stargazerCount": 5, "forkCount": 1, "watchers": ["totalCount": 2], "issues": ["totalCount": 3],
        "pullRequests": ["totalCount": 4], "releases": ["totalCount": 6], "diskUsage": 7, "isArchived": false,
    ]

    @Test("Ids go as variables and never into the query")
    func body() throws {
        let body = try Value(json: GitHubQuery.body(["R_1", "\"}{"]))
        #expect(body["variables"]?["ids"] == ["R_1", "\"}{"])
        #expect(body["query"]?.string?.contains("nodes(ids: $ids)") == true)
        #expect(body["query"]?.string?.contains("R_1") == false)
    }

    @Test("Counters come by node, errors beside them cost only what they are about")
    func counters() {
        let answer: Value = [
            "data": ["nodes": [node, .null], "rateLimit": ["cost": 1]],
            "errors": [["type": "NOT_FOUND", "path": ["nodes", 1], "message": "ghp_secret"]],
        ]
        guard case .counters(let counters) = GitHubQuery.answer(answer, ids: ["R_1", "R_2"]) else {
            Issue.record("no counters")
            return
        }
        #expect(counters.keys.sorted() == ["R_1"])
        #expect(
            counters["R_1"]?.mapValues(\.number) == [
                "stars": 5, "forks": 1, "watchers": 2, "open_issues": 3, "open_pull_requests": 4, "size_bytes": 7168,
            ])
    }

    @Test("A node that lacks a counter is asked by REST")
    func lacking() {
        var half = node
        if case .object(var object) = half {
            object["diskUsage"] = .null
            half = .object(object)
        }
        #expect(GitHubQuery.answer(["data": ["nodes": [half]]], ids: ["R_1"]) == .counters([:]))
    }

    @Test("Used up points come with status 200")
    func limits() {
        for error: Value in [["type": "RATE_LIMITED"], ["extensions": ["code": "rate_limited"]]] {
            #expect(GitHubQuery.answer(["errors": [error]], ids: []) == .rateLimited)
        }
    }

    @Test(
        "No data is a failure", arguments: [[:], ["errors": [["message": "x"]]], ["data": .null], [], "x"] as [Value])
    func failed(answer: Value) {
        guard case .failed = GitHubQuery.answer(answer, ids: ["R_1"]) else {
            Issue.record("taken for an answer")
            return
        }
    }
}
