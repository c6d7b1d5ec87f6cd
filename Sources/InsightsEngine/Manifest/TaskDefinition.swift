package import InsightsPlugin

/// Everything about a task but its name and cadence; shared by tasks that have it in common.
package final class TaskSettings: Sendable {
    /// `plugin.module`.
    package let uses: String
    /// For people; the module's summary when the manifest has none.
    package let summary: String
    /// Whether the cadence starts it.
    package let isEnabled: Bool
    /// Checked, with defaults.
    package let parameters: Value
    /// Values that are never shown, logged or stored: replaced by `***` wherever they turn up.
    package let secrets: [String]
    package let policy: Policy
    package let module: any TaskModule
    package let declaration: ModuleDeclaration

    /// - Parameter declaration: What `module` declares, where it is already at hand: a module builds its
    ///   declaration anew at every call, and a manifest can have many settings.
    package init(
        uses: String, summary: String, isEnabled: Bool, parameters: Value, secrets: [String], policy: Policy,
        module: any TaskModule, declaration: ModuleDeclaration? = nil
    ) {
        self.uses = uses
        self.summary = summary
        self.isEnabled = isEnabled
        self.parameters = parameters
        self.secrets = secrets
        self.policy = policy
        self.module = module
        self.declaration = declaration ?? module.declaration
    }
}

/// A task of the manifest, resolved: its module is found, its parameters fit.
package struct TaskDefinition: Sendable {
    package var name: String
    package var cadence: Cadence
    package var settings: TaskSettings
    /// Of the task's resolved text (not of values of secrets): equal hashes mean an unchanged task.
    package var hash: UInt64

    package init(name: String, cadence: Cadence, settings: TaskSettings, hash: UInt64) {
        self.name = name
        self.cadence = cadence
        self.settings = settings
        self.hash = hash
    }
}

extension TaskDefinition {
    /// Whether its source is about to drop what was never collected: the last success is older than three quarters of
    /// the time that the source keeps its data.
    ///
    /// A disabled task collects nothing on purpose; one without `retention` can lose nothing.
    ///
    /// - Parameter lastSuccess: A scheduled instant; `nil` before the first success, when nothing is counted on yet.
    package func isAtRisk(lastSuccess: Instant?, now: Instant) -> Bool {
        guard settings.isEnabled, let retention = settings.policy.retention, let lastSuccess else { return false }
        return now.since(lastSuccess) > retention * 3 / 4
    }
}

/// A resolved manifest: nothing in it can be wrong any more.
package struct Manifest: Sendable {
    /// For calendar days shown to people, and the default of `cron`.
    package var zone: Zone
    /// Most runs at once on this node.
    package var concurrency: Int
    /// Most runs at once among the tasks that name the group.
    package var groups: [String: Int]
    /// Sorted by name.
    package var tasks: [TaskDefinition]
    /// Of all of it.
    package var hash: UInt64

    package init(zone: Zone, concurrency: Int, groups: [String: Int], tasks: [TaskDefinition], hash: UInt64) {
        self.zone = zone
        self.concurrency = concurrency
        self.groups = groups
        self.tasks = tasks
        self.hash = hash
    }
}
