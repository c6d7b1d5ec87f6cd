internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// Which tasks this node holds.
extension Engine {
    /// Tasks that are asked for at a time: a piece is a transaction, and what is to be committed waits for it.
    private static let piece = 1000

    /// Marks dead nodes, takes tasks up to this node's share, and gives away what is beyond it; every 2 s, and at once
    /// when others have done something. One at a time.
    func balance(_ shared: any SharedStore) async { await balancing.run { await moveTasks(shared) } }

    private func moveTasks(_ shared: any SharedStore) async {
        guard isLeaseTrusted, !knowledge.withLock({ $0.isStopping || $0.storeProblem != nil }) else { return }
        await lookAtDefinitions()
        tellManifests()
        let differing = sharing.withLock { $0.differing }
        if !differing.isEmpty || planner.withLock({ $0.isLeaving }) {
            post([.release(.differing(Array(differing.keys)))])
        }
        guard takesShare else {
            if sharing.withLock({ $0.gatherings == 0 }) { post([.release(.idle(.max))]) }
            return
        }
        let manifest = manifest
        let peers = sharing.withLock { $0.living.count { $0.takesShare && $0.manifest == manifest.hash } }
        let held = planner.withLock { $0.holding }
        switch Shares.step(tasks: manifest.tasks.count - differing.count, nodes: peers, held: held) {
        case .take(let count): await take(count, except: differing)
        case .give(let count):
            if sharing.withLock({ $0.gatherings == 0 }) { post([.release(.idle(count))]) }
            fallthrough
        case .nothing: _ = await hold([], limit: 0)
        }
        if peers == sharing.withLock({ $0.living.count { $0.takesShare } }) { await takeAbandoned(shared) }
    }

    private func take(_ count: Int, except differing: [TaskID: String]) async {
        // In an order of its own, so that nodes which start together do not reach for the same.
        let wishes = planner.withLock { $0.unheld() }.filter { differing[$0.task] == nil }.shuffled()
        var left = count
        var start = 0
        repeat {
            let piece = Array(wishes[start..<min(wishes.count, start + Engine.piece)])
            guard let taken = await hold(piece, limit: left) else { return }
            left -= taken.count
            start += piece.count
        } while start < wishes.count && left > 0
    }

    /// Tasks that no manifest names any more and that have runs without an end.
    private func takeAbandoned(_ shared: any SharedStore) async {
        let named = planner.withLock { planner in
            Set(planner.unheld().map(\.task)).union(planner.heldIDs())
        }
        do {
            let abandoned = try await shared.abandonedTasks(limit: Engine.piece).filter { !named.contains($0) }
            if !abandoned.isEmpty {
                _ = await hold(abandoned.map { HoldWish(task: $0, hash: nil) }, limit: abandoned.count)
            }
        } catch {
            logger.debug("abandoned tasks were not looked for: \(error)")
        }
    }

    /// Takes tasks, once everything decided before is written.
    ///
    /// - Returns: Those that were taken: the planner is about to be told. `nil` when it did not come to that.
    func hold(_ wishes: [HoldWish], limit: Int) async -> [TaskID]? {
        guard let shared else { return nil }
        return await inOrderOfWrites { [self] in
            let entry = leaseEntry
            do throws(StoreError) {
                let held = try await shared.hold(wishes, limit: limit)
                // From here, so that nothing that is settled later comes before it; and not once the lease is lost.
                return sharing.withLock { sharing in
                    guard sharing.lease.isHeld, sharing.lease.entry == entry else { return nil }
                    if !held.isEmpty { post([.held(held)]) }
                    return held.map(\.task.id)
                }
            } catch {
                if error.kind == .leaseLost { loseLease(error, entry) }
                logger.debug("tasks were not taken: \(error)")
                return nil
            }
        }
    }

    /// Asks the store for something between two commits.
    private func inOrderOfWrites<Result: Sendable>(
        _ body: @escaping @Sendable () async -> Result?
    ) async -> Result? {
        await withCheckedContinuation { continuation in
            var unit = WriteUnit()
            unit.reading = WriteUnit.Reading(
                perform: { continuation.resume(returning: await body()) },
                giveUp: { continuation.resume(returning: nil) })
            writer.submit(unit)
        }
    }

    /// Finds out which tasks are registered with another definition, after a registration somewhere.
    private func lookAtDefinitions() async {
        let known = sharing.withLock { sharing in
            sharing.definitions == nil ? sharing.knownDefinitions ?? 0 : nil
        }
        guard let known else { return }
        let (tasks, entry) = (manifest.tasks, leaseEntry)
        do throws(StoreError) {
            let registrations = tasks.map { TaskRegistration(name: $0.name, hash: $0.hash, isNew: false) }
            let stored = try await store.register(registrations, at: clock.now)
            var differing: [TaskID: String] = [:]
            for (task, stored) in zip(tasks, stored) where stored.hash != task.hash { differing[stored.id] = task.name }
            sharing.withLock { sharing in
                sharing.differing = differing
                sharing.definitions = known
            }
        } catch {
            if error.kind == .leaseLost { loseLease(error, entry) }
            logger.debug("the registered definitions were not read: \(error)")
        }
    }
}
