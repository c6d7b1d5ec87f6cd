internal import InsightsPlugin
internal import Synchronization

/// Where what belongs to a repository is asked for: by its number, as its name may have become another's since it was
/// found, and what that one has would be stored as this one's.
///
/// GitHub serves under a number all that it serves under a name: its redirects of renamed ones lead there. A server that
/// does not is asked by name, once that is seen. Forgejo and Gitea serve under a number the repository alone.
final class RepositoryPlace: Sendable {
    private enum Way {
        /// Nothing was served yet.
        case unknown
        case byNumber
        case byName
    }

    private let client: ForgeClient
    private let way: Mutex<Way>

    init(client: ForgeClient) {
        self.client = client
        let first: Way =
            switch client.entry.platform {
            case .github: .unknown
            case .gitlab: .byNumber
            case .forgejo, .gitea: .byName
            }
        way = Mutex(first)
    }

    /// The segments that a repository's own begin with, as far as is known by now.
    func segments(of repository: ForgeRepository) -> [String] {
        way.withLock { $0 } == .byName ? named(repository) : numbered(repository)
    }

    private func numbered(_ repository: ForgeRepository) -> [String] {
        [client.entry.platform == .gitlab ? "projects" : "repositories", repository.id]
    }

    private func named(_ repository: ForgeRepository) -> [String] {
        ["repos"] + repository.path.split(separator: "/").map(String.init)
    }

    /// Asks for something that belongs to a repository.
    ///
    /// - Parameters:
    ///   - ask: Asks under the segments that it is handed.
    ///   - status: Of what `ask` hands over.
    /// - Throws: ``RepositoryGone`` when the forge has it no longer; what `ask` throws.
    func answer<Answer>(
        of repository: ForgeRepository, _ ask: ([String]) async throws -> Answer, status: (Answer) -> Int
    ) async throws -> Answer {
        let known = way.withLock { $0 }
        let answer = try await ask(segments(of: repository))
        guard known == .unknown else { return answer }
        if status(answer) == 200 { way.withLock { $0 = .byNumber } }
        guard status(answer) == 404 else { return answer }
        // Is it gone, may it not be read, or does this server not know it by that way?
        let itself = try await client.get(named(repository))
        if itself.isMissing { throw RepositoryGone() }
        guard itself.status == 200 else { return answer }
        guard client.entry.repository(try itself.object())?.id == repository.id else { throw RepositoryGone() }
        let other = try await ask(named(repository))
        if status(other) == 200 { way.withLock { if $0 == .unknown { $0 = .byName } } }
        return other
    }
}
