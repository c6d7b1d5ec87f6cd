internal import Dispatch
internal import Glibc
internal import InsightsEngine
internal import Synchronization

/// Takes signals while a command works, so that it can end in order.
///
/// The first SIGINT or SIGTERM is handed over; the second ends the process at once with 130 or 143, from the
/// signal's own queue: whatever hangs cannot keep it. The programs that module code runs end with it.
final class SignalWatch: Sendable {
    /// The signals taken, in order; ends never.
    let signals: AsyncStream<Int32>
    // Kept alive here and cancelled at the end, both of which Dispatch allows from any thread; its type does not say so.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    /// Begins to take signals, and ignores SIGPIPE: a reader that has gone is an error of that write alone.
    ///
    /// - Parameter signals: Those to take, of which SIGINT and SIGTERM count for "second".
    init(_ numbers: [Int32]) {
        let (stream, continuation) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(16))
        let queue = DispatchQueue(label: "insights.signals", qos: .userInteractive)
        let stops = StopCounter()
        let taken = DispatchGroup()
        signal(SIGPIPE, SIG_IGN)
        signals = stream
        sources = numbers.map { number in
            // Until Dispatch has its own handler in place, which takes a moment, a request to stop ends the process: nothing
            // has begun. One to reload can be passed over then.
            if number == SIGHUP { signal(number, SIG_IGN) }
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            taken.enter()
            source.setRegistrationHandler { taken.leave() }
            source.setEventHandler {
                if number != SIGHUP, stops.isRepeated() {
                    LiveProcessGroups.killAll()
                    _exit(ExitStatus.signalled(number).rawValue)
                }
                continuation.yield(number)
            }
            source.activate()
            return source
        }
        // Whoever reads that the program is ready may send the next signal.
        taken.wait()
    }

    deinit {
        for source in sources { source.cancel() }
    }
}

/// Tells the first request to stop from those after it.
private final class StopCounter: Sendable {
    private let hasStopped = Mutex(false)

    func isRepeated() -> Bool {
        hasStopped.withLock { hasStopped in
            defer { hasStopped = true }
            return hasStopped
        }
    }
}
