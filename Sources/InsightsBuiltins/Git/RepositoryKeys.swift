internal import InsightsPlugin

/// Under which key each repository of a run goes: worked out for all of them before the first is read.
///
/// Of two entries with one key neither is read, in whatever order they stand and whichever of them can be read: the
/// figures of one would replace the other's, as those of a rewritten branch do.
struct RepositoryKeys {
    /// What is known of a repository before it is read.
    struct Entry: Sendable {
        let key: String
        /// Its configuration, if that had to be read for the key.
        let settings: GitSettings?
    }

    /// What the names of the state's values begin with, before the hash of an entry's place.
    static let stateKey = "key/"

    private var entries: [Result<Entry, RunFailure>] = []
    /// Why the run has to fail: entries that share a key; `nil` when each has its own.
    private(set) var conflict: RunFailure?

    /// Finds the keys, and remembers those that do not follow from the manifest alone.
    ///
    /// - Throws: ``RunFailure`` when there is no git; `CancellationError`. What is wrong with one repository is told
    ///   by ``entry(at:)``.
    init(of sources: [RepositorySource], _ context: RunContext) async throws {
        var holders: [String: [Int]] = [:]
        for (index, source) in sources.enumerated() {
            try Task.checkCancellation()
            let entry = try await RepositoryKeys.find(source, context.commands)
            entries.append(entry)
            if let key = try await RepositoryKeys.remember(entry, source, context.state) {
                holders[key, default: []].append(index)
            }
        }
        var problems: [String] = []
        for (key, indices) in holders.sorted(by: { $0.key < $1.key }) where indices.count > 1 {
            let names = indices.map { sources[$0].place.text }.joined(separator: " and ")
            let problem = "\(names) have the same key \(key); give one of them another \"key\", or drop it"
            problems.append(problem)
            for index in indices {
                guard case .success = entries[index] else { continue }
                entries[index] = .failure(RunFailure("parameter", problem, retryable: false))
            }
        }
        guard !problems.isEmpty else { return }
        conflict = RunFailure("parameter", problems.joined(separator: "; "), retryable: false)
    }

    /// What is known of the entry at `index`.
    ///
    /// - Throws: ``RunFailure`` when it cannot be found, or may not be read under its key.
    func entry(at index: Int) throws(RunFailure) -> Entry { try entries[index].get() }

    private static func find(
        _ source: RepositorySource, _ commands: any CommandRunner
    ) async throws -> Result<Entry, RunFailure> {
        do {
            var settings: GitSettings?
            if case .folder(let path) = source.place, source.key == nil {
                settings = try await GitSettings(of: GitFolder(path), label: source.label, commands: commands)
            }
            let key = RepositoryIdentity(source, origin: settings?.origin).key
            if source.key == nil, let problem = RepositorySource.problem(withDerivedKey: key) {
                throw RunFailure(
                    "parameter", "\(source.label) gives no key: \(problem); set \"key\"", retryable: false)
            }
            return .success(Entry(key: key, settings: settings))
        } catch let failure as RunFailure {
            // Without git no repository can be read: that is told once, and not per repository.
            if failure.code.hasPrefix("command_not_") { throw GitFailure.noGit(failure) }
            return .failure(failure)
        }
    }

    /// The key that an entry holds: of one that cannot be found now the key that it had, so that no other entry
    /// takes it meanwhile. `nil` when it never had one.
    private static func remember(
        _ entry: Result<Entry, RunFailure>, _ source: RepositorySource, _ state: TaskState
    ) async throws -> String? {
        if case .success(let found) = entry, found.settings == nil { return found.key }
        let name = stateKey + StableHash.of(source.place.text.utf8)
        let known = try await state.value(forKey: name)?.string
        guard case .success(let found) = entry else { return known }
        if known != found.key { try state.set(.string(found.key), forKey: name) }
        return found.key
    }
}
