internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// The counters of GitHub's repositories by GraphQL, as long as that works; what it does not tell is asked by REST.
final class GitHubCounters: Sendable {
    private let client: ForgeClient
    private let logger: Logger
    private let state: Mutex<State>

    private struct State {
        var isGivenUp: Bool
        /// Queries in a row that came to nothing.
        var failures = 0
        var isTold = false
    }

    /// So many queries in a row have to fail before the others are not tried any more.
    private static let failureLimit = 2

    init(client: ForgeClient, logger: Logger) {
        self.client = client
        self.logger = logger
        // GraphQL answers nobody without a token.
        state = Mutex(State(isGivenUp: client.entry.platform != .github || client.entry.token == nil))
    }

    private var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// The counters by the repositories' ids.
    ///
    /// - Throws: ``RunFailure`` `credential`; `CancellationError`.
    func of(_ repositories: [ForgeRepository]) async throws -> [String: [String: ForgeFigure]] {
        let ids = Dictionary(
            repositories.compactMap { repository in repository.nodeID.map { ($0, repository.id) } }
        ) { first, _ in first }
        guard !ids.isEmpty, !isGivenUp else { return [:] }
        let nodes = try await ask(ids.keys.sorted())
        return Dictionary(nodes.compactMap { node, figures in ids[node].map { ($0, figures) } }) { first, _ in first }
    }

    /// - Parameter tries: How often a connection may break. Asking again changes nothing there; but a query that took too
    ///   long is not sent again as it is, so the client is not told so.
    private func ask(_ ids: [String], tries: Int = 2) async throws -> [String: [String: ForgeFigure]] {
        guard !isGivenUp else { return [:] }
        let answer: ForgeAnswer
        do {
            answer = try await client.query(GitHubQuery.body(ids))
        } catch let failure as RunFailure where failure.code == HTTP.FailureCode.timeout {
            return try await halves(ids)
        } catch let failure as RunFailure where failure.code == HTTP.FailureCode.unreachable && tries > 1 {
            return try await ask(ids, tries: tries - 1)
        } catch let failure as RunFailure where failure.code == HTTP.FailureCode.rateLimited {
            // A limit of GraphQL's own is no reason to wait, as REST has another; and it may be over by the next query.
            return skip(failure.message)
        } catch let failure as RunFailure where failure.code != "credential" {
            return fail("\(failure.code): \(failure.message)")
        }
        switch answer.status {
        case 200: break
        case 502, 504: return try await halves(ids)
        case 500...599: return fail("it answered \(answer.status)")
        default: return giveUp("it answered \(answer.status)")
        }
        do throws(RunFailure) {
            switch GitHubQuery.answer(try answer.json(), ids: ids) {
            case .counters(let counters):
                state.withLock { $0.failures = 0 }
                return counters
            case .rateLimited: return skip("its points are used up")
            case .failed(let reason): return fail(reason)
            }
        } catch {
            return fail(error.message)
        }
    }

    /// A query that takes too long costs extra, so it is asked for less at once, and at last not at all.
    private func halves(_ ids: [String]) async throws -> [String: [String: ForgeFigure]] {
        guard ids.count > GitHubQuery.smallestBatch else {
            return giveUp("it takes too long")
        }
        let middle = ids.count / 2
        let first = try await ask(Array(ids[..<middle]))
        return try await ask(Array(ids[middle...])).merging(first) { new, _ in new }
    }

    // MARK: What goes wrong

    /// These ones are asked by REST.
    private func skip(_ reason: String) -> [String: [String: ForgeFigure]] {
        let isNews = state.withLock { state in
            defer { state.isTold = true }
            return !state.isTold
        }
        if isNews { logger.notice("counters are asked by REST where GraphQL fails: \(reason)") }
        return [:]
    }

    /// These ones, and after several such queries all others.
    private func fail(_ reason: String) -> [String: [String: ForgeFigure]] {
        state.withLock { state in
            state.failures += 1
            state.isGivenUp = state.failures >= GitHubCounters.failureLimit
        }
        return skip(reason)
    }

    /// These ones and all others.
    private func giveUp(_ reason: String) -> [String: [String: ForgeFigure]] {
        state.withLock { $0.isGivenUp = true }
        return skip(reason)
    }
}
