internal import InsightsPlugin
internal import Synchronization

/// A write on its way to the store, and who waits for its outcome.
struct PendingWrite: Sendable {
    enum Waiter: Sendable {
        case none
        case run(RunSlot, WriteStep)
        /// `nil`: the engine stopped before the store answered.
        case caller(CheckedContinuation<WriteOutcome?, Never>)
    }

    let write: StoreWrite
    let waiter: Waiter

    init(_ write: StoreWrite, waiter: Waiter = .none) {
        self.write = write
        self.waiter = waiter
    }
}

/// Group commit: whatever was submitted while one transaction was being written goes into the next.
///
/// One commit is under way at a time, so writes reach the store in the order of submission. A commit
/// that fails is sent again, unchanged, until it succeeds: every write is idempotent. Its writes wait in
/// memory meanwhile; they are bounded, as the planner claims nothing while the store is away.
final class StoreWriter: Sendable {
    private struct Queue {
        var units: [[PendingWrite]] = []
        var isClosed = false
        /// A commit is under way.
        var isBusy = false
        /// The commit under way has failed and is sent again.
        var isFailing = false
        var hasCommitted = false
    }

    /// One transaction takes at least one unit and about this many writes, so that the first of many due
    /// runs need not wait for the last one's claim.
    static let batchSize = 2000

    private let queue = Mutex(Queue())
    private let signal: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init() {
        (signal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Queues writes that must become durable together, in order.
    func submit(_ unit: [PendingWrite]) {
        guard !unit.isEmpty else { return }
        let isClosed = queue.withLock { queue in
            if !queue.isClosed { queue.units.append(unit) }
            return queue.isClosed
        }
        if isClosed { StoreWriter.release(unit) } else { wake.yield() }
    }

    /// Queues one write and waits for its outcome; `nil` when the engine stops before.
    func commit(_ write: StoreWrite) async -> WriteOutcome? {
        await withCheckedContinuation { submit([PendingWrite(write, waiter: .caller($0))]) }
    }

    /// Writes until ``close()``; then what is still queued is given up.
    ///
    /// - Parameters:
    ///   - settled: Told the outcomes of one transaction, in order, for the writes of runs.
    ///   - availability: Told of every commit: the error, or `nil` when the store took it.
    func run(
        store: any Store, clock: any EngineClock,
        settled: @Sendable ([(RunSlot, WriteStep, WriteOutcome)]) -> Void,
        availability: @Sendable (StoreError?) -> Void,
        measured: @Sendable (Duration) -> Void
    ) async {
        for await _ in signal {
            while let batch = nextBatch() {
                let writes = batch.map(\.write)
                let written = await persist(
                    writes, store: store, clock: clock, availability: availability, measured: measured)
                noteWritten(written != nil)
                guard let outcomes = written else {
                    StoreWriter.release(batch)
                    continue
                }
                var answers: [(RunSlot, WriteStep, WriteOutcome)] = []
                answers.reserveCapacity(batch.count)
                for (pending, outcome) in zip(batch, outcomes) {
                    switch pending.waiter {
                    case .none: break
                    case .run(let slot, let step): answers.append((slot, step, outcome))
                    case .caller(let continuation): continuation.resume(returning: outcome)
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
            defer { queue.units = [] }
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

    private func nextBatch() -> [PendingWrite]? {
        queue.withLock { queue in
            guard !queue.units.isEmpty else { return nil }
            queue.isBusy = true
            if queue.units.count == 1, queue.units[0].count <= StoreWriter.batchSize {
                return queue.units.removeFirst()
            }
            var batch: [PendingWrite] = []
            var taken = 0
            while taken < queue.units.count,
                batch.isEmpty || batch.count + queue.units[taken].count <= StoreWriter.batchSize
            {
                batch.append(contentsOf: queue.units[taken])
                taken += 1
            }
            queue.units.removeFirst(taken)
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

    private static func release(_ batch: [PendingWrite]) {
        for pending in batch {
            if case .caller(let continuation) = pending.waiter { continuation.resume(returning: nil) }
        }
    }
}
