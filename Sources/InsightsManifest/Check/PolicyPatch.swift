import InsightsEngine
import InsightsPlugin

/// The policy keys, as they may stand in a task and under `defaults`.
enum PolicyKey: String, CaseIterable {
    case onStart = "on_start"
    case catchUp = "catch_up"
    case catchUpLimit = "catch_up_limit"
    case overlap
    case jitter
    case timeout
    case retry
    case onLost = "on_lost"
    case priority
    case group
    case blocking
    case keep
    case retention
}

/// Some of the policy keys: those that a task, `defaults` or a module sets.
struct PolicyPatch: Hashable {
    var onStart: OnStart?
    var catchUp: CatchUp?
    var catchUpLimit: Int?
    var overlap: Overlap?
    var jitter: Duration?
    var timeout: Duration?
    var retry: Retry?
    var onLost: OnLost?
    var priority: Int?
    var group: String?
    var isBlocking: Bool?
    var keep: Duration?
    var retention: Duration?

    /// Puts every key that is set here into `policy`, whole key by whole key.
    func apply(to policy: inout Policy) {
        if let onStart { policy.onStart = onStart }
        if let catchUp { policy.catchUp = catchUp }
        if let catchUpLimit { policy.catchUpLimit = catchUpLimit }
        if let overlap { policy.overlap = overlap }
        if let jitter { policy.jitter = jitter }
        if let timeout { policy.timeout = timeout }
        if let retry { policy.retry = retry }
        if let onLost { policy.onLost = onLost }
        if let priority { policy.priority = priority }
        if let group { policy.group = group }
        if let isBlocking { policy.isBlocking = isBlocking }
        if let keep { policy.keep = keep }
        if let retention { policy.retention = retention }
    }

    /// What a module wishes where the manifest says nothing.
    init(wishesOf module: RegisteredModule) {
        timeout = module.declaration.timeout
        isBlocking = module.declaration.isBlocking
        retention = module.declaration.retention
    }

    init() {}
}
