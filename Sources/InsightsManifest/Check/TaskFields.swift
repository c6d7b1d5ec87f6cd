/// The keys of a task beside the policy keys.
enum TaskKey: String, CaseIterable {
    case uses
    case description
    case enabled
    case with
    case every
    case cron
    case after
    case starting
    case timezone
}

/// What a task's map holds, sorted out by key.
struct TaskFields {
    private(set) var uses: Field?
    private(set) var description: Field?
    private(set) var enabled: Field?
    private(set) var with: Field?
    private(set) var every: Field?
    private(set) var cron: Field?
    private(set) var after: Field?
    private(set) var starting: Field?
    private(set) var timezone: Field?
    private(set) var policy: [(key: PolicyKey, field: Field)] = []
    private(set) var unknown: [Field] = []

    /// Every key that may stand in a task.
    static let names = TaskKey.allCases.map(\.rawValue) + PolicyKey.allCases.map(\.rawValue)

    init(_ fields: some Sequence<Field>) {
        for field in fields {
            if let key = TaskKey(rawValue: field.name) {
                self[key] = field
            } else if let key = PolicyKey(rawValue: field.name) {
                policy.append((key, field))
            } else {
                unknown.append(field)
            }
        }
    }

    private subscript(key: TaskKey) -> Field? {
        get {
            switch key {
            case .uses: uses
            case .description: description
            case .enabled: enabled
            case .with: with
            case .every: every
            case .cron: cron
            case .after: after
            case .starting: starting
            case .timezone: timezone
            }
        }
        set {
            switch key {
            case .uses: uses = newValue
            case .description: description = newValue
            case .enabled: enabled = newValue
            case .with: with = newValue
            case .every: every = newValue
            case .cron: cron = newValue
            case .after: after = newValue
            case .starting: starting = newValue
            case .timezone: timezone = newValue
            }
        }
    }
}
