import InsightsEngine
import InsightsPlugin

/// Reads what says when a task is due.
struct CadenceReader {
    let values: ValueReader
    let surroundings: TaskSurroundings

    /// Reads the cadence of one task; all its keys are checked, also those that another one rules out.
    ///
    /// - Parameter after: Set to where `after` stands and what it names.
    /// - Returns: `nil` after problems were told, be it only a warning of a variable without a value.
    func read(_ fields: TaskFields, after: inout (key: Place, upstream: [Upstream])?) -> Cadence? {
        let isSingle = checkSingle([fields.every, fields.cron, fields.after].compactMap(\.self))
        let zone = fields.timezone.map(values.zone) ?? surroundings.zone
        let starting = fields.starting.map(values.instant)
        let every = fields.every.map { values.duration($0, atLeast: .milliseconds(100)) }
        // An unknown zone was told; the expression itself can be checked in any.
        let cron = fields.cron.map { values.cron($0, zone: zone ?? surroundings.zone) }
        if let field = fields.after { after = (values.namePlace(field), upstream(field)) }
        guard isSingle, zone != nil else { return nil }
        if let cron { return cron.map(Cadence.cron) }
        if let after { return after.upstream.isEmpty ? nil : .after(after.upstream.map(\.name)) }
        if let starting, starting == nil { return nil }
        let interval = every ?? surroundings.defaultInterval
        return interval.map { .every(milliseconds: $0.wholeMilliseconds, starting: starting ?? nil) }
    }

    /// Tells of each cadence beside the first.
    private func checkSingle(_ given: [Field]) -> Bool {
        guard given.count > 1 else { return true }
        // What `<<` brings in counts as first, wherever it stands: the task's own key is the one to mend.
        let ordered = given.sorted { left, right in
            if left.isMerged != right.isMerged { return left.isMerged }
            return values.namePlace(left).start < values.namePlace(right).start
        }
        for field in ordered.dropFirst() {
            values.sink.error(
                .cadence, at: values.namePlace(field),
                "\(Shown.quoted(field.name)) beside \(Shown.quoted(ordered[0].name)): a task has one cadence",
                help: "keep one of every, cron and after")
        }
        return false
    }

    /// The tasks that `after` names, each once.
    private func upstream(_ field: Field) -> [Upstream] {
        let tree = values.tree
        let target = tree.resolved(field.value)
        let expected = "the name of a task or a list of names"
        if tree.isAbsent(target) || tree[target].kind == .mapping {
            values.tellType(field, expected)
            return []
        }
        let isList = tree[target].kind == .sequence
        let items = isList ? values.items(field, expected: expected) ?? [] : [field]
        if items.isEmpty, !tree[target].flags.contains(.isIncomplete) {
            values.sink.error(.type, at: values.place(field), "\"after\" must name at least one task")
        }
        var found: [Upstream] = []
        var seen: Set<String> = []
        for item in items {
            guard let name = values.text(item, expected: "the name of a task")?.text else { continue }
            if seen.insert(name).inserted { found.append(Upstream(name: name, place: values.place(item))) }
        }
        return found
    }
}
