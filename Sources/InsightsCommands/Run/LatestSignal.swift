internal import Synchronization

/// The signal that ended a command, told from one task to another.
final class LatestSignal: Sendable {
    private let signal = Mutex<Int32?>(nil)

    var value: Int32? { signal.withLock { $0 } }

    func set(_ number: Int32) { signal.withLock { $0 = number } }
}
