internal import InsightsPlugin

/// What an account was told to be.
struct AccountReading: Hashable, Sendable {
    /// As the forge writes it: the name that it has now.
    var path: String
    var id: String?
    /// Under which route it was found.
    var route: Int
    /// The numbers of some of its repositories, on forges that do not find an account by its own.
    var repositories: [String] = []
    var figures: [String: ForgeFigure] = [:]
    /// What went wrong and cost no more than some of the figures, for the run's log.
    var troubles: [RunFailure] = []

    /// The metrics without a figure, and why.
    var absent: [(metric: String, reason: String)] {
        figures.compactMap { metric, figure in
            if case .absent(let reason) = figure { (metric, reason) } else { nil }
        }
    }
}

/// Fetches everything of one account.
struct AccountReader: Sendable {
    let client: ForgeClient

    private var entry: ForgeEntry { client.entry }
    private static let noMembers = ForgeFigure.absent("a user has no members")

    /// Reads an account, under the name that it has now should its old one lead nowhere.
    ///
    /// - Parameters:
    ///   - path: As the manifest has it.
    ///   - known: What an earlier run found.
    /// - Throws: ``RunFailure``; `CancellationError`.
    func read(_ path: String, _ known: AccountMemory) async throws -> AccountReading {
        do {
            return try await read(path, route: known.route)
        } catch let failure as RunFailure where failure.code == "not_found" {
            guard let id = known.id,
                let name = try await AccountTrail(client: client).path(of: id, through: known.repositories),
                name.lowercased() != path.lowercased()
            else { throw failure }
            return try await read(name, route: known.route)
        }
    }

    /// - Parameter route: Where it was found last time: 0 among organisations and groups, 1 among users.
    private func read(_ path: String, route: Int) async throws -> AccountReading {
        let routes = route == 1 ? [1, 0] : [0, 1]
        var last: ForgeAnswer?
        for route in routes {
            let answer = try await client.get(segments(path, route), route == 1 ? userQuery(path) : [])
            last = answer
            if answer.status == 200, let body = try body(answer, path, route) {
                return try await reading(body, path, route)
            }
            guard answer.status == 200 || answer.isMissing else { break }
        }
        if let last, last.status != 200 { throw last.failure(of: "account \(path)", entry) }
        throw RunFailure("not_found", "\(entry.address.key) has no account \(path)", retryable: false)
    }

    private func segments(_ path: String, _ route: Int) -> [String] {
        switch (entry.platform, route) {
        case (.gitlab, 0): ["groups", path]
        case (.gitlab, _): ["users"]
        case (_, 0): ["orgs", path]
        case (_, _): ["users", path]
        }
    }

    private func userQuery(_ path: String) -> [(name: String, value: String)] {
        entry.platform == .gitlab ? [("username", path)] : []
    }

    /// The account's object; `nil` when a search found nobody.
    private func body(_ answer: ForgeAnswer, _ path: String, _ route: Int) throws -> Value? {
        guard entry.platform == .gitlab, route == 1 else { return try answer.object() }
        return try answer.json().array?.first { $0["username"]?.string?.lowercased() == path.lowercased() }
    }

    private func reading(_ body: Value, _ path: String, _ route: Int) async throws -> AccountReading {
        // Forgejo tells an organisation's name under "username" and "name". It need not be the one that was asked for:
        // a server may lead from an old name to the new one.
        let members =
            switch entry.platform {
            case .github: ["login"]
            case .gitlab: [route == 0 ? "full_path" : "username"]
            case .forgejo, .gitea: ["login", "username", "name"]
            }
        let told = members.lazy.compactMap { AccountTrail.name(body[$0]) }.first
        var reading = AccountReading(path: told ?? path, id: body["id"]?.identifier, route: route)
        guard entry.admits(path: reading.path, id: reading.id) else {
            throw RunFailure(
                "bad_answer", "\(entry.address.key) told of account \(path) under a name that is none", retryable: true)
        }
        switch entry.platform {
        case .github: try await readGitHub(body, reading.path, &reading)
        case .gitlab: try await readGitLab(body, &reading)
        case .forgejo, .gitea: try await readForgejo(body, reading.path, &reading)
        }
        return reading
    }

    private func readGitHub(_ body: Value, _ path: String, _ reading: inout AccountReading) async throws {
        reading.figures[ForgeMetrics.followers] = ForgeFigure(body["followers"], "followers")
        reading.figures[ForgeMetrics.publicRepositories] = ForgeFigure(body["public_repos"], "public_repos")
        reading.figures[ForgeMetrics.members] =
            reading.route == 0
            ? try await count(["orgs", path, "members"], [], "members", &reading) : AccountReader.noMembers
    }

    /// How many there are of something; absent when that cannot be read this time: it is no reason to lose the sums.
    private func count(
        _ segments: [String], _ query: [(name: String, value: String)], _ what: String, _ reading: inout AccountReading
    ) async throws -> ForgeFigure {
        do { return try await client.count(segments, query, what) } catch let failure as RunFailure
            where !failure.endsTurn
        {
            reading.troubles.append(failure)
            return .absent("\(what) could not be read: \(failure.code)")
        }
    }

    private func readGitLab(_ body: Value, _ reading: inout AccountReading) async throws {
        guard let id = reading.id else {
            throw RunFailure(
                "bad_answer", "\(entry.address.key) told of \(reading.path) without its id", retryable: true)
        }
        let isGroup = reading.route == 0
        let place = [isGroup ? "groups" : "users", id]
        let scope = isGroup ? [("include_subgroups", "true"), ("with_shared", "false")] : []
        reading.figures[ForgeMetrics.publicRepositories] = try await count(
            place + ["projects"], scope + [("visibility", "public")], "public projects", &reading)
        if isGroup {
            reading.figures[ForgeMetrics.members] = try await count(place + ["members"], [], "members", &reading)
            reading.figures[ForgeMetrics.followers] = .absent("GitLab's groups have no followers")
        } else {
            reading.id = ForgeOwner.gitLabUser(body["id"])
            reading.figures[ForgeMetrics.members] = AccountReader.noMembers
            let answer = try await client.get(place)
            reading.figures[ForgeMetrics.followers] =
                answer.status == 200
                ? ForgeFigure(try answer.object()["followers"], "followers")
                : .absent(try answer.reason(of: "followers", entry))
        }
    }

    private func readForgejo(_ body: Value, _ path: String, _ reading: inout AccountReading) async throws {
        var user = body
        if reading.route == 0 {
            // Who follows an organisation stands with the user that it also is.
            let answer = try await client.get(["users", path])
            user = answer.status == 200 ? try answer.object() : [:]
            reading.figures[ForgeMetrics.members] = try await count(["orgs", path, "members"], [], "members", &reading)
        } else {
            reading.figures[ForgeMetrics.members] = AccountReader.noMembers
        }
        reading.figures[ForgeMetrics.followers] = ForgeFigure(user["followers_count"], "followers_count")
        var count = 0
        var unreadable = false
        let refused = try await client.pages([reading.route == 0 ? "orgs" : "users", path, "repos"]) { items in
            for item in items {
                if reading.repositories.count < AccountTrail.repositoryLimit, let id = item["id"]?.identifier {
                    reading.repositories.append(id)
                }
                guard let isPrivate = item["private"]?.bool else {
                    unreadable = true
                    continue
                }
                if !isPrivate { count += 1 }
            }
        }
        reading.figures[ForgeMetrics.publicRepositories] =
            if let refused {
                .absent(try refused.reason(of: "repositories", entry))
            } else {
                unreadable ? .absent("the list does not say which ones are private") : .number(Double(count))
            }
    }
}

extension ForgeEntry {
    /// The accounts that are named, and those of the repositories that are.
    var ownAccounts: [String] {
        var seen: Set<String> = []
        return (accounts + repositories.map(account(ofPath:))).filter { seen.insert($0.lowercased()).inserted }
    }
}
