internal import DequeModule

/// What the planner wants done, in order.
///
/// What comes by the thousand lies side by side, each kind by itself, and the writes as the store is given them: ten
/// thousand runs that are due at one instant are late by every time that a claim is copied.
package struct PlannerOutput: Sendable {
    /// What is next, of which kind.
    enum Step: UInt8, Sendable {
        /// The next of ``units``.
        case write
        /// The next of ``starts``.
        case execute
        /// The next of ``observations``.
        case observe
        /// The next of ``others``.
        case other
    }

    struct Start: Sendable {
        var slot: RunSlot
        var spec: AttemptSpec
    }

    private(set) var steps: [Step] = []
    /// The writes, parted into transactions; none is empty.
    var units: [WriteUnit] = []
    var starts = Deque<Start>()
    var observations: [Observation] = []
    var others = Deque<PlannerAction>()
    /// The last unit, while it grows, and where in it the writes of the present event begin.
    private var open = WriteUnit()
    private var eventBegin = 0

    package init() {}

    mutating func write(_ write: consuming StoreWrite, _ waiter: WriteUnit.Waiter = .none) {
        steps.append(.write)
        // Every prefix of what an event writes is safe by itself, as writes of a task come in the order of its
        // occurrences; so many are cut, and the first of many due runs do not wait for the last. But a claim that
        // nobody waits for is only half of something: a crash between it and what ends it would make it a run.
        let isHalf = if case .claim = write, case .none = waiter { true } else { false }
        open.append(write, waiter: waiter)
        if open.count - eventBegin >= StoreWriter.batchSize, !isHalf {
            partEvent()
            close()
        }
    }

    mutating func execute(_ slot: RunSlot, _ spec: consuming AttemptSpec) {
        steps.append(.execute)
        starts.append(Start(slot: slot, spec: spec))
    }

    mutating func observe(_ observation: consuming Observation) {
        steps.append(.observe)
        observations.append(observation)
    }

    mutating func append(_ action: PlannerAction) {
        switch action {
        case .write(let write, let slot, let step):
            if let slot, let step { self.write(write, .run(slot, step)) } else { self.write(write) }
        case .execute(let slot, let spec): execute(slot, spec)
        case .observe(let observation): observe(observation)
        case .abort, .abandon, .answer, .drained:
            steps.append(.other)
            others.append(action)
        }
    }

    /// An event is handled: what it wrote is one transaction, with what others wrote as long as that makes none too
    /// long.
    mutating func endEvent() {
        if open.count > StoreWriter.batchSize { partEvent() }
        eventBegin = open.count
    }

    /// No event follows.
    mutating func end() {
        if !open.isEmpty { close() }
    }

    /// Makes room for another pass.
    mutating func removeAll() {
        steps.removeAll(keepingCapacity: true)
        units.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        observations.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        eventBegin = 0
    }

    /// Parts what the present event has written from what others have.
    private mutating func partEvent() {
        guard eventBegin > 0 else { return }
        let rest = open.removeRest(from: eventBegin)
        close()
        open = rest
    }

    private mutating func close() {
        let count = open.count
        units.append(open)
        open = WriteUnit()
        // Where many are written, more follow.
        if count >= Planner.many { open.reserveCapacity(count) }
        eventBegin = 0
    }

    /// All of it as one list, which is slower to make and easier to look at.
    package var actions: [PlannerAction] {
        var (unit, position, start, observation, other) = (0, 0, 0, 0, 0)
        let all = units + (open.isEmpty ? [] : [open])
        return steps.map { step in
            switch step {
            case .write:
                if position == all[unit].count { (unit, position) = (unit + 1, 0) }
                defer { position += 1 }
                let write = all[unit].writes[position]
                guard case .run(let slot, let step) = all[unit].waiters[position] else {
                    return .write(write, nil, nil)
                }
                return .write(write, slot, step)
            case .execute:
                defer { start += 1 }
                return .execute(starts[start].slot, starts[start].spec)
            case .observe:
                defer { observation += 1 }
                return .observe(observations[observation])
            case .other:
                defer { other += 1 }
                return others[other]
            }
        }
    }
}
