import InsightsPlugin
import Testing

@testable import InsightsHTTPClient

@Suite("What an answer says about limits")
struct LimitReadingTests {
    private static let date = Instant("2026-01-04T02:00:00Z")!
    /// Half a minute off: only the server's own time is to count.
    private static let here = Instant("2026-01-04T02:00:30Z")!

    private func read(
        _ status: Int = 200, _ headers: HTTP.Headers, body: String = "", isDated: Bool = true
    ) -> LimitReading {
        var headers = headers
        if isDated { headers["Date"] = "Sun, 04 Jan 2026 02:00:00 GMT" }
        return LimitReading(status: status, headers: headers, body: Array(body.utf8), now: Self.here)
    }

    @Test("GitHub's headers are read, the reset by the server's own time")
    func gitHub() {
        let reset = Self.date.milliseconds / 1000 + 600
        let reading = read(
            200,
            [
                "X-RateLimit-Limit": "5000", "x-ratelimit-remaining": "4987", "X-RateLimit-Used": "13",
                "x-ratelimit-reset": "\(reset)", "x-ratelimit-resource": "core",
            ])
        #expect(reading.limit == 5000)
        #expect(reading.remaining == 4987)
        #expect(reading.resetsIn == 600_000)
        #expect(reading.resource == "core")
        #expect(reading.refusal == nil)
    }

    @Test("Without a Date this machine's clock counts")
    func undated() {
        let reset = Self.date.milliseconds / 1000 + 600
        #expect(read(200, ["x-ratelimit-reset": "\(reset)"], isDated: false).resetsIn == 570_000)
        #expect(read(429, ["retry-after": "Sun, 04 Jan 2026 02:01:30 GMT"], isDated: false).retryAfter == 60_000)
    }

    @Test(
        "Resets of every form are relative and bounded",
        arguments: [
            ("60", 60_000), ("0", 0), ("-5", 0), ("-99999999999999999999", 0), ("1767492060", 60_000),
            ("1767491000", 0), ("253402300799", LimitReading.longestWait),
            ("99999999999999999999999999", LimitReading.longestWait), ("60;w=3", 60_000),
        ])
    func resets(text: String, wait: Int64) {
        #expect(read(200, ["RateLimit-Reset": text]).resetsIn == wait)
    }

    @Test("What is no number is not there", arguments: ["", "soon", "x60", "NaN"])
    func noNumber(text: String) {
        let reading = read(200, ["RateLimit-Reset": text, "RateLimit-Remaining": text, "RateLimit-Limit": text])
        #expect(reading == LimitReading())
    }

    @Test("What remains follows from what was used where that alone is told")
    func used() {
        #expect(read(200, ["x-ratelimit-limit": "60", "x-ratelimit-used": "58"]).remaining == 2)
        #expect(read(200, ["x-ratelimit-limit": "60", "x-ratelimit-used": "61"]).remaining == 0)
    }

    @Test(
        "Retry-After is seconds or a date by the server's own time, bounded both ways",
        arguments: [
            ("120", 120_000), ("0", 1000), ("-7", 1000), ("Sun, 04 Jan 2026 02:00:45 GMT", 45_000),
            ("Sun, 04 Jan 2026 01:00:00 GMT", 1000), ("Fri, 31 Dec 9999 23:59:59 GMT", LimitReading.longestWait),
            ("9999999999999999", LimitReading.longestWait),
        ])
    func retryAfter(text: String, wait: Int64) {
        #expect(read(429, ["Retry-After": text]).retryAfter == wait)
    }

    @Test("429 is a limit, and so is a 403 that says so")
    func refusals() {
        #expect(read(429, [:]).refusal == .limit)
        #expect(read(403, ["Retry-After": "5"]).refusal == .limit)
        #expect(read(403, ["x-ratelimit-remaining": "0"]).refusal == .limit)
        #expect(read(403, [:], body: #"{"message":"You have exceeded a secondary Rate Limit."}"#).refusal == .limit)
        #expect(read(503, ["Retry-After": "5"]).refusal == .unavailable)
    }

    @Test(
        "A refusal without Retry-After is over when its own limit says, and not when another's window ends",
        arguments: [
            (["RateLimit-Reset": "90"], 90_000), (["RateLimit-Reset": "90", "RateLimit-Remaining": "7"], 90_000),
            (["x-ratelimit-reset": "90"], 90_000),
            // GitHub's secondary limit: the window has room, so its end says nothing.
            (["x-ratelimit-reset": "1800", "x-ratelimit-remaining": "4990"], nil),
            (["x-ratelimit-reset": "1800", "x-ratelimit-remaining": "4990", "RateLimit-Reset": "90"], 90_000),
            // The window itself is used up: that is its resource's own wait.
            (["x-ratelimit-reset": "1800", "x-ratelimit-remaining": "0"], nil),
            (["RateLimit-Reset": "0"], nil), (["RateLimit-Reset": "90", "Retry-After": "5"], 5000), ([:], nil),
        ] as [([String: String], Int64?)])
    func ends(headers: [String: String], wait: Int64?) {
        var fields = HTTP.Headers()
        for (name, value) in headers { fields[name] = value }
        #expect(read(429, fields).retryAfter == wait)
        #expect(read(200, fields).retryAfter == headers["Retry-After"].map { _ in 5000 })
    }

    @Test("GraphQL may refuse with 200, and any failure of a server may say how long to wait")
    func followed() {
        let body = #"{"errors":[{"message":"You have exceeded a secondary rate limit."}]}"#
        let refused = read(200, ["Retry-After": "60", "x-ratelimit-remaining": "4000"], body: body)
        #expect(refused.refusal == .limit && refused.retryAfter == 60_000)
        for status in [500, 502, 503, 504] {
            let failed = read(status, ["Retry-After": "7"])
            #expect(failed.refusal == .unavailable && failed.retryAfter == 7000 && !failed.isAuthentic)
        }
    }

    @Test("A missing permission is none, nor is any other answer")
    func noRefusals() {
        let body = #"{"message":"Resource not accessible by personal access token"}"#
        #expect(read(403, ["x-ratelimit-remaining": "12"], body: body).refusal == nil)
        #expect(read(401, ["x-ratelimit-remaining": "0"]).refusal == nil)
        #expect(read(503, [:]).refusal == nil)
        #expect(read(200, ["Retry-After": "5"], body: "a list").refusal == nil)
        #expect(read(200, [:], body: "how to rate limit").refusal == nil)
        #expect(read(404, ["Retry-After": "5"]).refusal == nil)
    }

    @Test(
        "A name that could be anything is none", arguments: ["", "a b", String(repeating: "x", count: 65), "\"core\""])
    func names(text: String) { #expect(read(200, ["x-ratelimit-resource": text]).resource == nil) }
}
