internal import InsightsPlugin

/// What a task remembers of one forge, in its state.
struct ForgeMemory: Sendable {
    /// Most ids in one value of the state: they fit its bound with room to spare.
    private static let shard = 20_000

    private let state: TaskState
    private let forge: String

    init(_ state: TaskState, of entry: ForgeEntry) {
        self.state = state
        forge = entry.address.key
    }

    // MARK: Repositories

    func repository(_ id: String) async throws -> RepositoryMemory? {
        RepositoryMemory(try await state.value(forKey: repositoryKey(id)))
    }

    func set(_ memory: RepositoryMemory, of id: String) throws(RunFailure) {
        try state.set(memory.value, forKey: repositoryKey(id))
    }

    private func repositoryKey(_ id: String) -> String { "repository/\(forge)/\(id)" }

    // MARK: What led to repositories

    /// Something of the manifest that repositories were found by.
    enum Source: Hashable, Sendable {
        /// An account's list.
        case account(String)
        /// Its own name.
        case repository(String)

        /// For people.
        var label: String {
            switch self {
            case .account(let name), .repository(let name): name
            }
        }

        fileprivate var word: String {
            switch self {
            case .account: "account"
            case .repository: "named"
            }
        }
    }

    /// What is known of a source.
    struct Found: Hashable, Sendable {
        /// Under which route an account's list is: the first one of its platform, or a later one.
        var route = 0
        /// The repositories that are tracked through it, in rising order.
        var ids: [Int64] = []
        /// Of an account: the forge's own identity of it, as its repositories tell it.
        var account: String?
    }

    func found(by source: Source) async throws -> Found? {
        let key = key(of: source)
        guard let value = try await state.value(forKey: key), let shards = value["shards"]?.integer else { return nil }
        var found = Found(route: Int(value["route"]?.integer ?? 0), account: value["account"]?.string)
        for shard in 0..<max(0, min(shards, 1000)) {
            let text = try await state.value(forKey: "\(key)/\(shard)")?.string
            found.ids += text.flatMap(NumberText.decode) ?? []
        }
        return found
    }

    func set(_ found: Found, by source: Source) throws(RunFailure) {
        let key = key(of: source)
        let shards = (found.ids.count + ForgeMemory.shard - 1) / ForgeMemory.shard
        for shard in 0..<shards {
            let ids = found.ids.dropFirst(shard * ForgeMemory.shard).prefix(ForgeMemory.shard)
            try state.set(.string(NumberText.encode(ids)), forKey: "\(key)/\(shard)")
        }
        try state.set(
            [
                "shards": .integer(Int64(shards)), "route": .integer(Int64(found.route)),
                "account": Value(found.account),
            ], forKey: key)
    }

    /// A path may be longer than a key.
    private func key(of source: Source) -> String {
        "\(source.word)/\(forge)/\(StableHash.of(source.label.lowercased().utf8))"
    }
}
