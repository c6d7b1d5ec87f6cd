internal import Synchronization

/// Where events wait for the loop; as many as there are runs and requests under way, as each of them waits for an answer.
final class EventInbox: Sendable {
    private struct State {
        var events: [PlannerEvent] = []
        /// What came of attempts' code; apart, as it can wait for what starts others.
        var ends: [PlannerEvent] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wake: AsyncStream<Void>.Continuation
    /// Tells the loop to look; for one reader.
    let signal: AsyncStream<Void>

    init() { (signal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func post(_ events: [PlannerEvent]) {
        let wasEmpty = state.withLock { state in
            defer { state.events.append(contentsOf: events) }
            return state.events.isEmpty
        }
        if wasEmpty { wake.yield() }
    }

    func postEnd(of slot: RunSlot, _ result: AttemptResult) {
        let wasEmpty = state.withLock { state in
            defer { state.ends.append(.ended(slot, result)) }
            return state.ends.isEmpty
        }
        if wasEmpty { wake.yield() }
    }

    /// Makes the loop look again though nothing has come.
    func nudge() { wake.yield() }

    /// Replaces `events` by what has come, in order, the ends of attempts last.
    ///
    /// - Parameter withEnds: Whether those are taken; else they stay.
    /// - Returns: `false` after ``stop()``.
    func take(_ events: inout [PlannerEvent], withEnds: Bool) -> Bool {
        // Both arrays stay, and with them the room that they have grown to.
        events.removeAll(keepingCapacity: true)
        return state.withLock { state in
            swap(&events, &state.events)
            if withEnds {
                if events.isEmpty { swap(&events, &state.ends) } else { events.append(contentsOf: state.ends) }
                state.ends.removeAll(keepingCapacity: true)
            }
            return !state.isStopped
        }
    }

    /// From here on nothing is taken.
    func stop() {
        state.withLock { $0.isStopped = true }
        wake.yield()
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }
}
