import InsightsEngine
import InsightsPlugin

@testable import InsightsCommands

/// A module that is never run.
struct IdleModule: TaskModule {
    var declaration: ModuleDeclaration { ModuleDeclaration(id: "idle", summary: "Does nothing") }
    func run(_ context: RunContext) async throws -> String? { nil }
}

/// The instant of an RFC 3339 text that the test got right.
func at(_ text: String) -> Instant { Instant(text)! }

/// A task of the manifest.
func task(_ cadence: Cadence, enabled: Bool = true, policy: Policy = Policy()) -> TaskDefinition {
    TaskDefinition(
        name: "backup", cadence: cadence,
        settings: TaskSettings(
            uses: "test.idle", summary: "Does nothing", isEnabled: enabled, parameters: [:], secrets: [],
            policy: policy, module: IdleModule()),
        hash: 1)
}

/// What is stored of it.
func row(registered: String, last: String? = nil, paused: Bool = false) -> StoredTask {
    StoredTask(
        id: TaskID(1), name: "backup", registeredAt: at(registered), hash: 1, isPaused: paused,
        lastOccurrence: last.map(at))
}

/// A run of it.
func run(
    _ status: RunStatus, at instant: String = "2026-01-04T02:00:00Z", reason: String? = nil, count: Int = 1,
    until: String? = nil, error: RunError? = nil, summary: String? = nil, task: String = "backup",
    started: Bool = true
) -> RunRecord {
    RunRecord(
        id: RunID("01890a5d-ac96-774b-bcce-b302099a8057")!, task: task, uses: "test.idle", trigger: .cadence,
        scheduledAt: at(instant), startedAt: started ? at(instant) : nil,
        finishedAt: status.isFinal ? at(instant).advanced(by: .seconds(9)) : nil, status: status, reason: reason,
        attempt: started ? 1 : 0, attempts: 3, duration: status.isFinal && started ? .seconds(9) : nil,
        lateness: started ? .milliseconds(4) : nil, samples: 2, summary: summary, count: count,
        until: until.map(at), error: error)
}

/// A terminal of that width, without colours unless asked for.
func terminal(_ columns: Int = 100, lively: Bool = false) -> Terminal {
    Terminal(isTerminal: true, isLively: lively, columns: columns)
}

/// A pipe.
let pipe = Terminal(isTerminal: false, isLively: false, columns: 80)
