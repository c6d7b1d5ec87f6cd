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
        var hash: UInt64
    }

    /// All that tells two settings apart; secrets are part of the parameters.
    private struct Key: Hashable {
        var uses: String
        var summary: String
        var isEnabled: Bool
        var parameters: Value
        var policy: Policy
    }

    private var pool: [Key: Pooled] = [:]

    func settings(
        of module: RegisteredModule, summary: String, isEnabled: Bool, parameters: CheckedParameters, policy: Policy
    ) -> Pooled {
        let key = Key(
            uses: module.id, summary: summary, isEnabled: isEnabled, parameters: parameters.value, policy: policy)
        if let known = pool[key] { return known }
        let settings = TaskSettings(
            uses: module.id, summary: summary, isEnabled: isEnabled, parameters: parameters.value,
            secrets: parameters.secrets, policy: policy, module: module.module, declaration: module.declaration)
        var hash = TaskHash()
        hash.combine(module.id)
        hash.combine(summary)
        hash.combine(byte: isEnabled ? 1 : 0)
        hash.combine(policy)
        hash.combine(parameters.value, .object(module.declaration.parameters))
        let pooled = Pooled(settings: settings, hash: hash.value)
        pool[key] = pooled
        return pooled
    }
}
