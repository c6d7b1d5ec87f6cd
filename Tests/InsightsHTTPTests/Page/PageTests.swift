import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Testing

@testable import InsightsHTTP

@Suite("What people see")
struct PageTests {
    @Test("The overview shows tasks and subjects, and asks for nothing from elsewhere")
    func overview() async throws {
        try await withServer { server in
            let response = try await server.get("/")
            #expect(response.status == 200)
            #expect(response["content-type"] == "text/html; charset=utf-8")
            let html = try #require(response.text)
            for part in [
                "activity", "every 6h", "succeeded", "in 6 h", "disabled", "Swift &amp; friends", "/subjects/7", "<svg",
                "commits, 90 d", ">170<",
            ] {
                #expect(html.contains(part), "\(part)")
            }
            for foreign in ["<script", "src=", "@import", "url(", "style=", "onclick"] {
                #expect(!html.contains(foreign), "\(foreign)")
            }
        }
    }

    @Test("A task at risk says so on the overview, and no other does")
    func risk() async throws {
        let daemon = ScriptedDaemon()
        daemon.change { $0.tasks[0].isAtRisk = true }
        try await withServer(daemon: daemon) { server in
            let html = try #require(try await server.get("/").text)
            #expect(html.ranges(of: "at risk: its source soon drops").count == 1)
        }
    }

    @Test("The policy allows the page's own style by its digest and nothing else")
    func policy() async throws {
        try await withServer { server in
            for target in ["/", "/subjects/7"] {
                let response = try await server.get(target)
                let policy = try #require(response["content-security-policy"])
                #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-"))
                #expect(!policy.contains("unsafe"))
                #expect(policy.contains("frame-ancestors 'none'"))
                #expect(response["referrer-policy"] == "no-referrer")
                let html = try #require(response.text)
                let style = try #require(html.firstMatch(of: #/<style>([^<]*)</style>/#)?.1)
                // Coreutils' own digest, in hexadecimal.
                let (_, output) = try Outside.run(["sha256sum"], input: String(style))
                let said = try #require(policy.firstMatch(of: #/'sha256-([^']*)'/#)?.1)
                let digest = Data(base64Encoded: String(said))?.map { String(format: "%02x", $0) }.joined()
                #expect(digest == String(output.prefix(64)))
            }
        }
    }

    @Test("Text from outside is text, wherever it stands", arguments: ["/", "/subjects/7", "/?q=%3Cb%3E%22%27"])
    func escaping(target: String) async throws {
        let daemon = ScriptedDaemon()
        let evil = "<img src=x onerror=alert(1)>\"'\u{301}\" onmouseover=\"x"
        daemon.change { script in
            script.tasks = [
                TaskView(
                    name: evil, uses: evil, description: evil, isEnabled: true, isPaused: false, cadence: evil,
                    nextRun: nil, lastRun: nil)
            ]
            script.readiness.store = .init(isOK: false, detail: evil)
        }
        var subject = SubjectRecord(
            id: 7, kind: evil, key: evil, name: evil, url: "https://x/\"\u{301} onclick=\"y",
            parent: SubjectReference(kind: evil, key: evil), state: .gone, aliases: [evil], externalID: evil)
        let values = [
            LatestValue(subject: subject, metric: evil, unit: evil, shape: .gauge, value: .number(1), at: Samples.noon),
            LatestValue(
                subject: subject, metric: evil, unit: evil, shape: .ranking,
                value: .ranking([RankedValue(label: evil, value: 1)]), at: Samples.noon),
        ]
        subject.values = values
        let shown = subject
        var series = Samples.series
        series.subject = shown
        series.metric = evil
        let chart = series
        daemon.store.change {
            $0.subjects = [shown]
            $0.series = [chart]
        }
        try await withServer(daemon: daemon) { server in
            let response = try await server.get(target)
            let html = try #require(response.text)
            // Every quote is written as a reference, also the one that a combining mark follows.
            for raw in ["<img", "<b>", "\" onmouseover", "\"\u{301}"] {
                let isThere = html.unicodeScalars.containsText(raw)
                #expect(!isThere)
            }
            let isEscaped = html.unicodeScalars.containsText(
                "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;\u{301}&quot;")
            #expect(isEscaped)
        }
    }

    @Test(
        "A link is one only when it leads to the web",
        arguments: ["javascript:alert(1)", "data:text/html,x", " https://x", "ftp://x"])
    func links(url: String) async throws {
        let daemon = ScriptedDaemon()
        daemon.store.change { $0.subjects[0].url = url }
        try await withServer(daemon: daemon) { server in
            let answer1 = try await server.get("/subjects/7")
            let html = try #require(answer1.text)
            #expect(!html.contains(url))
            daemon.store.change { $0.subjects[0].url = "HTTPS://example.org/a" }
            let mended = try await server.get("/subjects/7")
            let good = try #require(mended.text)
            #expect(good.contains("<a href=\"HTTPS://example.org/a\""))
        }
    }

    @Test("A subject's page has a chart for each series, a list for each ranking, and a choice of ranges")
    func subject() async throws {
        try await withServer { server in
            let answer2 = try await server.get("/subjects/7?range=year")
            let html = try #require(answer2.text)
            for part in [
                "github/apple/swift", "formerly github/apple/old", "in account github/apple", "<svg", "class=\"gap\"",
                "news.example", "170", "in 1 year", "12,345 on 2026-01-04", "sum of 3",
                "renamed from github/apple/old on 2026-01-04", "archived since 2026-01-04",
                "<a href=\"/subjects/7?range=year\" aria-current=\"page\">1 year</a>",
            ] {
                #expect(html.contains(part), "\(part)")
            }
            #expect(html.contains("aria-current") && !html.contains("range=quarter\" aria-current"))
        }
    }

    @Test("With nothing stored the page says so; what is not ready, too")
    func empty() async throws {
        let daemon = ScriptedDaemon()
        daemon.change {
            $0.tasks = []
            $0.readiness.store = .init(isOK: false, detail: "the disk is full")
        }
        daemon.store.change { $0.subjects = [] }
        try await withServer(daemon: daemon) { server in
            let answer3 = try await server.get("/")
            let html = try #require(answer3.text)
            #expect(html.contains("The manifest names no task yet."))
            #expect(html.contains("Nothing is measured yet."))
            #expect(html.contains("not ready"))
            #expect(html.contains("store: the disk is full"))
            let answer4 = try await server.get("/?q=zz")
            let search = try #require(answer4.text)
            #expect(search.contains("Nothing fits."))
            #expect(search.contains("value=\"zz\""))
        }
    }

    @Test("More subjects than fit on a page are on the next")
    func pages() async throws {
        let daemon = ScriptedDaemon()
        daemon.store.change { $0.subjects = Array(repeating: Samples.subject, count: 25) }
        try await withServer(daemon: daemon) { server in
            let answer5 = try await server.get("/?q=a%26b")
            let first = try #require(answer5.text)
            let link = try #require(first.firstMatch(of: #/<a href="([^"]*)">More subjects</a>/#)?.1)
            let target = String(link).replacing("&amp;", with: "&")
            #expect(target.hasPrefix("/?q=a%26b&cursor="))
            let answer6 = try await server.get(target)
            let second = try #require(answer6.text)
            #expect(second.contains("/subjects/7") && !second.contains("More subjects"))
            #expect(try await server.get(target.replacing("a%26b", with: "b")).status == 400)
        }
    }

    @Test("A manifest that could not be reloaded is told, though the program is ready with the former one")
    func badManifest() async throws {
        let daemon = ScriptedDaemon()
        daemon.change {
            $0.readiness.manifest.detail = "tasks.yaml:3:5: no such day"
            $0.readiness.scheduler.detail = "ok: starts nothing by itself"
        }
        try await withServer(daemon: daemon) { server in
            for target in ["/", "/subjects/7"] {
                let html = try #require(try await server.get(target).text)
                #expect(html.contains("<span class=\"pill good\">ready</span>"))
                #expect(html.contains("<p class=\"notice bad\">manifest: tasks.yaml:3:5: no such day</p>"))
                #expect(html.contains("<p class=\"notice idle\">scheduler: starts nothing by itself</p>"))
                #expect(!html.contains("store: ok"))
            }
        }
    }

    @Test("A task that failed says why, one that runs by hand says so though it is disabled")
    func states() async throws {
        let daemon = ScriptedDaemon()
        daemon.change {
            $0.tasks[0].lastRun = Samples.failed
            $0.tasks[1].lastRun = Samples.running
        }
        try await withServer(daemon: daemon) { server in
            let html = try #require(try await server.get("/").text)
            #expect(html.contains("<span class=\"pill bad\">failed</span>"))
            #expect(html.contains("<div class=\"error\">no such repository</div>"))
            #expect(html.contains("<span class=\"pill live\">running</span>"))
            daemon.change { $0.tasks[0].lastRun?.error?.message = String(repeating: "x", count: 9000) }
            let long = try #require(try await server.get("/").text)
            #expect(long.contains("<div class=\"error\">" + String(repeating: "x", count: 300) + "…</div>"))
            daemon.change { $0.tasks[0].isEnabled = false }
            let disabled = try #require(try await server.get("/").text)
            #expect(disabled.contains("<span class=\"pill idle\">disabled</span>"))
            #expect(!disabled.contains("no such repository"))
        }
    }

    @Test("Subjects without a figure are names below the cards; single numbers stand before the charts")
    func plainSubjects() async throws {
        let daemon = ScriptedDaemon()
        daemon.store.change {
            var account = Samples.bareSubject
            account.id = 8
            account.kind = "account"
            $0.subjects.insert(account, at: 0)
            $0.subjects[1].values.append(
                LatestValue(
                    subject: Samples.bareSubject, metric: "stars", unit: "stars", shape: .gauge, value: .number(77),
                    at: Samples.noon))
        }
        try await withServer(daemon: daemon) { server in
            let html = try #require(try await server.get("/").text)
            let card = try #require(html.firstRange(of: "/subjects/7"))
            let name = try #require(html.firstRange(of: "/subjects/8"))
            #expect(card.lowerBound < name.lowerBound)
            #expect(!html.contains("Nothing"))
            let subject = try #require(try await server.get("/subjects/7").text)
            let figure = try #require(subject.firstRange(of: ">77<"))
            let chart = try #require(subject.firstRange(of: "<svg"))
            #expect(figure.lowerBound < chart.lowerBound)
            let bare = try #require(try await server.get("/subjects/8").text)
            #expect(bare.contains("Nothing is measured of it yet."))
        }
    }

    @Test("A search goes without the spaces around it")
    func spaces() async throws {
        try await withServer { server in
            let html = try #require(try await server.get("/?q=++swift+%26++").text)
            #expect(html.contains("value=\"swift &amp;\""))
            #expect(try await server.get("/?q=++").status == 200)
        }
    }

    @Test(
        "A page that cannot be shown is a problem like any other",
        arguments: [
            ("/subjects/8", 404), ("/subjects/x", 400), ("/subjects/7?range=week", 400), ("/?x=1", 400),
            ("/?cursor=forged", 400), ("/?q=a%00b", 400), ("/?q=%1b", 400), ("/?q=a%C2%85", 400),
        ])
    func refused(target: String, status: Int) async throws {
        try await withServer { server in
            let response = try await server.get(target)
            #expect(response.status == status)
            #expect(response.problem != nil)
        }
    }
}

extension String.UnicodeScalarView {
    /// Whether `text` is a part, scalar by scalar: `contains` of strings would not see a quote before a mark.
    fileprivate func containsText(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        let all = Array(self)
        guard all.count >= wanted.count else { return false }
        return (0...all.count - wanted.count).contains { all[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}
