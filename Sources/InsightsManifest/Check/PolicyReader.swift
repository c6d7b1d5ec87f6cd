import InsightsEngine

/// Reads policy keys.
struct PolicyReader {
    let values: ValueReader
    /// The names under `groups`.
    let groups: KnownNames

    /// Reads the value of one key into `patch`; leaves it unset after telling of a problem.
    func read(_ key: PolicyKey, _ field: Field, into patch: inout PolicyPatch) {
        switch key {
        case .onStart: patch.onStart = values.choice(field, OnStart.self)
        case .catchUp: patch.catchUp = values.choice(field, CatchUp.self)
        case .catchUpLimit: patch.catchUpLimit = values.integer(field, in: 1...10_000)
        case .overlap: patch.overlap = values.choice(field, Overlap.self)
        case .jitter: patch.jitter = values.duration(field)
        // Nothing can be done in no time: a timeout of zero is surely meant as "none", which there is not.
        case .timeout: patch.timeout = values.duration(field, atLeast: .milliseconds(1))
        case .retry: patch.retry = retry(field)
        case .onLost: patch.onLost = values.choice(field, OnLost.self)
        case .priority: patch.priority = values.integer(field, in: -100...100)
        case .group: patch.group = group(field)
        case .blocking: patch.isBlocking = values.boolean(field)
        case .keep: patch.keep = values.duration(field)
        // A source that keeps nothing at all has nothing to read either.
        case .retention: patch.retention = values.duration(field, atLeast: .milliseconds(1))
        }
    }

    private func group(_ field: Field) -> String? {
        guard let name = values.text(field, expected: "the name of a group")?.text else { return nil }
        if groups.contains(name) { return name }
        if values.tree.isPartial || !groups.isKnown { return nil }
        let help =
            groups.sorted.isEmpty
            ? "name it at the top level, as in groups: {\(name): 2}"
            : values.suggestions.help(for: name, among: groups.sorted, kind: "groups")
        values.sink.error(.unknownGroup, at: values.place(field), "unknown group \(Shown.quoted(name))", help: help)
        return nil
    }

    /// `retry: 3`, or a map; keys that the map leaves out are the program's own, not those of `defaults`.
    private func retry(_ field: Field) -> Retry? {
        let tree = values.tree
        let target = tree.resolved(field.value)
        if tree[target].kind == .scalar, !tree.isNull(target) {
            return values.integer(field, in: 1...100).map { Retry(attempts: $0) }
        }
        guard let entries = values.entries(field, expected: "a whole number or a map") else { return nil }
        var retry = Retry()
        for entry in entries {
            let part = values.field(entry)
            switch part.name {
            case "attempts": retry.attempts = values.integer(part, in: 1...100) ?? retry.attempts
            case "delay": retry.delay = values.duration(part) ?? retry.delay
            case "factor": retry.factor = values.number(part, atLeast: 1) ?? retry.factor
            case "max_delay": retry.maxDelay = values.duration(part) ?? retry.maxDelay
            default:
                values.tellUnknownKey(part, in: "\"retry\"", known: ["attempts", "delay", "factor", "max_delay"])
            }
        }
        return retry
    }
}
