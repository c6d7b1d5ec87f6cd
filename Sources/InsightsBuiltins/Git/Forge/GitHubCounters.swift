internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// The counters of GitHub's repositories by GraphQL, as long as that works; what it does not tell is asked by REST.
final class GitHubCounters: Sendable {
    private let client: ForgeClient
    private let logger: Logger
    private let isGivenUp: Mutex<Bool>

    init(client: ForgeClient, logger: Logger) {
        self.client = client
        self.logger = logger
        // GraphQL answers nobody without a token.
        isGivenUp = Mutex(client.entry.platform != .github || client.entry.token == nil)
    }

    /// The counters by the repositories' ids.
    ///
    /// - Throws: ``RunFailure`` `credential`; `CancellationError`.
    func of(_ repositories: [ForgeRepository]) async throws -> [String: [String: ForgeFigure]] {
        let ids = Dictionary(
            repositories.compactMap { repository in repository.nodeID.map { ($0, repository.id) } }
        ) { first, _ in first }
        guard !ids.isEmpty, !isGivenUp.withLock({ $0 }) else { return [:] }
        let nodes = try await ask(ids.keys.sorted())
        return Dictionary(nodes.compactMap { node, figures in ids[node].map { ($0, figures) } }) { first, _ in first }
    }

    private func ask(_ ids: [String]) async throws -> [String: [String: ForgeFigure]] {
        guard !isGivenUp.withLock({ $0 }) else { return [:] }
        let answer: ForgeAnswer
        do {
            answer = try await client.query(GitHubQuery.body(ids))
        } catch let failure as RunFailure where failure.code == HTTP.FailureCode.timeout {
            return try await halves(ids)
        } catch let failure as RunFailure where failure.code != "credential" {
            // A limit of GraphQL's own is no reason to wait, as REST has another.
            giveUp("\(failure.code): \(failure.message)")
            return [:]
        }
        switch answer.status {
        case 200: break
        case 502, 504: return try await halves(ids)
        default:
            giveUp("it answered \(answer.status)")
            return [:]
        }
        do throws(RunFailure) {
            switch GitHubQuery.answer(try answer.json(), ids: ids) {
            case .counters(let counters): return counters
            case .rateLimited: giveUp("its points are used up")
            case .failed(let reason): giveUp(reason)
            }
        } catch {
            giveUp(error.message)
        }
        return [:]
    }

    /// A query that takes too long costs extra, so it is asked for less at once, and at last not at all.
    private func halves(_ ids: [String]) async throws -> [String: [String: ForgeFigure]] {
        guard ids.count > GitHubQuery.smallestBatch else {
            giveUp("it takes too long")
            return [:]
        }
        let middle = ids.count / 2
        let first = try await ask(Array(ids[..<middle]))
        return try await ask(Array(ids[middle...])).merging(first) { new, _ in new }
    }

    private func giveUp(_ reason: String) {
        let isNews = isGivenUp.withLock { given in
            defer { given = true }
            return !given
        }
        if isNews { logger.notice("counters are asked by REST from here on, as GraphQL fails: \(reason)") }
    }
}
