import NIOCore
import Testing

@testable import InsightsHTTP

@Suite("What a connection's guard decides")
struct ConnectionStateTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private func after(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }
    private func fresh() -> ConnectionState { ConnectionState(limits: HTTPLimits(), now: start) }

    /// A connection whose first request is complete and unanswered.
    private func asked(keepsAlive: Bool = true) -> ConnectionState {
        var state = fresh()
        _ = state.received(10, at: start)
        state.requestBegan(keepsAlive: keepsAlive, at: start)
        state.requestEnded()
        return state
    }

    @Test("Headers have 10 s from the opening, whether a byte came or not")
    func headers() {
        var silent = fresh()
        #expect(silent.nextDeadline == after(10))
        #expect(silent.tick(after(9)) == nil)
        #expect(silent.tick(after(10)) == .close)
        var slow = fresh()
        #expect(slow.received(1, at: after(5)) == nil)
        #expect(slow.nextDeadline == after(10))
        #expect(slow.tick(after(10)) == .reject(.headersLate))
    }

    @Test("The next headers have 10 s from their first byte, and 60 s until it comes")
    func nextHeaders() {
        var state = asked()
        let saysClose = state.answerBegan()
        #expect(!saysClose)
        #expect(state.answerEnded(at: after(1)) == nil)
        #expect(state.nextDeadline == after(61))
        #expect(state.received(1, at: after(50)) == nil)
        #expect(state.received(1, at: after(55)) == nil)
        #expect(state.nextDeadline == after(60))
        #expect(state.tick(after(60)) == .reject(.headersLate))
    }

    @Test("A request has 30 s from its first byte; what is late, the request or the answer, is told")
    func request() {
        var body = fresh()
        _ = body.received(1, at: after(2))
        body.requestBegan(keepsAlive: true, at: after(4))
        #expect(body.nextDeadline == after(30))
        #expect(body.tick(after(30)) == .reject(.requestLate))
        var answer = asked()
        #expect(answer.tick(after(30)) == .reject(.answerLate))
    }

    @Test("A patient answer has no deadline, until the client leaves")
    func patience() {
        var state = asked()
        #expect(state.becamePatient() == nil)
        #expect(state.nextDeadline == nil)
        #expect(state.inputClosed() == .close)
        var gone = asked()
        #expect(gone.inputClosed() == nil)
        #expect(gone.becamePatient() == .close)
    }

    @Test("A reader has 30 s without progress; each byte it takes starts them anew")
    func reader() {
        var state = asked()
        _ = state.answerBegan()
        state.buffered(1000, at: after(1))
        for second in Int64(2)...100 {
            state.buffered(1000 - Int(second), at: after(second))
            #expect(state.tick(after(second)) == nil)
        }
        state.buffered(900, at: after(129))
        #expect(state.tick(after(129)) == nil)
        state.buffered(900, at: after(130))
        #expect(state.tick(after(130)) == .close)
    }

    @Test(
        "The last answer on a connection says so and is followed by a lingering end",
        arguments: [(false, true, false), (true, false, false), (true, true, true)])
    func lastAnswer(keepsAlive: Bool, isComplete: Bool, isQuiescing: Bool) {
        var state = fresh()
        state.requestBegan(keepsAlive: keepsAlive, at: start)
        if isComplete { state.requestEnded() }
        if isQuiescing { state.quiesce() }
        let saysClose = state.answerBegan()
        #expect(saysClose)
        #expect(state.answerEnded(at: after(1)) == .finish)
        #expect(!state.isOpen)
        #expect(state.finished(at: after(1)) == nil)
        #expect(state.nextDeadline == after(3))
        #expect(state.received(4 << 20, at: after(2)) == nil)
        #expect(state.received(1, at: after(2)) == .close)
    }

    @Test("A lingering connection ends with the client's end or its time")
    func lingering() {
        for ending in [0, 1] {
            var state = asked(keepsAlive: false)
            _ = state.answerBegan()
            _ = state.answerEnded(at: start)
            #expect(state.finished(at: start) == nil)
            let action = ending == 0 ? state.inputClosed() : state.tick(after(2))
            #expect(action == .close)
            #expect(state.nextDeadline == nil)
        }
    }

    @Test("A fault in a pipelined request waits for the answers before it")
    func deferredFault() {
        var state = asked()
        state.requestBegan(keepsAlive: true, at: start)
        state.requestEnded()
        #expect(state.failed(.malformed("x")) == nil)
        #expect(state.failed(.headersTooLarge) == nil)
        #expect(!state.takesRequests)
        _ = state.answerBegan()
        #expect(state.answerEnded(at: start) == nil)
        _ = state.answerBegan()
        #expect(state.answerEnded(at: start) == .reject(.malformed("x")))
    }

    @Test("A fault in the body of the second request is not the answer to the first")
    func faultInSecondBody() {
        var state = asked()
        state.requestBegan(keepsAlive: true, at: start)
        #expect(state.failed(.malformed("x")) == nil)
        _ = state.answerBegan()
        #expect(state.answerEnded(at: start) == .reject(.malformed("x")))
    }

    @Test("An answer that has begun is not replaced by another: the connection is cut")
    func begunAnswer() {
        var state = fresh()
        state.requestBegan(keepsAlive: true, at: start)
        _ = state.answerBegan()
        #expect(state.failed(.malformed("x")) == .close)
    }

    @Test("One connection too many is told so and closed as soon as that is out")
    func tooMany() {
        var state = fresh()
        #expect(state.failed(.tooManyConnections) == .reject(.tooManyConnections))
        #expect(state.finished(at: start) == .close)
    }
}
