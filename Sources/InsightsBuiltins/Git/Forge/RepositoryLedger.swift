internal import InsightsPlugin
internal import Synchronization

/// Makes durable what the forges' turns hand in, repository by repository or a few at a time, and counts.
///
/// One for the whole run: what is written stays in order, and no checkpoint cuts a repository in two.
final class RepositoryLedger: Sendable {
    /// Something to make durable.
    enum Item: Sendable {
        /// Everything of one repository.
        case reading(RepositoryReading, ForgeEntry)
        /// One that the forge has no longer, by the forge's time.
        case gone(GoneRepository, at: Instant?, ForgeEntry)
        /// Some that have changed names with each other.
        case renamed([ForgeRepository], ForgeEntry)
        /// One that was archived, and is not read any more.
        case retired(ForgeRepository, ForgeEntry)
        /// What a forge's lists told, after everything else that was found.
        case found([ForgeMemory.Source: ForgeMemory.Found], ForgeEntry)
    }

    private struct State {
        var pending: [Item] = []
        var outcome = ForgeOutcome(one: "repository", many: "repositories")
        var done = 0
        var total = 0

        mutating func count(_ item: Item) {
            switch item {
            case .reading(let reading, let entry):
                if let failure = reading.failure {
                    outcome.addFailure(entry.reference(ofPath: reading.repository.path).key, failure)
                } else {
                    outcome.addRead(reading.absent, of: entry.address.key)
                }
                done += 1
            case .gone(let gone, _, let entry):
                if !gone.isReplaced { outcome.addGone(entry.reference(ofPath: gone.path).key) }
            case .renamed, .retired, .found: break
            }
        }
    }

    private let context: RunContext
    private let state = Mutex(State())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(_ context: RunContext) {
        self.context = context
        // One signal is enough: who is woken takes all that is there.
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What became of the run so far.
    var outcome: ForgeOutcome { state.withLock { $0.outcome } }

    /// Notes what needs no writing.
    func note(_ change: (inout ForgeOutcome) -> Void) { state.withLock { change(&$0.outcome) } }

    /// Adds to what is to be done.
    func expect(_ count: Int) { state.withLock { $0.total += count } }

    /// One is done that brought nothing to write.
    func skip() { state.withLock { $0.done += 1 } }

    /// Hands something in.
    func submit(_ item: Item) {
        state.withLock { $0.pending.append(item) }
        signal.yield()
    }

    /// Nothing more will be handed in.
    func finish() { signal.finish() }

    /// Writes until ``finish()`` and nothing is left.
    ///
    /// - Throws: What the host throws; `CancellationError`.
    func run() async throws {
        for await _ in signals { try await write() }
        try await write()
    }

    private func write() async throws {
        let items = state.withLock { state in
            defer { state.pending = [] }
            return state.pending
        }
        guard !items.isEmpty else { return }
        for item in items { try await write(item) }
        try await context.checkpoint()
        let (done, total) = state.withLock { state in
            for item in items { state.count(item) }
            return (state.done, state.total)
        }
        context.report(done: done, of: total, await label(items))
    }

    /// What is done, and what is left of the forge's limit where it tells that.
    private func label(_ items: [Item]) async -> String {
        guard case .reading(let reading, let entry)? = items.last,
            let client = try? ForgeClient(entry, http: context.http, clock: context.clock)  // it was made before
        else { return "" }
        let name = entry.reference(ofPath: reading.repository.path).key
        let allowance = await client.allowance()
        guard let remaining = allowance.remaining, let limit = allowance.limit else { return name }
        return "\(name); \(remaining) of \(limit) requests left"
    }

    private func write(_ item: Item) async throws {
        switch item {
        case .reading(let reading, let entry):
            let subject = entry.reference(ofPath: reading.repository.path)
            try context.emit(
                entry.subjects(of: reading.repository).map(Emission.subject)
                    + reading.emissions(of: subject, at: context.clock.now))
            let store = ForgeMemory(context.state, of: entry)
            var memory = reading.memory
            // Another entry may have read it since, by a token that sees more.
            if let known = try await store.repository(reading.repository.id) { memory.join(known) }
            if reading.failure == nil { memory.finish(for: context.scheduledAt, by: entry.mark) }
            try store.set(memory, of: reading.repository.id)
        case .gone(let gone, let told, let entry):
            let store = ForgeMemory(context.state, of: entry)
            var memory = try await store.repository(gone.id)
            let lost = memory?.leave(at: told ?? context.clock.now) ?? [:]
            if let memory { try store.set(memory, of: gone.id) }
            // Its key is another's now, whose coming tells that it is gone.
            if gone.isReplaced { return }
            // With what it belongs to: another forge may have the same number.
            let account = entry.accountSubject(entry.account(ofPath: gone.path), id: nil)
            let reference = entry.reference(ofPath: gone.path)
            try context.emit([
                .subject(entry.platformSubject), .subject(account),
                .subject(
                    Subject(
                        kind: reference.kind, key: reference.key, externalID: gone.id, parent: account.reference,
                        state: .gone)),
            ])
            for (source, metrics) in ForgeMetrics.passing(entry.platform) {
                guard let days = lost[source] else { continue }
                try context.emit(
                    metrics.map {
                        .gap(Gap(reference, $0, from: days.lowerBound.midnight, to: days.upperBound.midnight))
                    })
            }
        case .renamed(let repositories, let entry):
            try context.emit(repositories.flatMap(entry.subjects).map(Emission.subject))
        case .retired(let repository, let entry):
            try context.emit(entry.subjects(of: repository).map(Emission.subject))
        case .found(let found, let entry):
            let memory = ForgeMemory(context.state, of: entry)
            for (source, found) in found { try memory.set(found, by: source) }
        }
    }
}

/// A known repository that the forge has no longer.
struct GoneRepository: Hashable, Sendable {
    var id: String
    /// The path that it had.
    var path: String
    /// Whether another repository has that path now.
    var isReplaced = false
}
