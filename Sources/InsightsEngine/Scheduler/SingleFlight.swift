internal import Synchronization

/// Work that must not go on twice at a time.
final class SingleFlight: Sendable {
    private enum State {
        case idle
        case going
        /// Somebody came meanwhile.
        case goingAgain
    }

    private let state = Mutex(State.idle)

    /// Does the work, unless it is going on.
    ///
    /// - Parameter isRepeated: Whether whoever is at it then does it once more, as it may have begun too early to see what
    ///   this call is for.
    func run(isRepeated: Bool = false, _ work: () async -> Void) async {
        let isFirst = state.withLock { state in
            guard state == .idle else {
                if isRepeated { state = .goingAgain }
                return false
            }
            state = .going
            return true
        }
        guard isFirst else { return }
        repeat {
            await work()
        } while state.withLock { state in
            state = state == .goingAgain ? .going : .idle
            return state == .going
        }
    }
}
