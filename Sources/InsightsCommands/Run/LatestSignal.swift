internal import Synchronization

/// The signal that ended a command, told from the one task that takes signals to all that must know.
final class LatestSignal: Sendable {
    private struct State {
        var value: Int32?
        var nextNumber = 0
        var waiting: [Int: CheckedContinuation<Int32?, Never>] = [:]
    }

    private let state = Mutex(State())

    var value: Int32? { state.withLock { $0.value } }

    func set(_ number: Int32) {
        let waiting = state.withLock { state in
            state.value = number
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume(returning: number) }
    }

    /// The signal, as soon as there is one; `nil` when the task that asks is cancelled before.
    func first() async -> Int32? {
        let number = state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDecided = state.withLock { state in
                    if state.value != nil || Task.isCancelled { return true }
                    state.waiting[number] = continuation
                    return false
                }
                if isDecided { continuation.resume(returning: value) }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(returning: nil)
        }
    }
}
