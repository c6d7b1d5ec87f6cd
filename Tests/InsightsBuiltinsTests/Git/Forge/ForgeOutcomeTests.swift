import InsightsPlugin
import Testing

@testable import InsightsBuiltins

@Suite("What a run over forges comes to")
struct ForgeOutcomeTests {
    private let down = RunFailure("http_unreachable", "no connection", retryable: true)
    private let limit = RunFailure("rate_limited", "wait", retryable: true, retryAt: Instant(seconds: 500))
    private let credential = RunFailure("credential", "refused", retryable: false)

    private func outcome(read: Int, failed: Int, before: Int = 0) -> ForgeOutcome {
        var outcome = ForgeOutcome(one: "repository", many: "repositories")
        for _ in 0..<read { outcome.addRead([], of: "h") }
        for number in 0..<failed { outcome.addFailure("h/r\(number)", down) }
        outcome.addFinishedBefore(before)
        return outcome
    }

    @Test(
        "More than half failed, and not half",
        arguments: [(1, 1, 0, false), (1, 2, 0, true), (0, 1, 0, true), (0, 2, 2, false), (0, 0, 0, false)])
    func half(read: Int, failed: Int, before: Int, fails: Bool) {
        #expect((outcome(read: read, failed: failed, before: before).failure != nil) == fails)
    }

    @Test("An account that cannot be read counts for what is known by it")
    func account() {
        var outcome = outcome(read: 4, failed: 0)
        outcome.addFailure("h/org", count: 5, down)
        let failure = outcome.failure
        #expect(failure?.code == "http_unreachable" && failure?.isRetryable == true)
        #expect(
            failure?.message
                == "5 of 9 repositories failed: h/org with 5 repositories (http_unreachable: no connection)")
    }

    @Test("A refused credential fails the run, whatever was read; a limit comes before it")
    func stops() {
        var outcome = outcome(read: 9, failed: 0)
        outcome.addStop(credential)
        #expect(outcome.failure == credential)
        outcome.addStop(limit)
        #expect(outcome.failure?.code == "rate_limited" && outcome.failure?.retryAt == Instant(seconds: 500))
        #expect(outcome.failure?.isRetryable == true)
    }

    @Test("Different failures have a code of their own")
    func mixed() {
        var outcome = outcome(read: 0, failed: 1)
        outcome.addFailure("h/x", RunFailure("forbidden", "no", retryable: false))
        #expect(outcome.failure?.code == "repositories_failed" && outcome.failure?.isRetryable == true)
    }

    @Test("The summary says what is not told, of how many, and why")
    func summary() {
        var outcome = ForgeOutcome(one: "repository", many: "repositories")
        outcome.addLacking(["fetches"], "GitHub counts clones instead", of: "github.com")
        outcome.addRead([("views", "no permission"), ("clones", "no permission")], of: "github.com")
        outcome.addRead([("views", "no permission")], of: "github.com")
        outcome.addGone("github.com/a/b")
        outcome.addFailure("github.com/a/c", down)
        #expect(
            outcome.summary == """
                2 repositories read; gone: github.com/a/b; 1 failed: github.com/a/c (http_unreachable: no connection); \
                not told: fetches on github.com (GitHub counts clones instead); \
                clones, views of 2 repositories on github.com (no permission)
                """)
    }
}
