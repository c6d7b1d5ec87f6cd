internal import InsightsPlugin

/// What became of a run's repositories or accounts, and what that makes of the run.
struct ForgeOutcome: Sendable {
    /// What is counted, for people.
    let one: String
    let many: String
    private var read = 0
    private var before = 0
    private var gone: [String] = []
    private var renamed: [String] = []
    private var failures: [(label: String, count: Int, failure: RunFailure)] = []
    private var stops: [RunFailure] = []
    private var unreadable = 0
    /// By forge and reason: the metrics, and of how many.
    private var absences: [Reason: (metrics: Set<String>, count: Int)] = [:]
    private var order: [Reason] = []

    private struct Reason: Hashable {
        var forge: String
        var text: String
    }

    init(one: String, many: String) {
        self.one = one
        self.many = many
    }

    // MARK: What happened

    /// One was read and is durable.
    ///
    /// - Parameter absent: The metrics that it has no figure for, and why.
    mutating func addRead(_ absent: [(metric: String, reason: String)], of forge: String) {
        read += 1
        var metrics: [String: Set<String>] = [:]
        for absence in absent { metrics[absence.reason, default: []].insert(absence.metric) }
        for (reason, names) in metrics.sorted(by: { $0.key < $1.key }) {
            addAbsence(names, reason, of: forge, count: 1)
        }
    }

    /// Something that a forge tells of nobody.
    mutating func addLacking(_ metrics: [String], _ reason: String, of forge: String) {
        addAbsence(Set(metrics), reason, of: forge, count: 0)
    }

    private mutating func addAbsence(_ metrics: Set<String>, _ text: String, of forge: String, count: Int) {
        let reason = Reason(forge: forge, text: text)
        if absences[reason] == nil { order.append(reason) }
        let former = absences[reason] ?? ([], 0)
        absences[reason] = (former.metrics.union(metrics), former.count + count)
    }

    /// Ones that an earlier attempt of the same run finished.
    mutating func addFinishedBefore(_ count: Int) { before += count }

    /// One that the forge has no longer.
    mutating func addGone(_ label: String) { gone.append(label) }

    /// An account that is called otherwise than in the manifest.
    mutating func addRenamed(_ label: String, to name: String) {
        renamed.append("\(label) is called \(name) now, name it so in the manifest")
    }

    /// Items of a list that could not be understood.
    mutating func addUnreadable(_ count: Int) { unreadable += count }

    /// One that could not be read, or an account that stands for several.
    mutating func addFailure(_ label: String, count: Int = 1, _ failure: RunFailure) {
        failures.append((label, count, failure))
    }

    /// Nothing more can be asked of a forge for now.
    mutating func addStop(_ failure: RunFailure) { stops.append(failure) }

    // MARK: What that makes

    private var failed: Int { failures.reduce(0) { $0 + $1.count } }

    /// The run's failure: a limit that lasts longer than the attempt, a refused credential, or more than half failed.
    ///
    /// A limit comes first, as another attempt goes on where it stopped.
    var failure: RunFailure? {
        let limits = stops.filter { $0.code == HTTP.FailureCode.rateLimited }
        if var limit = limits.first {
            limit.retryAt = limits.compactMap(\.retryAt).min()
            limit.message += "; \(counts), the next attempt goes on from there"
            return limit
        }
        if let stop = stops.first { return stop }
        guard failed * 2 > failed + read + before + gone.count, let first = failures.first else { return nil }
        if failures.count == 1, first.count == 1 { return first.failure }
        let code = failures.allSatisfy { $0.failure.code == first.failure.code } ? first.failure.code : "\(many)_failed"
        return RunFailure(
            code, "\(failed) of \(failed + read + before + gone.count) \(many) failed: \(listing)",
            retryable: failures.contains { $0.failure.isRetryable },
            retryAt: failures.compactMap(\.failure.retryAt).min())
    }

    /// One line for people.
    var summary: String {
        var parts = [counts]
        if !gone.isEmpty { parts.append("gone: \(named(gone))") }
        if !renamed.isEmpty { parts.append(named(renamed)) }
        if !failures.isEmpty { parts.append("\(failed) failed: \(listing)") }
        if unreadable > 0 { parts.append("\(unreadable) items of lists could not be understood") }
        if !absences.isEmpty { parts.append("not told: " + order.map(told).joined(separator: "; ")) }
        return parts.joined(separator: "; ")
    }

    private var counts: String {
        let read = "\(read) \(read == 1 ? one : many) read"
        return before == 0 ? read : "\(read), \(before) by an earlier attempt"
    }

    private func told(_ reason: Reason) -> String {
        let absence = absences[reason] ?? ([], 0)
        let count = absence.count == 0 ? "" : " of \(absence.count) \(absence.count == 1 ? one : many)"
        return "\(absence.metrics.sorted().joined(separator: ", "))\(count) on \(reason.forge) (\(reason.text))"
    }

    private var listing: String {
        named(
            failures.map { failure in
                let count = failure.count == 1 ? "" : " with \(failure.count) \(many)"
                return "\(failure.label)\(count) (\(failure.failure.code): \(failure.failure.message))"
            })
    }

    private func named(_ items: [String]) -> String {
        let shown = items.prefix(5).joined(separator: ", ")
        return items.count > 5 ? "\(shown) and \(items.count - 5) more" : shown
    }
}
