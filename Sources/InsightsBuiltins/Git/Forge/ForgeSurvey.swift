internal import InsightsPlugin

/// Finds out what a run over one forge could do: whether the credential is accepted and for how long, what it may read,
/// what would be tracked, what that takes, and what is left of the limits.
struct ForgeSurvey: Sendable {
    /// So many repositories are asked for their traffic: a token of one account may read it of all, mostly.
    private static let samples = 3
    /// A credential that expires within this is told of as a warning.
    private static let notice: Duration = .seconds(14 * 86_400)

    let client: ForgeClient
    let context: RunContext

    private var entry: ForgeEntry { client.entry }
    private var forge: String { client.entry.address.key }

    /// Everything that was found, in the order in which a person would ask.
    ///
    /// - Throws: `CancellationError`.
    func findings() async throws -> [OnlineFinding] {
        var findings: [OnlineFinding] = []
        do {
            findings += try await credential()
            let result = try await ForgeDiscovery(
                client: client, memory: ForgeMemory(context.state, of: entry)
            ).run()
            findings += result.failures.map { failure in
                OnlineFinding(.error, failure.failure.code, of: "\(forge)/\(failure.label)", failure.failure.message)
            }
            findings.append(tracked(result))
            findings += try await traffic(result.repositories)
            findings.append(cost(result))
            findings += await budget(result)
        } catch let failure as RunFailure {
            findings.append(OnlineFinding(.error, failure.code, of: forge, failure.message))
        }
        return findings
    }

    // MARK: The credential

    private func credential() async throws -> [OnlineFinding] {
        guard entry.token != nil else {
            let lost = entry.platform == .github ? ", so no traffic is told, and 60 requests an hour are answered" : ""
            return [
                OnlineFinding(
                    .warning, "no_token", of: forge, "no token is set\(lost)", help: "set \"token\" of this forge")
            ]
        }
        let answer = try await client.get(credentialRoute)
        guard answer.status == 200 else {
            // An old or a restricted server may not answer this one, and all others.
            return [OnlineFinding(.note, "token", of: forge, "the server does not say whose the token is")]
        }
        let body = try answer.json()
        var findings = [OnlineFinding(.note, "token", of: forge, "the token is accepted\(scopes(answer, body))")]
        if let end = expiry(answer, body) { findings.append(expiryFinding(end, at: answer.told)) }
        return findings
    }

    /// What tells of a credential and costs nothing.
    private var credentialRoute: [String] {
        switch entry.platform {
        case .github: ["rate_limit"]
        case .gitlab: ["personal_access_tokens", "self"]
        case .forgejo, .gitea: ["user"]
        }
    }

    private func scopes(_ answer: ForgeAnswer, _ body: Value) -> String {
        let told =
            answer[header: "x-oauth-scopes"]
            ?? (body["scopes"]?.array?.compactMap(\.string).joined(separator: ", "))
        guard let told, !told.isEmpty, told.utf8.count <= 200 else { return "" }
        return ", scopes: \(entry.withoutToken(told))"
    }

    /// GitHub says `2026-12-31 00:00:00 UTC` in a header, GitLab a day in the body.
    private func expiry(_ answer: ForgeAnswer, _ body: Value) -> Instant? {
        if let text = answer[header: "github-authentication-token-expiration"] {
            return Instant(text.replacing(" UTC", with: "Z")) ?? Instant(text.prefix(10))
        }
        return body["expires_at"]?.string.flatMap { Instant($0) }
    }

    private func expiryFinding(_ end: Instant, at now: Instant) -> OnlineFinding {
        let isSoon = end.since(now) < ForgeSurvey.notice
        return OnlineFinding(
            isSoon ? .warning : .note, "token_expiry", of: forge, "the token expires on \(end.dateText)",
            help: isSoon ? "make a new one before that: what is not read meanwhile may be lost" : nil)
    }

    // MARK: What would be read

    private func tracked(_ result: ForgeDiscovery.Result) -> OnlineFinding {
        var counts: [String: Int] = [:]
        for found in result.repositories { counts[entry.account(ofPath: found.repository.path), default: 0] += 1 }
        let accounts = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        var listing = accounts.prefix(5).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        if accounts.count > 5 { listing += " and \(accounts.count - 5) more accounts" }
        let count = result.repositories.count
        return OnlineFinding(
            count == 0 ? .warning : .note, "tracked", of: forge,
            "\(count) \(count == 1 ? "repository" : "repositories") would be tracked"
                + (listing.isEmpty ? "" : ": \(listing)"),
            help: count == 0 ? "look at accounts, include, exclude, forks and archived of this forge" : nil)
    }

    /// Whether traffic may be read, of the first repositories of each account.
    private func traffic(_ repositories: [FoundRepository]) async throws -> [OnlineFinding] {
        guard entry.token != nil, entry.platform.trafficDays != nil else { return [] }
        let byAccount = Dictionary(grouping: repositories) { entry.account(ofPath: $0.repository.path) }
        var findings: [OnlineFinding] = []
        for (account, members) in byAccount.sorted(by: { $0.key < $1.key }) {
            findings.append(try await trafficFinding(account, members.prefix(ForgeSurvey.samples)))
        }
        return findings
    }

    private func trafficFinding(
        _ account: String, _ asked: ArraySlice<FoundRepository>
    ) async throws -> OnlineFinding {
        var refused: String?
        var readable = 0
        for found in asked {
            let answer = try await client.get(trafficRoute(found.repository))
            if answer.status == 200 {
                readable += 1
            } else if [403, 404].contains(answer.status), !answer.lacksSignOn {
                refused = found.repository.path
            } else {
                // It costs this finding alone; what the others find may still be told.
                let failure = answer.failure(of: "traffic of \(found.repository.path)", entry)
                guard !failure.endsTurn else { throw failure }
                return OnlineFinding(.error, failure.code, of: "\(forge)/\(account)", failure.message)
            }
        }
        return trafficFinding(account, of: asked.count, readable: readable, refused: refused)
    }

    private func trafficRoute(_ repository: ForgeRepository) -> [String] {
        entry.platform == .gitlab
            ? ["projects", repository.id, "statistics"]
            : ["repos"] + repository.path.split(separator: "/").map(String.init) + ["traffic", "views"]
    }

    private func trafficFinding(_ account: String, of asked: Int, readable: Int, refused: String?) -> OnlineFinding {
        let word = entry.platform == .gitlab ? "fetches" : "traffic"
        let subject = "\(forge)/\(account)"
        guard let refused else {
            return OnlineFinding(.note, "traffic", of: subject, "\(word) can be read (\(readable) of \(asked) asked)")
        }
        return OnlineFinding(
            .warning, "traffic", of: subject,
            "the token may not read \(word) of \(refused) (\(readable) of \(asked) asked can be read)",
            help: entry.platform == .gitlab
                ? "it needs read_api, of a member who is a Reporter at least"
                : "it needs Administration: read as a fine-grained token, or push access as a classic one")
    }

    // MARK: What it takes

    /// Requests of a first pass, beside those that a repository with more than a page of releases takes.
    private func requests(_ result: ForgeDiscovery.Result) -> Int {
        let count = result.repositories.count
        let found = result.requests
        // What was told by an answer of its own is not asked for once more.
        let whole = result.repositories.count(where: \.isWhole)
        switch entry.platform {
        case .github where entry.token != nil:
            return found + (count + GitHubQuery.batch - 1) / GitHubQuery.batch + 5 * count
        case .github: return found + 3 * count - whole
        case .gitlab: return found + 4 * count - whole
        case .forgejo, .gitea: return found + count
        }
    }

    private func cost(_ result: ForgeDiscovery.Result) -> OnlineFinding {
        OnlineFinding(
            .note, "requests", of: forge,
            "a first run takes about \(requests(result)) requests; later ones are charged for what changed alone, where "
                + "the server keeps to that")
    }

    private func budget(_ result: ForgeDiscovery.Result) async -> [OnlineFinding] {
        let allowance = await client.allowance()
        guard let remaining = allowance.remaining, let limit = allowance.limit else { return [] }
        let until = allowance.resetsAt.map { " until \($0)" } ?? ""
        let needed = requests(result)
        let isShort = needed > remaining
        return [
            OnlineFinding(
                .note, "budget", of: forge, "\(remaining) of \(limit) requests are left\(until)",
                help: isShort
                    ? "a first run waits for the reset, or goes on after it where its timeout is shorter" : nil)
        ]
    }
}
