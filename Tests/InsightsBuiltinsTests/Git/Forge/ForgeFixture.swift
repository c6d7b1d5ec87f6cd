import Foundation
import InsightsForgeServer
import InsightsPlugin
import InsightsTesting

@testable import InsightsBuiltins

/// A simulated forge with an organisation, and a task that collects from it.
struct ForgeFixture {
    static let token = "ghp_Planted0Token1That2Nobody3May4See"
    /// The token as an answer might have it.
    static let tokenForms = [
        token, token.uppercased(), token.utf8.map { String($0, radix: 16) }.joined(),
        Data(token.utf8).base64EncodedString(),
    ]
    static let start = Instant("2026-01-05T10:00:00Z") ?? Instant(seconds: 0)

    let forge: Forge
    let direct: DirectForge
    let clock: ManualClock
    let repositories: RecordingHost
    let accounts: RecordingHost
    let platforms: RecordingHost

    /// The key of the forge, as its address gives it.
    let key: String

    init(_ kind: ForgeKind = .github, now: Instant = start) {
        let forge = Forge(kind, now: now)
        let direct = DirectForge(forge)
        self.init(forge, direct: direct, http: direct, key: "127.0.0.1:4711", now: now)
    }

    /// A fixture over a forge that is asked by another client, such as one over sockets.
    init(
        _ forge: Forge, direct: DirectForge? = nil, http: any HTTP.Client, key: String, now: Instant = start,
        state: [String: Value] = [:]
    ) {
        self.forge = forge
        self.key = key
        self.direct = direct ?? DirectForge(forge)
        forge.addToken(ForgeToken(ForgeFixture.token))
        clock = ManualClock(now)
        repositories = RecordingHost(GitRepositories().declaration, clock: clock, http: http, state: state)
        accounts = RecordingHost(GitAccounts().declaration, clock: clock, http: http)
        platforms = RecordingHost(GitPlatforms().declaration, clock: clock)
    }

    /// Moves both calendars.
    func advance(to instant: Instant) {
        forge.now = instant
        clock.set(instant)
    }

    /// One entry that tracks `acme`.
    func entry(_ changes: ValueObject = [:], token: String? = ForgeFixture.token) -> Value {
        var entry: ValueObject = [
            "platform": .string(forge.kind.rawValue), "base_url": .string("http://\(key)"), "accounts": ["acme"],
        ]
        if let token { entry["token"] = .string(token) }
        for (name, value) in changes { entry[name] = value }
        return .object(entry)
    }

    @discardableResult
    func collect(
        _ changes: ValueObject = [:], token: String? = ForgeFixture.token, scheduledAt: Instant? = nil, attempt: Int = 1
    ) async throws -> String {
        try await repositories.run(
            GitRepositories(), with: ["forges": [entry(changes, token: token)]], scheduledAt: scheduledAt,
            attempt: attempt) ?? ""
    }

    func repository(_ path: String) -> SubjectReference {
        SubjectReference(kind: "repository", key: "\(key)/\(path)".lowercased())
    }

    func account(_ path: String) -> SubjectReference {
        SubjectReference(kind: "account", key: "\(key)/\(path)".lowercased())
    }

    var platform: SubjectReference { SubjectReference(kind: "platform", key: key) }

    /// The gaps of one subject's metric, in the order of their emission.
    func gaps(_ metric: String, of subject: SubjectReference) -> [Gap] {
        repositories.emissions.compactMap {
            if case .gap(let gap) = $0, gap.metric == metric, gap.subject == subject { gap } else { nil }
        }
    }

    /// The days of these gaps, counted from the day that a fixture begins at.
    func gapDays(_ metric: String, of subject: SubjectReference) -> [[Int64]] {
        let first = ForgeFixture.start.startOfDay.milliseconds
        return gaps(metric, of: subject).map { gap in
            [gap.from, gap.to].map { ($0.milliseconds - first) / 86_400_000 }
        }
    }

    /// The paths under which what belongs to a repository is asked for: by its number on GitHub.
    func place(of path: String) -> String {
        let id = forge.repositories.first { forge.fullName($0.id)?.lowercased() == path.lowercased() }?.id ?? 0
        return "/api/v3/repositories/\(id)"
    }

    /// How often each path was asked for.
    var paths: [String: Int] {
        Dictionary(forge.log.map { ($0.path, 1) }, uniquingKeysWith: +)
    }

    /// Gives a repository the figures that tests of all forges expect.
    static func count(_ repository: inout InsightsForgeServer.ForgeRepository) {
        repository.stars = 50
        repository.forks = 7
        repository.watchers = 5
        repository.openIssues = 4
        repository.openPullRequests = 3
        repository.sizeKiB = 12
    }

    /// Everything that the module left anywhere, as text.
    var everything: String {
        let hosts = [repositories, accounts, platforms]
        return hosts.map { host in
            "\(host.emissions) \(host.state.mapValues(\.json)) \(host.lines) \(host.reports)"
        }.joined()
    }
}
