import InsightsEngine
import InsightsPlugin

/// Drives a planner by hand and tells what it wants in short lines, so that a rule reads as a table:
///
///     claim a1 @60 cadence start      a claim of task a's first run, due at second 60, that starts it
///     claim a2 @60 cadence queue      a claim that does not start it yet
///     start a2 attempt 1              the start of an attempt
///     run a1 attempt 1                code is to be run
///     finish a1 succeeded             the end of a run; `retrying @90`, `interrupted` are none
///     skip a @60...@120 x2 catch_up   occurrences that are not run
///     abort a1, abandon a1, drained   as they are called
///     answer 1 accepted a1            to a trigger by hand
///
/// Observations go to ``observed``.
final class PlannerDesk {
    var planner: Planner
    private(set) var now = Moment(wall: origin, uptime: 1_000_000)
    private(set) var observed: [String] = []
    private var names: [RunID: String] = [:]
    private var counts: [String: Int] = [:]
    private var taskNames: [TaskID: String] = [:]
    private var unanswered: [(slot: RunSlot, step: WriteStep, run: String)] = []
    private var executing: [String: (slot: RunSlot, spec: AttemptSpec)] = [:]
    private(set) var writes: [StoreWrite] = []
    private(set) var specs: [AttemptSpec] = []

    init(schedulerEnabled: Bool = true, seed: UInt64 = 1, admissions: Int = 2048) {
        var configuration = PlannerConfiguration(schedulerEnabled: schedulerEnabled, seed: seed)
        configuration.admissions = admissions
        configuration.patience = .seconds(5)
        planner = Planner(configuration: configuration)
    }

    /// A planner with these tasks, all new at second 0, before its first tick.
    convenience init(
        _ tasks: [TaskDefinition], concurrency: Int = 100, groups: [String: Int] = [:], schedulerEnabled: Bool = true,
        admissions: Int = 2048, stored change: (inout [String: StoredTask]) -> Void = { _ in }
    ) {
        self.init(schedulerEnabled: schedulerEnabled, admissions: admissions)
        load(tasks, concurrency: concurrency, groups: groups, stored: change)
    }

    /// Brings a manifest into force, its tasks registered now but for what `change` makes of them.
    @discardableResult
    func load(
        _ tasks: [TaskDefinition], concurrency: Int = 100, groups: [String: Int] = [:],
        stored change: (inout [String: StoredTask]) -> Void = { _ in }
    ) -> [String] {
        let manifest = manifest(tasks, concurrency: concurrency, groups: groups)
        var stored: [String: StoredTask] = [:]
        for task in manifest.tasks {
            let id = TaskID(Int64(task.name.utf8.reduce(0) { $0 * 256 + Int($1) }))
            stored[task.name] = StoredTask(id: id, name: task.name, registeredAt: now.wall, hash: task.hash)
            taskNames[id] = task.name
        }
        change(&stored)
        return tell(.manifest(manifest, manifest.tasks.map { stored[$0.name]! }))
    }

    // MARK: Events

    @discardableResult
    func tell(_ event: PlannerEvent) -> [String] {
        if case .recovered(let runs) = event {
            for run in runs { _ = name(run.run, run.name) }
        }
        var actions: [PlannerAction] = []
        planner.handle(event, at: now, into: &actions)
        return actions.compactMap(describe)
    }

    /// Lets elapsed time pass until second `second` of wall time, and ticks.
    @discardableResult
    func tick(_ second: Double) -> [String] {
        let target = at(second)
        now.uptime += target.milliseconds - now.wall.milliseconds
        now.wall = target
        return tell(.tick)
    }

    /// Sets the wall clock without letting time pass.
    func stepClock(by seconds: Double) { now.wall.milliseconds += Int64(seconds * 1000) }

    /// Answers every write that waits for it, oldest first, and those that follow.
    @discardableResult
    func settle(_ outcome: WriteOutcome = .done) -> [String] {
        var lines: [String] = []
        while !unanswered.isEmpty {
            let (slot, step, _) = unanswered.removeFirst()
            lines += tell(.settled(slot, step, outcome))
        }
        return lines
    }

    /// Answers the oldest write that waits for it.
    @discardableResult
    func settleOne(_ outcome: WriteOutcome = .done) -> [String] {
        let (slot, step, _) = unanswered.removeFirst()
        return tell(.settled(slot, step, outcome))
    }

    /// Ticks at `second` and answers all writes.
    @discardableResult
    func go(_ second: Double) -> [String] { tick(second) + settle() }

    /// Ends an attempt's code; its end is not answered yet.
    @discardableResult
    func end(_ run: String, _ result: AttemptResult = .succeeded(summary: nil)) -> [String] {
        tell(.ended(executing[run]!.slot, result))
    }

    @discardableResult
    func fail(_ run: String, retryable: Bool = true, retryAt: Instant? = nil) -> [String] {
        end(run, .failed(RunError(code: "broken", message: "it broke", isRetryable: retryable, retryAt: retryAt)))
    }

    @discardableResult
    func trigger(
        _ task: String, token: UInt64 = 1, dependents: Bool = false, group: UInt64? = nil
    ) -> [String] {
        tell(.trigger(ManualTrigger(token: token, run: nil, task: task, movesDependents: dependents, group: group)))
    }

    @discardableResult
    func cancel(_ run: String) -> [String] { tell(.cancel(id(run))) }

    func id(_ run: String) -> RunID { names.first { $0.value == run }!.key }
    func slot(_ run: String) -> RunSlot { executing[run]!.slot }
    @discardableResult
    func takeObserved() -> [String] {
        defer { observed = [] }
        return observed
    }

    // MARK: Words

    private func name(_ run: RunID, _ task: String) -> String {
        if let name = names[run] { return name }
        counts[task, default: 0] += 1
        names[run] = "\(task)\(counts[task]!)"
        return names[run]!
    }

    private func second(_ instant: Instant) -> String {
        let milliseconds = instant.milliseconds - origin.milliseconds
        return milliseconds % 1000 == 0 ? "@\(milliseconds / 1000)" : "@\(Double(milliseconds) / 1000)"
    }

    private func describe(_ action: PlannerAction) -> String? {
        switch action {
        case .write(let write, let slot, let step):
            writes.append(write)
            let (line, run) = describe(write)
            if let slot, let step { unanswered.append((slot, step, run)) }
            return line
        case .execute(let slot, let spec):
            specs.append(spec)
            let run = name(spec.run, spec.definition.name)
            executing[run] = (slot, spec)
            return "run \(run) attempt \(spec.attempt)"
        case .abort(let slot): return "abort \(run(in: slot))"
        case .abandon(let slot): return "abandon \(run(in: slot))"
        case .answer(let token, let answer): return "answer \(token) \(describe(answer))"
        case .drained: return "drained"
        case .observe(let observation):
            observed.append(describe(observation))
            return nil
        }
    }

    private func run(in slot: RunSlot) -> String { executing.first { $0.value.slot == slot }?.key ?? "?" }

    private func describe(_ write: StoreWrite) -> (line: String, run: String) {
        switch write {
        case .claim(let claim):
            let run = name(claim.run, taskNames[claim.task]!)
            let how = claim.starts ? "start" : "queue"
            let anew = claim.startsAnew ? " anew" : ""
            return ("claim \(run) \(second(claim.scheduledAt)) \(claim.trigger.rawValue) \(how)\(anew)", run)
        case .start(let start):
            let run = names[start.run]!
            return ("start \(run) attempt \(start.attempt)", run)
        case .skip(let skip): return ("skip \(describe(skip))", "")
        case .finish(let finish):
            let run = name(finish.run, taskNames[finish.task] ?? "gone")
            let marks = finish.marks.map { " mark \(taskNames[$0.task]!)" }.joined()
            let skips = finish.skips.map { ", skip \(describe($0))" }.joined()
            return ("finish \(run) \(describe(finish.disposition))\(marks)\(skips)", run)
        case .checkpoint, .setPaused, .answer, .leave, .release: return ("unexpected \(write)", "")
        }
    }

    private func describe(_ skip: SkipRecord) -> String {
        let span = skip.from == skip.until ? second(skip.from) : "\(second(skip.from))...\(second(skip.until))"
        return "\(taskNames[skip.task]!) \(span) x\(skip.count) \(skip.reason.rawValue)"
            + (skip.startsAnew ? " anew" : "")
    }

    private func describe(_ disposition: Disposition) -> String {
        switch disposition {
        case .final(let status, let reason): status.rawValue + (reason.map { " (\($0))" } ?? "")
        case .retrying(let instant): "retrying \(second(instant))"
        case .interrupted: "interrupted"
        }
    }

    private func describe(_ answer: TriggerAnswer) -> String {
        switch answer {
        case .accepted(let run): "accepted \(names[run] ?? "?")"
        case .overlaps(let run): "overlaps \(names[run] ?? "?")"
        case .skipped(let run, let reason): "skipped \(names[run] ?? "?") \(reason.rawValue)"
        case .unknownTask: "unknown task"
        case .stopping: "stopping"
        case .storeUnavailable: "store unavailable"
        }
    }

    private func describe(_ observation: Observation) -> String {
        switch observation {
        case .started(_, let run, let attempt, let trigger, let lateness):
            "started \(names[run]!) attempt \(attempt) \(trigger.rawValue)"
                + (lateness.map { " late \($0.wholeMilliseconds)ms" } ?? "")
        case .finished(let task, let run, _, let status, let reason, _, let error):
            "finished \(name(run, task.name)) \(status.rawValue)" + (reason.map { " (\($0))" } ?? "")
                + (error.map { " \($0.code)" } ?? "")
        case .retrying(_, let run, let attempt, _, _): "retrying \(names[run]!) after attempt \(attempt)"
        case .skipped(let task, let reason, let count): "skipped \(task) x\(count) \(reason.rawValue)"
        case .clockStepped(let step): "clock stepped \(step.wholeMilliseconds / 1000)s"
        case .refused(_, let run): "refused \(names[run]!)"
        case .abandoned(_, let run, _): "abandoned \(names[run]!)"
        }
    }
}
