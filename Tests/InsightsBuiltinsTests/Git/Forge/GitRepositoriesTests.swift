import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Synchronization
import Testing

@testable import InsightsBuiltins

@Suite("git.repositories on GitHub")
struct GitRepositoriesTests {
    private let fixture = ForgeFixture()
    private var forge: Forge { fixture.forge }

    init() {
        forge.addAccount("acme")
        forge.addAccount("octocat", .user)
    }

    @discardableResult
    private func add(_ name: String, _ edit: (inout InsightsForgeServer.ForgeRepository) -> Void = { _ in }) -> Int64 {
        forge.addRepository(name, createdAt: Instant("2025-06-01T00:00:00Z")) { repository in
            ForgeFixture.count(&repository)
            edit(&repository)
        }
    }

    private let counters: [String: Double] = [
        "stars": 50, "forks": 7, "watchers": 5, "open_issues": 4, "open_pull_requests": 3, "size_bytes": 12_288,
        "releases": 2, "release_downloads": 12,
    ]

    private func expectCounters(of path: String, sourceLocation: SourceLocation = #_sourceLocation) {
        for (metric, value) in counters {
            #expect(
                fixture.repositories.value(metric, of: fixture.repository(path)) == value, "\(metric)",
                sourceLocation: sourceLocation)
        }
    }

    private func addReleases(_ id: Int64) {
        forge.addRelease(ForgeRelease(tag: "1.0", downloads: [3, 4]), to: id)
        forge.addRelease(ForgeRelease(tag: "2.0", isDraft: true, downloads: [100]), to: id)
        forge.addRelease(ForgeRelease(tag: "1.1", isPrerelease: true, downloads: [5]), to: id)
    }

    // MARK: Figures

    @Test("Counters come by GraphQL, releases and traffic by REST, with who they belong to")
    func whole() async throws {
        let id = add("acme/Widget")
        addReleases(id)
        let summary = try await fixture.collect()
        expectCounters(of: "acme/widget")
        #expect(summary.hasPrefix("1 repository read; not told: fetches"))
        let subjects = fixture.repositories.subjects
        #expect(
            subjects.map(\.reference) == [fixture.platform, fixture.account("acme"), fixture.repository("acme/widget")])
        #expect(subjects.last?.externalID == String(id) && subjects.last?.name == "Widget")
        #expect(subjects.last?.parent == fixture.account("acme") && subjects.last?.state == .active)
        #expect(subjects.dropLast().last?.parent == fixture.platform)
        #expect(fixture.paths["/api/graphql"] == 1)
        #expect(fixture.paths["/api/v3/repos/acme/Widget"] == nil)
    }

    @Test("Traffic is exact, and what is of 14 days stands beside it")
    func traffic() async throws {
        let id = add("acme/widget")
        try await fixture.collect()
        let truth = try #require(forge.repository(id)).traffic
        let views = fixture.repositories.series("views", of: fixture.repository("acme/widget"))
        let days = (0..<14).map { ForgeFixture.start.startOfDay.advanced(by: .seconds(-86_400 * $0)) }
        for day in days {
            #expect(views[day] ?? 0 == Double(truth.told(of: day, at: ForgeFixture.start).views))
        }
        #expect(views.keys.allSatisfy(days.contains))
        let samples = fixture.repositories.samples
        for metric in ["views_unique_14d", "clones_unique_14d", "referrers_14d", "paths_14d"] {
            #expect(samples.count { $0.metric == metric } == 1, "\(metric)")
        }
        let unique = days.map { Double(truth.told(of: $0, at: ForgeFixture.start).viewsUnique) }
        let unique14d = try #require(
            fixture.repositories.value("views_unique_14d", of: fixture.repository("acme/widget")))
        #expect(unique14d < unique.reduce(0, +))
    }

    @Test("Without a token all counters come by REST, and traffic is absent with its reason")
    func anonymous() async throws {
        addReleases(add("acme/widget"))
        let summary = try await fixture.collect(token: nil)
        expectCounters(of: "acme/widget")
        #expect(
            summary.contains("views_unique_14d of 1 repository on 127.0.0.1:4711 (traffic is told to a token alone)"))
        #expect(!fixture.repositories.samples.contains { ForgeMetrics.traffic.contains($0.metric) })
        #expect(fixture.paths["/api/graphql"] == nil)
    }

    @Test("Where the token may not read traffic, the rest is read, and the summary names the permission")
    func permission() async throws {
        addReleases(add("acme/widget"))
        forge.addToken(ForgeToken("weak", readsTraffic: false))
        let summary = try await fixture.collect(token: "weak")
        expectCounters(of: "acme/widget")
        #expect(summary.contains("Administration: read"))
        #expect(!fixture.repositories.samples.contains { ForgeMetrics.traffic.contains($0.metric) })
    }

    @Test("Where GraphQL fails, REST tells the same", arguments: [403, 404, 500, 503])
    func noGraphQL(status: Int) async throws {
        addReleases(add("acme/widget"))
        fixture.direct.meddle { $0.url.path == "/api/graphql" ? ScriptedHTTP.Answer(status, text: "<html>") : nil }
        try await fixture.collect()
        expectCounters(of: "acme/widget")
    }

    @Test(
        "What GraphQL answers besides counters leads to REST, too",
        arguments: [
            ["errors": [["type": "RATE_LIMITED", "message": "x"]]], ["data": .null], [],
            ["data": ["nodes": [.null]], "errors": [["type": "NOT_FOUND"]]],
            ["data": ["nodes": [["id": .null, "stargazerCount": "many"]]]],
        ] as [Value])
    func brokenGraphQL(answer: Value) async throws {
        addReleases(add("acme/widget"))
        fixture.direct.meddle { $0.url.path == "/api/graphql" ? ScriptedHTTP.Answer(json: answer) : nil }
        try await fixture.collect()
        expectCounters(of: "acme/widget")
    }

    @Test("A query that takes too long is asked for less at once")
    func halves() async throws {
        for number in 0..<60 { add("acme/r\(number)") }
        forge.configure { $0.largestGraphQLBatch = 20 }
        try await fixture.collect()
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 60)
        // 60, 30 and 15, 15, 30 and 15, 15.
        #expect(fixture.paths["/api/graphql"] == 7)
        #expect(fixture.paths["/api/v3/repos/acme/r0"] == nil)
    }

    // MARK: What is tracked

    @Test("Globs, forks and archived ones decide over an account's repositories, not over named ones")
    func filters() async throws {
        add("acme/Swift-a")
        add("acme/swift-b-archive")
        add("acme/other")
        add("acme/swift-fork") { $0.isFork = true }
        add("acme/swift-old") { $0.isArchived = true }
        try await fixture.collect(
            ["include": ["swift-*"], "exclude": ["*-ARCHIVE"], "archived": false, "repositories": ["acme/other"]])
        let keys = Set(fixture.repositories.subjects.filter { $0.reference.kind == "repository" }.map(\.reference.key))
        #expect(keys == ["\(fixture.key)/acme/swift-a", "\(fixture.key)/acme/other"])
        // The list had it already.
        #expect(fixture.paths["/api/v3/repos/acme/other"] == nil)
    }

    @Test("A user's repositories and single ones count to their account")
    func users() async throws {
        add("octocat/hello")
        add("acme/widget")
        try await fixture.collect(["accounts": ["octocat"], "repositories": ["ACME/widget"]])
        let subjects = fixture.repositories.subjects
        #expect(
            subjects.contains {
                $0.reference == fixture.repository("octocat/hello") && $0.parent == fixture.account("octocat")
            })
        #expect(
            subjects.contains {
                $0.reference == fixture.repository("acme/widget") && $0.parent == fixture.account("acme")
            })
        // Where a user's list is, is known from then on.
        forge.clearLog()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(3600)))
        try await fixture.collect(["accounts": ["octocat"], "repositories": ["ACME/widget"]])
        #expect(fixture.paths["/api/v3/orgs/octocat/repos"] == nil)
    }

    // MARK: Cost

    @Test("A first pass takes at most 6 requests a repository, a second one without changes is charged at most 15 %")
    func cost() async throws {
        let count = 250
        for number in 0..<count { add("acme/r\(number)") }
        try await fixture.collect()
        let first = forge.charged
        #expect(forge.log.count <= 6 * count)
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == count)
        forge.clearLog()
        fixture.repositories.forget()
        try await fixture.collect(scheduledAt: ForgeFixture.start.advanced(by: .seconds(1)))
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == count)
        #expect(Double(forge.charged) <= 0.15 * Double(first), "\(forge.charged) of \(first)")
    }

    @Test("A run cut off by a limit goes on where it stopped, and repeats no finished repository")
    func limits() async throws {
        for number in 0..<40 { add("acme/r\(number)") }
        forge.configure { $0.limits.user = 100 }
        var failure: RunFailure?
        do { try await fixture.collect() } catch { failure = error as? RunFailure }
        #expect(failure?.code == "rate_limited" && failure?.isRetryable == true)
        let retryAt = try #require(failure?.retryAt)
        #expect(retryAt == ForgeFixture.start.advanced(by: .seconds(3600)))
        let finished = Set(fixture.repositories.samples.filter { $0.metric == "views_unique_14d" }.map(\.subject.key))
        #expect(finished.count >= 10)
        fixture.advance(to: retryAt)
        forge.clearLog()
        forge.configure { $0.limits.user = 5000 }
        let summary = try await fixture.collect(scheduledAt: ForgeFixture.start, attempt: 2)
        #expect(summary.hasPrefix("\(40 - finished.count) repositories read, \(finished.count) by an earlier attempt"))
        for key in finished {
            let path = key.dropFirst(fixture.key.utf8.count + 1)
            #expect(fixture.paths["\(fixture.place(of: String(path)))/traffic/views"] == nil, "\(path)")
        }
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 40)
    }

    @Test("A run that is interrupted goes on where it stopped, and repeats no finished repository")
    func interrupted() async throws {
        for number in 0..<30 { add("acme/r\(number)") }
        let asked = Mutex(0)
        fixture.direct.meddle { _ in
            // As the host ends an attempt: every request in flight and every later one is given up.
            let isOver = asked.withLock { asked in
                asked += 1
                return asked > 90
            }
            if isOver { throw CancellationError() }
            return nil
        }
        await #expect(throws: CancellationError.self) { try await fixture.collect() }
        let finished = Set(fixture.repositories.samples.filter { $0.metric == "stars" }.map(\.subject.key))
        #expect(finished.count >= 5 && finished.count < 30)
        fixture.direct.meddle(nil)
        forge.clearLog()
        try await fixture.collect(scheduledAt: ForgeFixture.start, attempt: 2)
        for key in finished {
            let path = key.dropFirst(fixture.key.utf8.count + 1)
            #expect(fixture.paths["\(fixture.place(of: String(path)))/traffic/views"] == nil, "\(path)")
        }
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 30)
    }

    @Test("What was read longest ago is read first, what was never read before it")
    func order() async throws {
        add("acme/a")
        try await fixture.collect()
        add("acme/b")
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400)))
        forge.clearLog()
        try await fixture.collect(["concurrency": 1])
        let asked = forge.log.map(\.path).filter { $0.hasSuffix("/traffic/views") }
        #expect(asked == ["acme/b", "acme/a"].map { fixture.place(of: $0) + "/traffic/views" })
    }

    // MARK: Failures

    @Test(
        "A repository that fails does not fail the others, and nothing of it is stored",
        arguments: [
            ScriptedHTTP.Answer(500), ScriptedHTTP.Answer(text: "{\"views\": [{\"count\""),
            ScriptedHTTP.Answer(headers: ["content-type": "text/html"], text: "<html>"), ScriptedHTTP.Answer(json: []),
            ScriptedHTTP.Answer(text: String(repeating: "[", count: 200)),
            ScriptedHTTP.Answer(text: "\"" + String(repeating: "x", count: 100) + "\""),
        ])
    func oneFails(answer: ScriptedHTTP.Answer) async throws {
        for name in ["a", "b", "c"] { add("acme/\(name)") }
        let traffic = fixture.place(of: "acme/b") + "/traffic/"
        fixture.direct.meddle { $0.url.path.hasPrefix(traffic) ? answer : nil }
        let summary = try await fixture.collect()
        #expect(summary.hasPrefix("2 repositories read; 1 failed: 127.0.0.1:4711/acme/b ("))
        #expect(!fixture.repositories.subjects.contains { $0.reference == fixture.repository("acme/b") })
        #expect(!fixture.repositories.samples.contains { $0.subject == fixture.repository("acme/b") })
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 2)
        // The next attempt, or the next run, has it.
        fixture.direct.meddle(nil)
        try await fixture.collect()
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 3)
    }

    @Test(
        "Where one part of the traffic fails the repository has failed, the days of the other part are stored, and the next attempt has all",
        arguments: [("views", "clones"), ("clones", "views")])
    func partFails(failing: String, other: String) async throws {
        for name in ["a", "b", "c"] { add("acme/\(name)") }
        let path = fixture.place(of: "acme/b") + "/traffic/\(failing)"
        fixture.direct.meddle { $0.url.path == path ? ScriptedHTTP.Answer(500) : nil }
        let summary = try await fixture.collect()
        #expect(summary.hasPrefix("2 repositories read; 1 failed: 127.0.0.1:4711/acme/b (forge_failed"), "\(summary)")
        let repository = fixture.repository("acme/b")
        func days(_ metric: String) -> Int { fixture.repositories.series(metric, of: repository).count }
        #expect(days(other) > 0 && days("\(other)_unique") > 0 && days("stars") == 1)
        #expect(days(failing) == 0 && days("\(failing)_unique") == 0 && days("\(failing)_unique_14d") == 0)
        fixture.direct.meddle(nil)
        try await fixture.collect(attempt: 2)
        #expect(days(failing) > 0)
        // The others were finished by the first attempt.
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 4)
    }

    @Test("A run of which more than half failed fails, and what was read stays")
    func mostFail() async throws {
        for name in ["a", "b", "c"] { add("acme/\(name)") }
        let spared = fixture.place(of: "acme/a") + "/"
        fixture.direct.meddle { request in
            if request.url.path.hasPrefix(spared) { return nil }
            return request.url.path.contains("/traffic/") ? ScriptedHTTP.Answer(502) : nil
        }
        await #expect(throws: RunFailure.self) { try await fixture.collect() }
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 1)
    }

    @Test("A refused credential fails the run for good, in words that lead to the way out")
    func credential() async throws {
        add("acme/a")
        do {
            try await fixture.collect(token: "expired")
            Issue.record("it succeeded")
        } catch let failure as RunFailure {
            #expect(failure.code == "credential" && !failure.isRetryable)
            #expect(failure.message.contains("make a new one") && !failure.message.contains("expired\""))
        }
    }

    @Test("An account whose list cannot be read fails for its known repositories, not for the others")
    func list() async throws {
        add("octocat/x")
        add("octocat/y")
        for name in ["a", "b", "c"] { add("acme/\(name)") }
        let both: ValueObject = ["accounts": ["acme", "octocat"]]
        try await fixture.collect(both)
        fixture.repositories.forget()
        fixture.direct.meddle { $0.url.path.contains("/octocat/repos") ? ScriptedHTTP.Answer(500) : nil }
        let summary = try await fixture.collect(both, scheduledAt: ForgeFixture.start.advanced(by: .seconds(9)))
        #expect(
            summary.hasPrefix("3 repositories read; 2 failed: 127.0.0.1:4711/octocat with 2 repositories (forge_failed")
        )
        #expect(!fixture.repositories.subjects.contains { $0.state == .gone })
        // What was known is still known.
        fixture.direct.meddle(nil)
        fixture.repositories.forget()
        try await fixture.collect(both, scheduledAt: ForgeFixture.start.advanced(by: .seconds(18)))
        #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 5)
    }

    @Test("A list without end, or with pages elsewhere, is no list")
    func endless() async throws {
        add("acme/a")
        for target in ["http://127.0.0.1:4711/api/v3/orgs/acme/repos?per_page=100", "https://evil.example/x?page=2"] {
            fixture.direct.meddle { request in
                guard request.url.path.hasSuffix("/orgs/acme/repos") else { return nil }
                return ScriptedHTTP.Answer(headers: ["link": "<\(target)>; rel=\"next\""], json: [])
            }
            do {
                try await fixture.collect()
                Issue.record("it succeeded")
            } catch let failure as RunFailure {
                #expect(failure.code == "bad_answer")
            }
        }
        #expect(forge.log.isEmpty)
    }

    @Test("An account that is not there says so")
    func unknown() async throws {
        await #expect(throws: RunFailure.self) { try await fixture.collect(["accounts": ["nobody"]]) }
    }

    @Test("Missing and null members are absent with a reason, and never 0")
    func missing() async throws {
        add("acme/a")
        fixture.direct.meddle { request in
            switch request.url.path {
            case "/api/graphql": ScriptedHTTP.Answer(404)
            case let path where path.hasSuffix("/repos/acme/a"):
                ScriptedHTTP.Answer(json: [
                    "id": .integer(forge.repositories[0].id), "full_name": "acme/a", "stargazers_count": .null,
                    "forks_count": "8", "visibility": "sideways",
                ])
            case let path where path.hasSuffix("/traffic/views"):
                ScriptedHTTP.Answer(json: [
                    "uniques": .null, "views": [["timestamp": "2026-01-05T00:00:00Z", "count": .null, "uniques": 1]],
                ])
            default: nil
            }
        }
        let summary = try await fixture.collect()
        let repository = fixture.repository("acme/a")
        #expect(fixture.repositories.value("forks", of: repository) == 8)
        for metric in ["stars", "watchers", "open_issues", "views", "views_unique_14d"] {
            #expect(fixture.repositories.value(metric, of: repository) == nil, "\(metric)")
            #expect(summary.contains(metric), "\(metric)")
        }
        #expect(fixture.repositories.value("views_unique", of: repository) == 1)
    }

    @Test("No form of the token is left anywhere, also where the forge sends it back")
    func secrecy() async throws {
        add("acme/a")
        add("acme/b")
        let token = ForgeFixture.token
        let failing = fixture.place(of: "acme/b") + "/traffic/views"
        fixture.direct.meddle { request in
            switch request.url.path {
            case let path where path.hasSuffix("/traffic/popular/paths"):
                ScriptedHTTP.Answer(json: [["path": .string("/x?token=\(token)"), "count": 1]])
            case failing:
                ScriptedHTTP.Answer(500, json: ["message": .string("Bearer \(token)")])
            default: nil
            }
        }
        let summary = try await fixture.collect()
        let everything = fixture.everything + summary
        #expect(everything.contains("***"))
        let middle = String(token.dropFirst(4).dropLast(4))
        #expect(!everything.contains(middle))
        #expect(!everything.contains("Z2hwX1BsYW50ZWQ"))
    }

    @Test("It passes the exam of every module")
    func exam() async {
        add("acme/a")
        let direct = fixture.direct
        let parameters: Value = ["forges": [fixture.entry()]]
        for module in [GitRepositories(), GitAccounts(), GitPlatforms()] as [any TaskModule] {
            let points = await ModuleExam(module, with: parameters) { RecordingHost($0, http: direct) }.points()
            #expect(points.filter { !$0.passed } == [])
        }
    }
}
