import Testing

@testable import InsightsEngine

@Suite("When a process group is ended")
struct ProcessEndingTests {
    private let second: Int64 = 1_000_000_000

    private func ending(deadline: Int64? = nil) -> ProcessEnding {
        ProcessEnding(deadline: deadline, killAfter: 5 * second, drain: second / 4)
    }

    @Test("Without a deadline nothing is waited for but events")
    func endless() {
        var ending = ending()
        #expect(ending.next(at: 0) == .wait(until: nil))
    }

    @Test("At the deadline SIGTERM, 5 s later SIGKILL, each once")
    func deadline() {
        var ending = ending(deadline: 10 * second)
        #expect(ending.next(at: 0) == .wait(until: 10 * second))
        #expect(ending.next(at: 10 * second) == .terminate)
        #expect(ending.next(at: 10 * second) == .wait(until: 15 * second))
        #expect(ending.next(at: 15 * second) == .kill)
        #expect(ending.next(at: 15 * second) == .wait(until: nil))
        ending.leaderEnded(at: 16 * second)
        ending.outputEnded()
        #expect(ending.next(at: 16 * second) == .reap)
        ending.reaped(groupLives: false)
        #expect(ending.next(at: 16 * second) == .finish)
        #expect(ending.reason == .timedOut)
    }

    @Test("The first reason stays")
    func firstReason() {
        var ending = ending(deadline: second)
        ending.stop(.cancelled)
        #expect(ending.next(at: 2 * second) == .terminate)
        ending.stop(.consumerFailed)
        #expect(ending.reason == .cancelled)
    }

    @Test("A leader that ended by itself was not stopped, whatever comes after")
    func lateStop() {
        var ending = ending(deadline: second)
        ending.leaderEnded(at: 0)
        ending.stop(.cancelled)
        #expect(ending.next(at: 2 * second) == .reap)
        #expect(ending.reason == nil)
    }

    @Test("Once the leader ended, output is read to its end or for a moment")
    func draining() {
        var ending = ending()
        ending.leaderEnded(at: 0)
        #expect(ending.next(at: 0) == .wait(until: second / 4))
        #expect(ending.next(at: second / 4) == .reap)
    }

    @Test("What is left of a group is asked, then killed, and waited for no longer than it can matter")
    func leftovers() {
        var ending = ending()
        ending.leaderEnded(at: 0)
        ending.outputEnded()
        #expect(ending.next(at: 0) == .reap)
        ending.reaped(groupLives: true)
        #expect(ending.next(at: 0) == .terminate)
        #expect(ending.next(at: 0) == .wait(until: second / 100))
        #expect(ending.next(at: 5 * second) == .kill)
        #expect(ending.next(at: 6 * second) == .wait(until: 6 * second + second / 100))
        #expect(ending.next(at: 7 * second) == .finish)
    }
}
