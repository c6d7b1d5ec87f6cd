public import InsightsPlugin
internal import Synchronization

/// A clock that stands still until it is told to go on.
///
/// Tests drive it by hand, so that none of them waits for real time or depends on the day it runs on.
public final class ManualClock: RunClock {
    private struct Sleeper {
        let until: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Instant
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
        /// Sleeps that were cancelled before they began to wait.
        var cancelled: Set<Int> = []
    }

    private let state: Mutex<State>

    /// Creates a clock.
    ///
    /// - Parameter start: By default 2026-01-01T00:00:00Z.
    public init(_ start: Instant = Instant(seconds: 1_767_225_600)) { state = Mutex(State(now: start)) }

    /// The wall clock: what ``advance(by:)`` and ``set(_:)`` made of it.
    public var now: Instant { state.withLock { $0.now } }

    /// Goes on and wakes every sleeper whose time has come, the earliest first.
    public func advance(by duration: Duration) { set(now.advanced(by: duration)) }

    /// Jumps, also backwards; wakes as ``advance(by:)`` does.
    public func set(_ instant: Instant) {
        let due = state.withLock { state in
            state.now = instant
            let due = state.sleepers.filter { $0.value.until <= instant }.sorted { $0.value.until < $1.value.until }
            for (id, _) in due { state.sleepers[id] = nil }
            return due.map(\.value.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    /// Waits until ``advance(by:)`` has brought the clock that far.
    public func sleep(for duration: Duration) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = begin(id, for: duration, continuation)
                outcome.watchers.forEach { $0.resume() }
                if let result = outcome.result { continuation.resume(with: result) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Waits until at least `count` tasks sleep on this clock: then it is time to advance it.
    public func waitForSleepers(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                guard state.sleepers.count < count else { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private func begin(
        _ id: Int, for duration: Duration, _ continuation: CheckedContinuation<Void, any Error>
    ) -> (result: Result<Void, any Error>?, watchers: [CheckedContinuation<Void, Never>]) {
        state.withLock { state in
            if state.cancelled.remove(id) != nil { return (.failure(CancellationError()), []) }
            let until = state.now.advanced(by: duration)
            guard until > state.now else { return (.success(()), []) }
            state.sleepers[id] = Sleeper(until: until, continuation: continuation)
            let count = state.sleepers.count
            let reached = state.watchers.filter { $0.count <= count }.map(\.continuation)
            state.watchers.removeAll { $0.count <= count }
            return (nil, reached)
        }
    }

    private func cancel(_ id: Int) {
        let continuation = state.withLock { state in
            guard let sleeper = state.sleepers.removeValue(forKey: id) else {
                state.cancelled.insert(id)
                return nil as CheckedContinuation<Void, any Error>?
            }
            return sleeper.continuation
        }
        continuation?.resume(throwing: CancellationError())
    }
}
