import InsightsEngine
import InsightsPlugin

/// Gives tasks whose settings are equal the same object.
///
/// A manifest of 100 000 tasks mostly has a few settings: shared, they cost nothing for as long as it lives.
/// A class, as it is filled while tasks are checked one by one. One check, one thread.
final class SettingsPool {
    /// Settings with what their part of a task's hash is.
    struct Pooled {
        var settings: TaskSettings
        /// The variables that it lacks.
        var unset: [String]
        var hash: UInt64
    }

    /// By a hash of everything, secrets included; of several settings with one hash the first is here.
    private var pool: [UInt64: Pooled] = [:]

    /// The settings of a task, the same object for equal ones.
    ///
    /// - Parameter unset: Variables of a disabled task that have no value: it then has a module that says so.
    func settings(
        of module: RegisteredModule, summary: String, isEnabled: Bool, parameters: CheckedParameters, policy: Policy,
        unset: [String]
    ) -> Pooled {
        var hash = TaskHash()
        hash.combine(module.id)
        hash.combine(summary)
        hash.combine(byte: isEnabled ? 1 : 0)
        hash.combine(policy)
        hash.combine(parameters.value, members: module.declaration.parameters)
        for name in unset { hash.combine(name) }
        var key = hash
        for secret in parameters.secrets { key.combine(secret) }
        let known = pool[key.value]
        if let known, known.settings.uses == module.id, known.settings.summary == summary,
            known.settings.isEnabled == isEnabled, known.settings.policy == policy,
            known.settings.parameters == parameters.value, known.unset == unset
        {
            return known
        }
        let settings = TaskSettings(
            uses: module.id, summary: summary, isEnabled: isEnabled, parameters: parameters.value,
            secrets: parameters.secrets, policy: policy,
            module: unset.isEmpty ? module.module : IncompleteModule(module: module.module, unset: unset),
            declaration: module.declaration)
        let pooled = Pooled(settings: settings, unset: unset, hash: hash.value)
        // Two different settings with one hash are too rare to keep a list for: the second is just not shared.
        if known == nil { pool[key.value] = pooled }
        return pooled
    }
}
