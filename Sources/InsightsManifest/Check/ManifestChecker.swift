import InsightsEngine
import InsightsPlugin

/// Checks a whole manifest, top level first.
struct ManifestChecker {
    /// The keys of the top level.
    enum Key: String, CaseIterable {
        case version
        case timezone
        case concurrency
        case defaults
        case groups
        case plugins
        case alerts
        case tasks
    }

    /// The highest version of the manifest that this program reads.
    static let highestVersion: Int64 = 1

    let values: ValueReader
    let registry: Registry
    let defaultInterval: Duration
    let processorCount: Int
    let now: Instant
    /// The manifest's folder, absolute.
    let folder: String

    /// Checks the tree, telling of every problem.
    ///
    /// - Returns: The manifest; without meaning when any error was told.
    func check() -> Manifest? {
        guard let fields = fields() else { return nil }
        checkVersion(fields[.version])
        let zone = fields[.timezone].flatMap(values.zone) ?? .utc
        let concurrency = fields[.concurrency].flatMap { values.integer($0, in: 1...10_000) }
        let (groups, groupNames) = groups(fields[.groups])
        let policies = PolicyReader(values: values, groups: groupNames)
        let surroundings = TaskSurroundings(
            registry: registry, defaults: defaults(fields[.defaults], policies), zone: zone,
            defaultInterval: defaultInterval, now: now, folder: folder)
        let written = tasks(fields[.tasks])
        let list = TaskListChecker(values: values, tasks: written ?? [])
        let tasks = list.check(TaskChecker(surroundings: surroundings, policies: policies))
        fields[.plugins].map { PluginListChecker(values: values, folder: folder).check($0) }
        if let alerts = fields[.alerts] {
            AlertChecker(values: values, tasks: KnownNames(written?.map(\.name))).check(alerts)
        }
        let most = concurrency ?? min(max(4 * processorCount, 1), 10_000)
        return manifest(zone: zone, concurrency: most, groups: groups, tasks: tasks)
    }

    /// The top level by key; `nil` when it is no map.
    private func fields() -> [Key: Field]? {
        let start = Place(start: 0, end: 0)
        guard let root = values.tree.root else {
            if !values.tree.isPartial { tellMissing([.version, .tasks], of: nil) }
            return nil
        }
        var fields: [Key: Field] = [:]
        let target = values.tree.resolved(root)
        guard values.tree[target].kind == .mapping || values.tree.isNull(target) else {
            let whole = Field(name: "the manifest", key: nil, value: root)
            values.sink.error(
                .type, at: values.tree.isPartial ? start : values.tree.place(target),
                "the manifest must be a map, not \(values.describe(whole))", help: "begin it with version: 1")
            return nil
        }
        for field in values.entries(Field(name: "", key: nil, value: root))?.map(values.field) ?? [] {
            if let key = Key(rawValue: field.name) {
                fields[key] = field
            } else {
                values.tellUnknownKey(field, in: "the manifest", known: Key.allCases.map(\.rawValue))
            }
        }
        tellMissing([.version, .tasks].filter { fields[$0] == nil }, of: root)
        return fields
    }

    private func tellMissing(_ keys: [Key], of root: NodeID?) {
        let help = [Key.version: "begin with version: 1", .tasks: "add tasks: {}, which may stay empty"]
        for key in keys {
            values.tellMissingKey(
                key.rawValue, in: "the manifest", of: root, at: Place(start: 0, end: 0), help: help[key])
        }
    }

    private func checkVersion(_ field: Field?) {
        guard let field, let text = values.text(field, expected: "a whole number")?.text else { return }
        switch ScalarText.integer(text) {
        case .value(ManifestChecker.highestVersion): return
        case .none: values.tellText(.type, field, text, "a whole number")
        case .value, .tooLarge:
            values.sink.error(
                .version, at: values.place(field),
                "version \(text) of the manifest is not known: this program reads up to"
                    + " \(ManifestChecker.highestVersion)",
                help: "write version: \(ManifestChecker.highestVersion), or use a newer insights")
        }
    }

    private func groups(_ field: Field?) -> ([String: Int], KnownNames) {
        guard let field else { return ([:], KnownNames([])) }
        guard let entries = values.entries(field, expected: "a map of names to whole numbers") else {
            return ([:], KnownNames(nil))
        }
        let fields = entries.map(values.field)
        var groups: [String: Int] = [:]
        for group in fields { groups[group.name] = values.integer(group, in: 1...Int64.max) }
        return (groups, KnownNames(fields.map(\.name)))
    }

    private func defaults(_ field: Field?, _ policies: PolicyReader) -> PolicyPatch {
        var patch = PolicyPatch()
        guard let field, let entries = values.entries(field) else { return patch }
        for part in entries.lazy.map(values.field) {
            if let key = PolicyKey(rawValue: part.name) {
                policies.read(key, part, into: &patch)
            } else {
                values.tellUnknownKey(part, in: "\"defaults\"", known: PolicyKey.allCases.map(\.rawValue))
            }
        }
        return patch
    }

    /// The tasks in the order of the file; `nil` when there is no map of them.
    private func tasks(_ field: Field?) -> [Field]? {
        field.flatMap { values.entries($0, expected: "a map of names to tasks")?.map(values.field) }
    }

    private func manifest(zone: Zone, concurrency: Int, groups: [String: Int], tasks: [TaskDefinition]) -> Manifest {
        var hash = TaskHash()
        hash.combine(zone.identifier)
        hash.combine(Int64(concurrency))
        for (name, limit) in groups.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            hash.combine(name)
            hash.combine(Int64(limit))
        }
        for task in tasks { hash.combine(Int64(bitPattern: task.hash)) }
        return Manifest(zone: zone, concurrency: concurrency, groups: groups, tasks: tasks, hash: hash.value)
    }
}
