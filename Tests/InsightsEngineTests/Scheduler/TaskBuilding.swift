import InsightsEngine
import InsightsPlugin

/// A module that is never run: planner tests end attempts themselves.
struct IdleModule: TaskModule {
    var declaration: ModuleDeclaration { ModuleDeclaration(id: "idle", summary: "does nothing") }
    func run(_ context: RunContext) async throws -> String? { nil }
}

/// Monday, 2026-01-05, 00:00 UTC: second 0 of every table.
let origin = Instant(seconds: 1_767_571_200)

/// `seconds` after ``origin``.
func at(_ seconds: Double) -> Instant { Instant(milliseconds: origin.milliseconds + Int64(seconds * 1000)) }

extension Cadence {
    static func every(_ seconds: Double, starting: Double? = nil) -> Cadence {
        .every(milliseconds: Int64(seconds * 1000), starting: starting.map(at))
    }

    static func cron(_ text: String, _ zone: String = "UTC") -> Cadence {
        .cron(try! CronSchedule(text, zone: Zone.named(zone)!))
    }
}

/// A definition whose hash changes with everything that a test can set.
func task(
    _ name: String, _ cadence: Cadence, enabled: Bool = true, _ change: (inout Policy) -> Void = { _ in }
) -> TaskDefinition {
    var policy = Policy()
    change(&policy)
    var hasher = Hasher()
    hasher.combine(name)
    hasher.combine(cadence)
    hasher.combine(policy)
    hasher.combine(enabled)
    let settings = TaskSettings(
        uses: "test.idle", summary: "", isEnabled: enabled, parameters: [:], secrets: [], policy: policy,
        module: IdleModule())
    return TaskDefinition(
        name: name, cadence: cadence, settings: settings, hash: UInt64(bitPattern: Int64(hasher.finalize())))
}

func manifest(
    _ tasks: [TaskDefinition], concurrency: Int = 100, groups: [String: Int] = [:]
) -> Manifest {
    var hasher = Hasher()
    for task in tasks { hasher.combine(task.hash) }
    return Manifest(
        zone: Zone.named("UTC")!, concurrency: concurrency, groups: groups,
        tasks: tasks.sorted { $0.name < $1.name }, hash: UInt64(bitPattern: Int64(hasher.finalize())))
}
