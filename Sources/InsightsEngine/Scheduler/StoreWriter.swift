internal import DequeModule
internal import InsightsPlugin
internal import Synchronization

/// Writes on their way to the store that must become durable together, in order, and who waits for each outcome.
struct WriteUnit: Sendable {
    enum Waiter: Sendable {
        case none
        case run(RunSlot, WriteStep)
        /// `nil`: the engine stopped before the store answered.
        case caller(CheckedContinuation<WriteOutcome?, Never>)
    }

    // Side by side, as the store is given the writes as they are.
    private(set) var writes: [StoreWrite] = []
    private(set) var waiters: [Waiter] = []

    init() {}

    init(_ write: StoreWrite, waiter: Waiter = .none) {
        writes = [write]
        waiters = [waiter]
    }

    var count: Int { writes.count }
    var isEmpty: Bool { writes.isEmpty }

    mutating func reserveCapacity(_ count: Int) {
        writes.reserveCapacity(count)
        waiters.reserveCapacity(count)
    }

    mutating func append(_ write: consuming StoreWrite, waiter: Waiter = .none) {
        writes.append(write)
        waiters.append(waiter)
    }

    /// Changes the write at `index`, for what an attempt handed over.
    mutating func replace(_ index: Int, with write: StoreWrite) { writes[index] = write }

    /// Takes out what comes from `start` on.
    mutating func removeRest(from start: Int) -> WriteUnit {
        var rest = WriteUnit()
        rest.writes = Array(writes[start...])
        rest.waiters = Array(waiters[start...])
        writes.removeSubrange(start...)
        waiters.removeSubrange(start...)
        return rest
    }

    mutating func append(_ other: WriteUnit) {
        writes.append(contentsOf: other.writes)
        waiters.append(contentsOf: other.waiters)
    }
}

/// Group commit: whatever was submitted while one transaction was being written goes into the next.
///
/// One commit is under way at a time, so writes reach the store in the order of submission. A commit
/// that fails is sent again, unchanged, until it succeeds: every write is idempotent. Its writes wait in
/// memory meanwhile; they are bounded, as the planner claims nothing while the store is away.
final class StoreWriter: Sendable {
    private struct Queue {
        var units = Deque<WriteUnit>()
        var isClosed = false
        /// A commit is under way.
        var isBusy = false
        /// The commit under way has failed and is sent again.
        var isFailing = false
        var hasCommitted = false
    }

    /// A unit has about this many writes at most, so that the first of many due runs need not wait for the last one's
    /// claim: what the planner admits at once, and not a few more in a transaction of their own.
    static let batchSize = 2048

    private let queue = Mutex(Queue())
    private let signal: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init() {
        (signal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Queues writes that must become durable together, in order.
    func submit(_ unit: WriteUnit) {
        guard !unit.isEmpty else { return }
        let isClosed = queue.withLock { queue in
            if !queue.isClosed { queue.units.append(unit) }
            return queue.isClosed
        }
        if isClosed { StoreWriter.release(unit) } else { wake.yield() }
    }

    /// Queues one write and waits for its outcome; `nil` when the engine stops before.
    func commit(_ write: StoreWrite) async -> WriteOutcome? {
        await withCheckedContinuation { submit(WriteUnit(write, waiter: .caller($0))) }
    }

    /// Writes until ``close()``; then what is still queued is given up.
    ///
    /// - Parameters:
    ///   - settled: Told the outcomes of one transaction, in order, for the writes of runs: as events of the planner.
    ///   - availability: Told of every commit: the error, or `nil` when the store took it.
    func run(
        store: any Store, clock: any EngineClock,
        settled: @Sendable ([PlannerEvent]) -> Void,
        availability: @Sendable (StoreError?) -> Void,
        measured: @Sendable (Duration) -> Void
    ) async {
        for await _ in signal {
            while let batch = nextBatch() {
                let written = await persist(
                    batch.writes, store: store, clock: clock, availability: availability, measured: measured)
                noteWritten(written != nil)
                guard let outcomes = written else {
                    StoreWriter.release(batch)
                    continue
                }
                var answers: [PlannerEvent] = []
                answers.reserveCapacity(batch.count)
                for index in outcomes.indices {
                    switch batch.waiters[index] {
                    case .none: break
                    case .run(let slot, let step): answers.append(.settled(slot, step, outcomes[index]))
                    case .caller(let continuation): continuation.resume(returning: outcomes[index])
                    }
                }
                if !answers.isEmpty { settled(answers) }
            }
            if queue.withLock({ $0.isClosed }) { break }
        }
    }

    /// Stops ``run(store:clock:settled:availability:measured:)`` after the commit that is under way.
    func close() {
        let rest = queue.withLock { queue in
            queue.isClosed = true
            defer { queue.units = Deque() }
            return queue.units
        }
        for unit in rest { StoreWriter.release(unit) }
        wake.yield()
    }

    /// Whether nothing is being written, nor waits for it.
    var isIdle: Bool { queue.withLock { $0.units.isEmpty && !$0.isBusy } }

    /// Whether the store refused the commit that is under way.
    var isFailing: Bool { queue.withLock { $0.isFailing } }

    /// Whether the store has taken a commit since the last call.
    func takeHasCommitted() -> Bool {
        queue.withLock { queue in
            defer { queue.hasCommitted = false }
            return queue.hasCommitted
        }
    }

    private func noteWritten(_ isWritten: Bool) {
        queue.withLock { queue in
            queue.isBusy = false
            queue.isFailing = false
            if isWritten { queue.hasCommitted = true }
        }
    }

    private func nextBatch() -> WriteUnit? {
        queue.withLock { queue in
            guard var batch = queue.units.popFirst() else { return nil }
            queue.isBusy = true
            while let next = queue.units.first, batch.count + next.count <= StoreWriter.batchSize {
                batch.append(next)
                queue.units.removeFirst()
            }
            return batch
        }
    }

    private func persist(
        _ writes: [StoreWrite], store: any Store, clock: any EngineClock,
        availability: @Sendable (StoreError?) -> Void, measured: @Sendable (Duration) -> Void
    ) async -> [WriteOutcome]? {
        var failures = 0
        while true {
            do {
                let start = ContinuousClock.now
                let outcomes = try await store.commit(writes)
                measured(ContinuousClock.now - start)
                availability(nil)
                return outcomes
            } catch {
                failures += 1
                queue.withLock { $0.isFailing = true }
                availability(error)
                if queue.withLock({ $0.isClosed }) { return nil }
                let delay = Duration.milliseconds(min(5000, 50 << min(failures, 7)))
                // Cancelled only when the engine stops, which closes the queue as well.
                try? await clock.sleep(for: delay)
                if Task.isCancelled { return nil }
            }
        }
    }

    private static func release(_ batch: WriteUnit) {
        for waiter in batch.waiters {
            if case .caller(let continuation) = waiter { continuation.resume(returning: nil) }
        }
    }
}
