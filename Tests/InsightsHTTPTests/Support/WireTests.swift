import Foundation
import Glibc
import InsightsTestWire
import Synchronization
import Testing

/// How often the signal of these tests has come.
private let interruptions = Atomic<Int>(0)

@Suite("A test's own socket")
struct WireTests {
    /// Two ends that keep what is sent apart: each send is one read of the other.
    private func pair() throws -> (wire: Wire, other: Int32) {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        return (Wire(descriptor: ends[0]), ends[1])
    }

    private func send(_ text: String, to descriptor: Int32) {
        #expect(Glibc.send(descriptor, text, text.utf8.count, 0) == text.utf8.count)
    }

    @Test("A response that comes in pieces is put together in its order, and the next one is left for later")
    func pieces() throws {
        let (wire, other) = try pair()
        for piece in [
            "HTTP/1.1 200 OK\r\nContent-Le", "ngth: 6\r\n\r\n", "ab", "c", "defHTTP/1.1 204 None\r\n\r\n", "end",
        ] {
            send(piece, to: other)
        }
        close(other)
        #expect(try wire.response().text == "abcdef")
        #expect(try wire.response().status == 204)
        #expect(try wire.rest() == Array("end".utf8))
        #expect(throws: WireError.self) { try wire.response() }
    }

    @Test("A wait goes on when a signal has interrupted it")
    func interrupted() async throws {
        let (wire, other) = try pair()
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in interruptions.add(1, ordering: .sequentiallyConsistent) }
        var former = sigaction()
        // No other test sends it, and nothing in this process listens to it.
        sigaction(SIGURG, &action, &former)
        defer { sigaction(SIGURG, &former, nil) }
        let reader = Atomic<UInt>(0)
        let hasEnded = Atomic<Bool>(false)
        let isReleased = Atomic<Bool>(false)
        async let response = offPool {
            // Threads that the pools make take no signals.
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGURG)
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            reader.store(UInt(pthread_self()), ordering: .sequentiallyConsistent)
            let response = Result { try wire.response().text }
            hasEnded.store(true, ordering: .sequentiallyConsistent)
            // A thread that has ended must not be sent anything.
            while !isReleased.load(ordering: .sequentiallyConsistent) { sched_yield() }
            return try response.get()
        }
        try await offPool {
            defer { isReleased.store(true, ordering: .sequentiallyConsistent) }
            while reader.load(ordering: .sequentiallyConsistent) == 0 { sched_yield() }
            // The reader may not have come to its wait when the first of them comes.
            for count in 1...50 where !hasEnded.load(ordering: .sequentiallyConsistent) {
                pthread_kill(pthread_t(reader.load(ordering: .sequentiallyConsistent)), SIGURG)
                while interruptions.load(ordering: .sequentiallyConsistent) < count { sched_yield() }
            }
            send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", to: other)
        }
        #expect(try await response == "ok")
        close(other)
    }
}
