import InsightsEngine
import InsightsPlugin

/// What the manifest as a whole says to each of its tasks.
struct TaskSurroundings {
    var registry: Registry
    /// `defaults`, as far as they are right.
    var defaults: PolicyPatch
    var zone: Zone
    /// For a task that names no cadence.
    var defaultInterval: Duration
    /// For warnings of coming clock changes.
    var now: Instant
    /// The manifest's folder, absolute.
    var folder: String
}

/// A task that another one waits for, where it is named.
struct Upstream {
    var name: String
    var place: Place
}

/// A task after its own checks; those among tasks follow.
struct CheckedTask {
    var name: String
    var isEnabled: Bool
    /// Where `after` stands and what it names.
    var after: (key: Place, upstream: [Upstream])?
    /// `nil` when something about it is wrong.
    var definition: TaskDefinition?
}

/// Checks tasks one by one.
struct TaskChecker {
    let surroundings: TaskSurroundings
    let values: ValueReader
    let policies: PolicyReader
    private let pool = SettingsPool()
    private let patterns = PatternCache()
    private var parametersSeen: [ParametersKey: CheckedParameters] = [:]
    private let moduleIDs: [String]

    /// Tasks that share a `with` by alias share its check.
    private struct ParametersKey: Hashable {
        var with: NodeID
        var module: String
        var isEnabled: Bool
    }

    init(surroundings: TaskSurroundings, policies: PolicyReader) {
        self.surroundings = surroundings
        self.policies = policies
        values = policies.values
        moduleIDs = surroundings.registry.modules.map(\.id)
    }

    /// Checks one task.
    ///
    /// - Parameter task: Its name and its map.
    mutating func check(_ task: Field) -> CheckedTask {
        checkName(task)
        var result = CheckedTask(name: task.name, isEnabled: true)
        guard let entries = values.entries(task, expected: "a task, which is a map") else { return result }
        let fields = TaskFields(entries.lazy.map(values.field))
        // Without knowing better a task counts as enabled: then a variable without a value is an error.
        result.isEnabled = fields.enabled.map { values.boolean($0) ?? true } ?? true
        var reader = values
        reader.unsetSeverity = result.isEnabled ? .error : .warning
        reader.unset = result.isEnabled ? nil : UnsetNames()
        for field in fields.unknown { reader.tellUnknownKey(field, in: "a task", known: TaskFields.names) }

        var patch = PolicyPatch()
        let policyReader = PolicyReader(values: reader, groups: policies.groups)
        for (key, field) in fields.policy { policyReader.read(key, field, into: &patch) }
        let module = module(fields.uses, of: task)
        let summary = fields.description.flatMap { reader.text($0)?.text } ?? ""
        let parameters = parameters(fields.with, of: task, module, isEnabled: result.isEnabled, reader)
        let cadence = CadenceReader(values: reader, surroundings: surroundings).read(fields, after: &result.after)
        guard let module, let parameters, let cadence = cadence ?? fallback(isEnabled: result.isEnabled) else {
            return result
        }

        var policy = Policy()
        PolicyPatch(wishesOf: module).apply(to: &policy)
        surroundings.defaults.apply(to: &policy)
        patch.apply(to: &policy)
        if result.isEnabled { warn(of: cadence, fields, policy, task) }
        for name in parameters.unset { reader.unset?.insert(name) }
        let pooled = pool.settings(
            of: module, summary: summary.isEmpty ? module.declaration.summary : summary, isEnabled: result.isEnabled,
            parameters: parameters, policy: policy, unset: reader.unset?.names ?? [])
        result.definition = definition(task.name, cadence, pooled)
        return result
    }

    /// The cadence of a disabled task whose own hangs on a variable without a value: it is never used.
    private func fallback(isEnabled: Bool) -> Cadence? {
        let interval = surroundings.defaultInterval.wholeMilliseconds
        return isEnabled ? nil : .every(milliseconds: interval, starting: nil)
    }

    private func definition(_ name: String, _ cadence: Cadence, _ pooled: SettingsPool.Pooled) -> TaskDefinition {
        var hash = TaskHash(after: pooled.hash)
        hash.combine(name)
        hash.combine(cadence)
        return TaskDefinition(name: name, cadence: cadence, settings: pooled.settings, hash: hash.value)
    }

    private func checkName(_ task: Field) {
        guard !Registry.isValid(name: task.name) else { return }
        values.sink.error(
            .name, at: values.namePlace(task), "\(Shown.quoted(task.name)) cannot be the name of a task",
            help: "use 1 to 64 small letters, digits, \"_\" and \"-\", with a letter or digit at both ends")
    }

    // MARK: Module and parameters

    private func module(_ uses: Field?, of task: Field) -> RegisteredModule? {
        guard let uses else {
            let help = "name its module, as in uses: \(moduleIDs.first ?? "command.run")"
            values.tellMissingKey(
                "uses", in: "task \(Shown.quoted(task.name))", of: task.value, at: values.namePlace(task), help: help)
            return nil
        }
        // Always an error when a variable has no value: without its module not even a disabled task can be shown.
        guard let id = values.text(uses, expected: "the name of a module")?.text else { return nil }
        if let module = surroundings.registry[id] { return module }
        let short = moduleIDs.first { $0.hasSuffix("." + id) }
        let help =
            short.map { "did you mean \(Shown.quoted($0))?" }
            ?? values.suggestions.help(for: id, among: moduleIDs, kind: "modules")
        values.sink.error(
            .unknownModule, at: values.place(uses), "unknown module \(Shown.quoted(id))", help: help)
        return nil
    }

    /// The task's parameters as its module takes them; `nil` when they cannot be known.
    private mutating func parameters(
        _ with: Field?, of task: Field, _ module: RegisteredModule?, isEnabled: Bool, _ reader: ValueReader
    ) -> CheckedParameters? {
        guard let module else {
            if let with { reader.checkVariables(with.value) }
            return nil
        }
        let target = with.map { reader.tree.resolved($0.value) }
        let key = target.map { ParametersKey(with: $0, module: module.id, isEnabled: isEnabled) }
        if let key, let seen = parametersSeen[key] { return seen }
        // Apart from the task's other ones, as the next task that shares these parameters has others of those.
        var own = reader
        own.unset = isEnabled ? nil : UnsetNames()
        var checker = ParameterChecker(values: own, module: module, folder: surroundings.folder, patterns: patterns)
        var checked = checker.check(with, of: reader.namePlace(task))
        checked.unset = own.unset?.names ?? []
        // Only what an alias names or `<<` brings in can come up again; the rest would fill the memory.
        if let key, let with, with.isMerged || with.value != target || reader.tree.isShared(with.value) {
            parametersSeen[key] = checked
        }
        return checked
    }

    // MARK: Warnings

    private func warn(of cadence: Cadence, _ fields: TaskFields, _ policy: Policy, _ task: Field) {
        switch cadence {
        case .every(let milliseconds, _):
            guard let retention = policy.retention, milliseconds > retention.wholeMilliseconds / 2 else { return }
            let every = DurationText.format(.milliseconds(milliseconds))
            let kept = DurationText.format(retention)
            values.sink.warning(
                .retention, at: fields.every.map(values.place) ?? values.namePlace(task),
                "every \(every) is longer than half of the \(kept) for which the source keeps its data:"
                    + " one missed run loses some",
                help: "run it every \(DurationText.format(retention / 2)) or more often")
        case .cron(let schedule):
            guard let change = values.cache.clockChange(schedule, now: surroundings.now), let field = fields.cron
            else { return }
            values.sink.warning(.clockChange, at: values.place(field), change.message, help: change.help)
        case .after: break
        }
    }
}
