import Foundation
import Glibc
import Synchronization

/// Two threads for simulations, which compute for seconds without a pause: on the cooperative pool, which has as many
/// threads as there are cores, they would keep every other suite waiting.
final class SimulationLanes: Sendable {
    static let shared = SimulationLanes()

    private let jobs = Mutex<[@Sendable (Int) -> Void]>([])
    private let arrivals = DispatchSemaphore(value: 0)

    private init() {
        LastWords.install()
        for lane in 0..<LastWords.lanes {
            let thread = Thread { [self] in work(lane) }
            // A debug build's frames are large.
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    private func work(_ lane: Int) {
        // On Linux this is the thread's own: what waits on a clock elsewhere goes first.
        setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10)
        while true {
            arrivals.wait()
            jobs.withLock { $0.removeFirst() }(lane)
        }
    }

    /// Runs `body`, which is told on which lane, when a lane is free.
    func run<Result: Sendable>(_ body: @escaping @Sendable (Int) -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            jobs.withLock { $0.append { lane in continuation.resume(returning: body(lane)) } }
            arrivals.signal()
        }
    }
}

/// A trap of the planner ends the process: what each lane was at is then the only way to see it again.
enum LastWords {
    static let lanes = 2
    private static let width = 80

    // Each part is written by its own lane, and read in a process that is about to end.
    private nonisolated(unsafe) static let words: UnsafeMutablePointer<UInt8> = {
        let words = UnsafeMutablePointer<UInt8>.allocate(capacity: lanes * width)
        words.initialize(repeating: 0x20, count: lanes * width)
        return words
    }()
    private nonisolated(unsafe) static let former = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)

    static func note(_ text: String, lane: Int) {
        var line = Array(text.utf8.prefix(width - 1))
        line += Array(repeating: 0x20, count: width - 1 - line.count) + [0x0A]
        (words + lane * width).update(from: line, count: width)
    }

    /// Has the process say what it was at when it is ended by a signal of its own; what came before sees it next.
    static func install() {
        note("", lane: 0)
        for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                write(STDERR_FILENO, LastWords.words, LastWords.lanes * LastWords.width)
                sigaction(number, LastWords.former + Int(number), nil)
            }
            sigaction(number, &action, former + Int(number))
        }
    }
}
