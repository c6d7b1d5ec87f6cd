internal import InsightsPlugin

/// Finds what is to be read on one forge: by the accounts' lists, by name, and by identity where a known one has left
/// the place it was found in.
struct ForgeDiscovery: Sendable {
    /// What was found.
    struct Result: Sendable {
        /// To be read, each identity once.
        var repositories: [FoundRepository] = []
        /// Known ones that the forge has no longer.
        var gone: [GoneRepository] = []
        /// Known ones that are archived now, where the manifest leaves such ones out.
        var retired: [ForgeRepository] = []
        /// What could not be found out: each stands for as many repositories.
        var failures: [(label: String, count: Int, failure: RunFailure)] = []
        /// Items of lists that could not be understood.
        var unreadable = 0
        /// What the next run has to know; only of sources that could be read.
        var found: [ForgeMemory.Source: ForgeMemory.Found] = [:]
        /// What the lists and the repositories by name took, as far as that can be told from the answers.
        var requests = 0
        /// Accounts that are not called what the manifest calls them, by that.
        var renamed: [String: String] = [:]
        /// Accounts whose name another has now.
        var taken: [String] = []
    }

    /// What one source told.
    private struct Told: Sendable {
        var source: ForgeMemory.Source
        var route = 0
        /// As ``Result/requests``.
        var requests = 0
        /// Everything that is there, tracked or not.
        var all: [FoundRepository] = []
        var unreadable = 0
        var failure: RunFailure?
        /// Of an account: what it is called, and its identity as its repositories tell it.
        var owner: ForgeOwner?
    }

    /// For how long what is gone is asked for again.
    private static let patience = Duration.seconds(30 * 86_400)

    let client: ForgeClient
    let memory: ForgeMemory

    private var entry: ForgeEntry { client.entry }

    /// Finds everything.
    ///
    /// - Throws: ``RunFailure`` of the credential and of limits, which end the forge's turn; `CancellationError`.
    func run() async throws -> Result {
        var told = try await ForgeWork.inOrder(entry.accounts, atOnce: entry.concurrency) { account in
            try await list(account)
        }
        // A name that an account's list has needs no request of its own.
        let listed = Dictionary(told.flatMap(\.all).map { ($0.repository.path.lowercased(), $0) }) { first, _ in first }
        told += try await ForgeWork.inOrder(entry.repositories, atOnce: entry.concurrency) { name in
            if let found = listed[name.lowercased()] { return Told(source: .repository(name), all: [found]) }
            return try await ask(name)
        }
        return try await settle(told)
    }

    /// Puts together what the sources told, and looks for the known ones that none of them told.
    private func settle(_ told: [Told]) async throws -> Result {
        var result = Result()
        var there: [String: FoundRepository] = [:]
        var tracked: Set<String> = []
        for source in told {
            result.unreadable += source.unreadable
            result.requests += source.requests
            for found in source.all {
                let id = found.repository.id
                if there[id]?.isWhole != true { there[id] = found }
                if isTracked(found.repository, by: source.source) { tracked.insert(id) }
            }
        }
        for source in told {
            let known = try await memory.found(by: source.source)
            if case .account(let name) = source.source, let owner = source.owner {
                if owner.path.lowercased() != name.lowercased() { result.renamed[name] = owner.path }
                if let former = known?.account, let id = owner.id, former != id { result.taken.append(name) }
            }
            let ids = known?.ids.map(String.init) ?? []
            if let failure = source.failure {
                // What was known by it counts as failed, but for what another source told.
                let lost = ids.filter { there[$0] == nil }
                if !ids.isEmpty, lost.isEmpty {
                    // All that is known is told by others, but a list that fails has newcomers too.
                    if case .account = source.source { result.failures.append((source.source.label, 1, failure)) }
                    continue
                }
                if case .repository = source.source, failure.code == "not_found", let id = lost.first {
                    try await look(for: [id], of: source, known, &there, &tracked, &result)
                } else {
                    result.failures.append((source.source.label, max(1, lost.count), failure))
                }
                continue
            }
            // Also where a list had items that could not be understood: by their number they are found, moved or not.
            try await look(for: ids.filter { there[$0] == nil }, of: source, known, &there, &tracked, &result)
        }
        for source in told where source.failure == nil {
            guard case .account = source.source else { continue }
            let known = Set(try await memory.found(by: source.source)?.ids.map(String.init) ?? [])
            result.retired += source.all.lazy.map(\.repository).filter {
                $0.isArchived == true && known.contains($0.id) && !tracked.contains($0.id)
            }
        }
        result.repositories = there.values.filter { tracked.contains($0.repository.id) }
        result.repositories.sort { $0.repository.path < $1.repository.path }
        return result
    }

    /// Asks by identity for known repositories that a source does not tell any more: renamed, moved, or gone.
    private func look(
        for missing: [String], of told: Told, _ known: ForgeMemory.Found?, _ there: inout [String: FoundRepository],
        _ tracked: inout Set<String>, _ result: inout Result
    ) async throws {
        let looks = try await ForgeWork.inOrder(missing, atOnce: entry.concurrency) { id in
            try await identified(id)
        }
        var kept: [String] = []
        for (id, look) in zip(missing, looks) {
            switch look {
            case .there(let found):
                there[id] = found
                if isTracked(found.repository, by: told.source) { tracked.insert(id) }
                kept.append(id)
            case .gone:
                let known = try await memory.repository(id)
                // What the manifest still names is known to be gone, and no failure next time either.
                let isNamed = told.failure != nil
                if let known, isNamed || known.goneAt == nil {
                    result.gone.append(GoneRepository(id: id, path: known.path))
                }
                // One answer may be wrong, or of a token that sees less for a while: it is asked for again, and taken up
                // where it turns up, also in an account that it was moved to.
                if isNamed || (known.map { isAskedFor($0) } ?? false) { kept.append(id) }
            case .unknown(let failure):
                let path = try await memory.repository(id)?.path
                result.failures.append((path ?? "repository \(id)", 1, failure))
                kept.append(id)
            }
        }
        let own = told.all.filter { isTracked($0.repository, by: told.source) }.map(\.repository.id)
        let ids = Set((own + kept).compactMap { Int64($0) }).sorted()
        let found = ForgeMemory.Found(
            route: told.failure == nil ? told.route : known?.route ?? 0, ids: ids,
            account: told.owner?.id ?? known?.account)
        if found != known { result.found[told.source] = found }
    }

    private func isAskedFor(_ repository: RepositoryMemory) -> Bool {
        guard let goneAt = repository.goneAt, let now = client.told else { return true }
        return now.since(goneAt) < ForgeDiscovery.patience
    }

    private func isTracked(_ repository: ForgeRepository, by source: ForgeMemory.Source) -> Bool {
        guard case .account = source else { return true }
        return entry.tracks(
            name: repository.name, isFork: repository.isFork, isArchived: repository.isArchived ?? false)
    }

    // MARK: Asking

    /// Where an account's list is: what an organisation or group has, then what a user has.
    private func routes(_ account: String) -> [(segments: [String], query: [(name: String, value: String)])] {
        switch entry.platform {
        case .github, .forgejo, .gitea: [(["orgs", account, "repos"], []), (["users", account, "repos"], [])]
        case .gitlab:
            [
                // What others share with the group belongs to them.
                (["groups", account, "projects"], [("include_subgroups", "true"), ("with_shared", "false")]),
                (["users", account, "projects"], []),
            ]
        }
    }

    /// Lists an account, under the name that it has now should its old one lead nowhere.
    private func list(_ account: String) async throws -> Told {
        let source = ForgeMemory.Source.account(account)
        let known = try await memory.found(by: source)
        let told = try await list(account, source, known)
        guard told.failure?.code == "not_found", let id = known?.account else { return told }
        do {
            let trail = AccountTrail(client: client)
            guard let path = try await trail.path(of: id, through: known?.ids.map(String.init) ?? []),
                path.lowercased() != account.lowercased()
            else { return told }
            var followed = try await list(path, source, known)
            if followed.failure == nil { followed.owner = ForgeOwner(id: id, path: path) }
            return followed
        } catch let failure as RunFailure where !failure.endsTurn {
            var told = told
            told.failure = failure
            return told
        }
    }

    private func list(
        _ account: String, _ source: ForgeMemory.Source, _ known: ForgeMemory.Found?
    ) async throws -> Told {
        let former = known?.route ?? 0
        let routes = routes(account)
        var told = Told(source: source)
        var requests = 0
        // What it was before comes first: asking for the other is a request more, and charged each time.
        for route in [former] + routes.indices.filter({ $0 != former }) where routes.indices.contains(route) {
            requests += 1
            told = Told(source: source, route: route, requests: requests)
            let (segments, query) = routes[route]
            do {
                let refused = try await client.pages(segments, query) { items in
                    for item in items {
                        guard let repository = entry.repository(item) else {
                            told.unreadable += 1
                            continue
                        }
                        told.all.append(FoundRepository(repository: repository, isWhole: entry.platform.listsAreWhole))
                    }
                }
                guard let refused else {
                    // Its first page is counted.
                    told.requests += max(0, told.all.count + told.unreadable - 1) / entry.platform.pageSize
                    told.owner = owner(of: account, told.all, known)
                    return told
                }
                told.all = []
                told.failure = refused.failure(of: "account \(account)", entry)
                if !refused.isMissing { return told }
            } catch let failure as RunFailure where !failure.endsTurn {
                told.all = []
                told.failure = failure
                return told
            }
        }
        return told
    }

    /// Who an account's list is of, as its repositories tell it; a server may lead from an old name to the new one.
    private func owner(of account: String, _ all: [FoundRepository], _ known: ForgeMemory.Found?) -> ForgeOwner? {
        let owners = all.lazy.map(\.repository.owner)
        if let owner = owners.first(where: { $0.path.lowercased() == account.lowercased() }) { return owner }
        // A GitLab group's list has those of its subgroups, too.
        return owners.first { !entry.platform.hasNestedAccounts || $0.id != nil && $0.id == known?.account }
    }

    private func ask(_ name: String) async throws -> Told {
        var told = Told(source: .repository(name), requests: 1)
        do {
            let answer = try await client.get(single(name))
            guard answer.status == 200 else {
                told.failure = answer.failure(of: "repository \(name)", entry)
                return told
            }
            guard let repository = entry.repository(try answer.object()) else {
                throw RunFailure(
                    "bad_answer", "\(entry.address.key) told of \(name) without its id or its name", retryable: true)
            }
            told.all = [FoundRepository(repository: repository, isWhole: true)]
        } catch let failure as RunFailure where !failure.endsTurn {
            told.failure = failure
        }
        return told
    }

    private func single(_ name: String) -> ([String], [(name: String, value: String)]) {
        entry.platform == .gitlab
            ? (["projects", name], [("statistics", "true")])
            : (["repos"] + name.split(separator: "/").map(String.init), [])
    }

    private enum Look: Sendable {
        case there(FoundRepository)
        case gone
        case unknown(RunFailure)
    }

    private func identified(_ id: String) async throws -> Look {
        do {
            let answer =
                entry.platform == .gitlab
                ? try await client.get(["projects", id], [("statistics", "true")])
                : try await client.get(["repositories", id])
            if answer.isMissing { return .gone }
            guard answer.status == 200 else { return .unknown(answer.failure(of: "repository \(id)", entry)) }
            guard let repository = entry.repository(try answer.object()), repository.id == id else {
                return .unknown(
                    RunFailure(
                        "bad_answer", "\(entry.address.key) told of another repository than \(id)", retryable: true))
            }
            return .there(FoundRepository(repository: repository, isWhole: true))
        } catch let failure as RunFailure where !failure.endsTurn {
            return .unknown(failure)
        }
    }
}

extension ForgePlatform {
    /// Whether an item of a list has all that a repository's own answer has.
    fileprivate var listsAreWhole: Bool { self == .forgejo || self == .gitea }
}

extension ForgeClient {
    fileprivate func get(_ target: ([String], [(name: String, value: String)])) async throws -> ForgeAnswer {
        try await get(target.0, target.1)
    }
}

extension RunFailure {
    /// Whether nothing more can be asked of the forge for now.
    var endsTurn: Bool { code == "credential" || code == HTTP.FailureCode.rateLimited }
}
