internal import InsightsPlugin

/// What became of a run's repositories, and what that makes of the run.
struct ActivityOutcome {
    private var results: [RepositoryRun.Result] = []
    private var failures: [(label: String, failure: RunFailure)] = []

    /// A repository was read.
    mutating func add(_ result: RepositoryRun.Result) { results.append(result) }

    /// A repository was not read.
    mutating func add(_ failure: RunFailure, of label: String) { failures.append((label, failure)) }

    /// The run's failure: when more than half of the repositories failed. It can be tried again when one of
    /// theirs can.
    var failure: RunFailure? {
        guard failures.count * 2 > results.count + failures.count, let first = failures.first else { return nil }
        if failures.count == 1 { return first.failure }
        let code =
            failures.allSatisfy { $0.failure.code == first.failure.code } ? first.failure.code : "repositories_failed"
        return RunFailure(
            code, "\(failures.count) of \(results.count + failures.count) repositories failed: \(listing)",
            retryable: failures.contains { $0.failure.isRetryable },
            retryAt: failures.compactMap(\.failure.retryAt).min())
    }

    /// One line for people.
    var summary: String {
        let new = results.reduce(0) { $0 + $1.newCommits }
        var parts = [
            "\(count(results.count, "repository", "repositories")), \(count(new, "new commit", "new commits"))"
        ]
        let shallow = results.filter(\.isShallow).map(\.key)
        if !shallow.isEmpty {
            parts.append("history cut (shallow clone), so totals and age are of what is there: \(named(shallow))")
        }
        if !failures.isEmpty { parts.append("\(failures.count) failed: \(listing)") }
        return parts.joined(separator: "; ")
    }

    private var listing: String { named(failures.map { "\($0.label) (\($0.failure.code): \($0.failure.message))" }) }

    private func named(_ items: [String]) -> String {
        let shown = items.prefix(5).joined(separator: ", ")
        return items.count > 5 ? "\(shown) and \(items.count - 5) more" : shown
    }

    private func count(_ number: Int, _ one: String, _ many: String) -> String {
        "\(number) \(number == 1 ? one : many)"
    }
}
