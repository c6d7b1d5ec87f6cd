internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// One forge's turn within a run of `git.repositories`.
struct RepositoryPass: Sendable {
    private(set) var client: ForgeClient
    let context: RunContext
    let ledger: RepositoryLedger

    private var entry: ForgeEntry { client.entry }
    private var forge: String { client.entry.address.key }

    /// A repository to read, with what is known of it.
    private struct Target: Sendable {
        var found: FoundRepository
        var memory: RepositoryMemory
        /// Whether it was read before: only what is known can be gone.
        var isKnown: Bool
    }

    /// Reads everything that an earlier attempt of this run has not finished.
    ///
    /// - Throws: `CancellationError`, and what the host throws. What the forge does wrong is noted in the ledger.
    func run() async throws {
        for (metrics, reason) in ForgeMetrics.lacking(entry.platform) {
            ledger.note { $0.addLacking(metrics, reason, of: forge) }
        }
        do {
            let memory = ForgeMemory(context.state, of: entry)
            let result = try await ForgeDiscovery(client: client, memory: memory).run()
            var pass = self
            pass.client = client.calling(
                Dictionary(result.renamed.map { ($0.key.lowercased(), $0.value) }) { first, _ in first })
            pass.note(result)
            let targets = try await pass.targets(result, memory)
            ledger.expect(targets.count)
            try await pass.read(targets)
        } catch let failure as RunFailure where failure.endsTurn {
            ledger.note { $0.addStop(failure) }
        }
    }

    private func note(_ result: ForgeDiscovery.Result) {
        ledger.note { outcome in
            outcome.addUnreadable(result.unreadable)
            for failure in result.failures {
                outcome.addFailure("\(forge)/\(failure.label)", count: failure.count, failure.failure)
            }
        }
        for failure in result.failures { log(failure.failure, of: failure.label) }
        for (former, name) in result.renamed.sorted(by: { $0.key < $1.key }) {
            ledger.note { $0.addRenamed("\(forge)/\(former)", to: name) }
        }
        for name in result.taken {
            context.logger.warning(
                "another account is called \(name) now; the repositories of the former one are still read",
                metadata: ["subject": "\(forge)/\(name)"])
        }
        let paths = Set(result.repositories.lazy.map { $0.repository.path.lowercased() })
        for var gone in result.gone {
            gone.isReplaced = paths.contains(gone.path.lowercased())
            ledger.submit(.gone(gone, at: client.told, entry))
        }
        for repository in result.retired { ledger.submit(.retired(repository, entry)) }
        if !result.found.isEmpty { ledger.submit(.found(result.found, entry)) }
    }

    /// What is left to read, in turn.
    private func targets(_ result: ForgeDiscovery.Result, _ memory: ForgeMemory) async throws -> [Target] {
        var targets: [Target] = []
        for found in result.repositories {
            let known = try await memory.repository(found.repository.id)
            if known?.finishedFor[entry.mark] == context.scheduledAt { continue }
            let memory = known ?? RepositoryMemory(path: found.repository.path)
            targets.append(Target(found: found, memory: memory, isKnown: known != nil))
        }
        let exchanged = exchanged(targets)
        if !exchanged.isEmpty { ledger.submit(.renamed(exchanged, entry)) }
        let before = result.repositories.count - targets.count
        ledger.note { $0.addFinishedBefore(before) }
        // Sorting keeps equals in the order of their paths.
        return targets.enumerated().map { ($0.element.memory.turn, $0.offset, $0.element) }.sorted {
            ($0.0.rank, $0.0.since, $0.1) < ($1.0.rank, $1.0.since, $1.1)
        }.map(\.2)
    }

    /// Known ones that have another's former name, or whose former name another has: told at once, as one by one each would push
    /// the next from its key, and make it look gone until its own turn.
    private func exchanged(_ targets: [Target]) -> [ForgeRepository] {
        let moved = targets.filter {
            $0.isKnown && $0.memory.path.lowercased() != $0.found.repository.path.lowercased()
        }
        let former = Set(moved.map { $0.memory.path.lowercased() })
        let held = Set(targets.map { $0.found.repository.path.lowercased() })
        return moved.filter {
            former.contains($0.found.repository.path.lowercased()) || held.contains($0.memory.path.lowercased())
        }.map(\.found.repository)
    }

    // MARK: Reading

    private func read(_ targets: [Target]) async throws {
        let batches = stride(from: 0, to: targets.count, by: GitHubQuery.batch).map {
            Array(targets[$0..<min($0 + GitHubQuery.batch, targets.count)])
        }
        let counters = GitHubCounters(client: client, logger: context.logger)
        let reader = RepositoryReader(client: client, place: RepositoryPlace(client: client))
        let stop = TurnStop()
        var current = try await counters.of(batches.first?.map(\.found.repository) ?? [])
        for index in batches.indices {
            // The next batch's counters come while this one's traffic is read.
            async let next = counters.of(index + 1 < batches.count ? batches[index + 1].map(\.found.repository) : [])
            let known = current
            _ = try await ForgeWork.inOrder(batches[index], atOnce: entry.concurrency) { target in
                try await read(target, by: reader, known[target.found.repository.id], stop)
            }
            if let failure = stop.failure { throw failure }
            current = try await next
        }
    }

    private func read(
        _ target: Target, by reader: RepositoryReader, _ counters: [String: ForgeFigure]?, _ stop: TurnStop
    ) async throws {
        // What is on its way may come to its end; nothing new is begun.
        guard stop.failure == nil else { return }
        let label = target.found.repository.path
        do {
            let reading = try await reader.read(target.found, counters: counters, memory: target.memory)
            for trouble in reading.troubles + (reading.failure.map { [$0] } ?? []) { log(trouble, of: label) }
            ledger.submit(.reading(reading, entry))
        } catch is RepositoryGone {
            guard target.isKnown else { return ledger.skip() }
            let gone = GoneRepository(id: target.found.repository.id, path: label)
            ledger.submit(.gone(gone, at: client.told, entry))
        } catch let failure as RunFailure where failure.endsTurn {
            stop.set(failure)
        } catch let failure as RunFailure {
            log(failure, of: label)
            ledger.note { $0.addFailure("\(forge)/\(label)", failure) }
            ledger.skip()
        }
    }

    private func log(_ failure: RunFailure, of label: String) {
        context.logger.warning(
            "\(failure.message)", metadata: ["subject": "\(forge)/\(label)", "code": "\(failure.code)"])
    }
}

/// Why a forge's turn has come to its end, if it has; the first reason stays.
private final class TurnStop: Sendable {
    private let first = Mutex<RunFailure?>(nil)

    var failure: RunFailure? { first.withLock { $0 } }

    func set(_ failure: RunFailure) { first.withLock { $0 = $0 ?? failure } }
}
