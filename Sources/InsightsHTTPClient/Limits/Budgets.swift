internal import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// Which queue a request stands in.
struct LaneKey: Hashable, Sendable {
    var origin: HTTP.Origin
    /// ``CredentialDigest`` in full; empty without a credential.
    var credential: String
}

/// A limit that outlasts the attempt.
struct HeldTooLong: Error {
    var until: Instant
}

/// Lets requests go as ``BudgetLane`` decides: the shell that owns its clock, its waiters and its timers.
final class Budgets: Sendable {
    /// A request that has left; to be given back with ``Budgets/finish(_:_:)``.
    struct Ticket: Sendable {
        fileprivate var id: UInt64
        fileprivate var key: LaneKey
    }

    private struct Lane {
        var machine = BudgetLane()
        /// Wakes it at its next instant.
        var sleeper: (until: Int64, task: Task<Void, Never>)?
    }

    private struct Waiting {
        var key: LaneKey
        var run: RunID
        var continuation: CheckedContinuation<Void, any Error>
        var onWait: @Sendable (String?) -> Void
    }

    private struct Held: Hashable {
        var key: LaneKey
        var run: RunID
    }

    private struct State {
        var lanes: [LaneKey: Lane] = [:]
        var waiting: [UInt64: Waiting] = [:]
        /// Of those that were cancelled before they stood in the queue.
        var cancelled: Set<UInt64> = []
        /// Who was told of a limit, and is to be told of its end.
        var told: [Held: @Sendable (String?) -> Void] = [:]
        var nextID: UInt64 = 0
    }

    /// What is to be done once the lock is free.
    private typealias Effect = @Sendable () -> Void

    /// Lanes that are remembered; of more, idle ones are forgotten.
    private static let laneLimit = 256

    private let clock: any EngineClock
    private let state = Mutex(State())

    init(clock: any EngineClock) { self.clock = clock }

    deinit {
        state.withLock { state in
            for lane in state.lanes.values { lane.sleeper?.task.cancel() }
        }
    }

    /// Waits until a request may leave.
    ///
    /// - Throws: ``HeldTooLong``; `CancellationError`.
    func enter(
        _ key: LaneKey, _ budget: HTTP.Budget, run: RunID, deadline: Instant,
        onWait: @escaping @Sendable (String?) -> Void
    ) async throws -> Ticket {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let now = clock.moment
                let waiter = BudgetLane.Waiter(
                    id: id, run: run, resource: budget.resource, concurrency: budget.concurrency,
                    perMinute: budget.requestsPerMinute,
                    deadline: now.uptime + min(max(0, deadline.since(now.wall).wholeMilliseconds), 1 << 52))
                let effects: [Effect] = state.withLock { state in
                    if state.cancelled.remove(id) != nil {
                        return [{ continuation.resume(throwing: CancellationError()) }]
                    }
                    state.waiting[id] = Waiting(key: key, run: run, continuation: continuation, onWait: onWait)
                    if state.lanes[key] == nil { forgetIdle(&state, now.uptime) }
                    return change(key, &state, now) { $0.arrive(waiter, at: now.uptime) }
                }
                for effect in effects { effect() }
            }
        } onCancel: {
            cancel(id)
        }
        // A cancellation between the two is the request's own to notice.
        if Task.isCancelled { state.withLock { _ = $0.cancelled.remove(id) } }
        return Ticket(id: id, key: key)
    }

    /// Gives a ticket back.
    ///
    /// - Parameter reading: What the answer tells; `nil` when there was none.
    func finish(_ ticket: Ticket, _ reading: LimitReading?) {
        let now = clock.moment
        perform(ticket.key) { machine in
            if let reading {
                machine.answered(ticket.id, reading, at: now.uptime)
            } else {
                machine.lost(ticket.id, at: now.uptime)
            }
        }
    }

    /// What is left of a resource.
    func allowance(_ key: LaneKey, _ resource: String) -> HTTP.Allowance {
        let now = clock.moment
        return state.withLock { $0.lanes[key]?.machine.allowance(resource, at: now) } ?? HTTP.Allowance()
    }

    /// What is left of each resource that has a limit.
    func remaining() -> [(key: LaneKey, resource: String, remaining: Int)] {
        let now = clock.moment.uptime
        return state.withLock { state in
            state.lanes.flatMap { key, lane in
                lane.machine.resources.compactMap { name, resource in
                    guard case .window(let window) = resource.knowledge, window.resetsAt > now else { return nil }
                    return (key, name, window.remaining)
                }
            }
        }
    }

    private func cancel(_ id: UInt64) {
        let now = clock.moment
        let effects: [Effect] = state.withLock { state in
            guard let waiting = state.waiting.removeValue(forKey: id) else {
                state.cancelled.insert(id)
                return []
            }
            return [{ waiting.continuation.resume(throwing: CancellationError()) }]
                + change(waiting.key, &state, now) { $0.leave(id, at: now.uptime) }
        }
        for effect in effects { effect() }
    }

    private func perform(_ key: LaneKey, _ event: (inout BudgetLane) -> [BudgetLane.Decision]) {
        let now = clock.moment
        let effects = state.withLock { change(key, &$0, now, event) }
        for effect in effects { effect() }
    }

    /// Hands an event to the machine and makes effects of its decisions.
    private func change(
        _ key: LaneKey, _ state: inout State, _ now: Moment, _ event: (inout BudgetLane) -> [BudgetLane.Decision]
    ) -> [Effect] {
        let decisions = event(&state.lanes[key, default: Lane()].machine)
        arm(key, &state, now.uptime)
        var effects: [Effect] = []
        for decision in decisions {
            switch decision {
            case .go(let id):
                guard let waiting = state.waiting.removeValue(forKey: id) else { continue }
                effects.append { waiting.continuation.resume() }
            case .fail(let id, let until):
                guard let waiting = state.waiting.removeValue(forKey: id) else { continue }
                let held = HeldTooLong(until: now.wallTime(of: until))
                effects.append { waiting.continuation.resume(throwing: held) }
            case .held(let run, let until?):
                guard let onWait = state.waiting.values.first(where: { $0.run == run })?.onWait else { continue }
                state.told[Held(key: key, run: run)] = onWait
                let text = "waits for the limit of \(key.origin.authority) until \(now.wallTime(of: until))"
                effects.append { onWait(text) }
            case .held(let run, nil):
                guard let onWait = state.told.removeValue(forKey: Held(key: key, run: run)) else { continue }
                effects.append { onWait(nil) }
            }
        }
        return effects
    }

    private func arm(_ key: LaneKey, _ state: inout State, _ now: Int64) {
        let wake = state.lanes[key]?.machine.wake(at: now)
        guard wake != state.lanes[key]?.sleeper?.until else { return }
        state.lanes[key]?.sleeper?.task.cancel()
        state.lanes[key]?.sleeper = nil
        guard let wake else { return }
        // Unstructured, as it belongs to no request: each of those that wait may be cancelled before.
        let task = Task { [weak self, clock] in
            do {
                try await clock.sleep(untilUptime: wake)
            } catch {
                return
            }
            self?.tick(key, wake)
        }
        state.lanes[key]?.sleeper = (wake, task)
    }

    private func tick(_ key: LaneKey, _ wake: Int64) {
        let now = clock.moment
        let effects: [Effect] = state.withLock { state in
            guard state.lanes[key]?.sleeper?.until == wake else { return [] }
            state.lanes[key]?.sleeper = nil
            return change(key, &state, now) { $0.tick(at: now.uptime) }
        }
        for effect in effects { effect() }
    }

    private func forgetIdle(_ state: inout State, _ now: Int64) {
        guard state.lanes.count >= Budgets.laneLimit else { return }
        for (key, lane) in state.lanes where lane.machine.isIdle(at: now) { state.lanes[key] = nil }
    }
}

extension Moment {
    /// When the wall clock will show that uptime, if nobody sets it.
    func wallTime(of uptime: Int64) -> Instant { wall.advanced(by: .milliseconds(uptime - self.uptime)) }
}

extension BudgetLane {
    /// What is left of a resource, for modules.
    func allowance(_ resource: String, at now: Moment) -> HTTP.Allowance {
        var allowance = HTTP.Allowance(inFlight: inFlight, waiting: waiting)
        if let window = window(of: resource), window.resetsAt > now.uptime {
            allowance.limit = window.limit
            allowance.remaining = max(0, window.sure - flights(for: resource))
            allowance.resetsAt = now.wallTime(of: window.resetsAt)
        }
        if let until = hold(on: resource), until > now.uptime { allowance.pausedUntil = now.wallTime(of: until) }
        return allowance
    }
}
