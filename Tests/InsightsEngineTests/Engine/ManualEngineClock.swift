import InsightsEngine
import InsightsPlugin
import Synchronization

/// Both clocks of the engine, moved by hand.
final class ManualEngineClock: EngineClock {
    private struct Sleeper {
        let id: UInt64
        let uptime: Int64
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var moment: Moment
        var sleepers: [Sleeper] = []
        var cancelled: Set<UInt64> = []
        var nextID: UInt64 = 0
    }

    private let state: Mutex<State>

    init(_ start: Instant) { state = Mutex(State(moment: Moment(wall: start, uptime: 0))) }

    var now: Instant { moment.wall }
    var moment: Moment { state.withLock { $0.moment } }

    /// Lets time pass on both clocks and wakes who waited for it.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.moment.wall = state.moment.wall.advanced(by: duration)
            state.moment.uptime += duration.wholeMilliseconds
            let due = state.sleepers.filter { $0.uptime <= state.moment.uptime }
            state.sleepers.removeAll { $0.uptime <= state.moment.uptime }
            return due.sorted { $0.uptime < $1.uptime }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Steps the wall clock alone, as an operator does.
    func stepWall(by duration: Duration) { state.withLock { $0.moment.wall = $0.moment.wall.advanced(by: duration) } }

    func sleep(for duration: Duration) async throws {
        try await sleep(untilUptime: moment.uptime + max(1, duration.wholeMilliseconds))
    }

    func sleep(untilUptime uptime: Int64) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Answer { case resume, cancel, wait }
                let answer: Answer = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .cancel }
                    if uptime <= state.moment.uptime { return .resume }
                    state.sleepers.append(Sleeper(id: id, uptime: uptime, continuation: continuation))
                    return .wait
                }
                switch answer {
                case .resume: continuation.resume()
                case .cancel: continuation.resume(throwing: CancellationError())
                case .wait: break
                }
            }
        } onCancel: {
            let sleeper: Sleeper? = state.withLock { state in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}
