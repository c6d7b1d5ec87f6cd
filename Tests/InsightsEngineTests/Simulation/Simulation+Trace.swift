import InsightsEngine
import InsightsPlugin

/// What happens in a simulation, in short lines for who replays a seed: elapsed and wall milliseconds, then what.
extension Simulation {
    func trace(_ event: PlannerEvent) {
        guard isTraced else { return }
        switch event {
        case .tick: break
        case .manifest(let manifest, let stored):
            let last = stored.map { $0.lastOccurrence.map { "\(relative($0))" } ?? "never" }
            say(
                "MANIFEST "
                    + zip(manifest.tasks, last).map { "\($0.name): \($0.cadence), last \($1)" }.joined(separator: "; "))
        case .recovered(let runs):
            say(
                "RECOVERED "
                    + runs.map { "\(short($0.run)) \($0.name) \($0.status) \($0.attempt)" }.joined(separator: ", "))
        case .settled(let slot, let step, let outcome):
            say("settled \(slot.index).\(slot.generation) \(step) \(outcome)")
        case .ended(let slot, let result): say("ended \(slot.index).\(slot.generation) \(result)")
        case .trigger(let trigger): say("TRIGGER \(trigger.task) \(trigger.group.map { "group \($0)" } ?? "")")
        default: say("EVENT \(event)")
        }
    }

    func trace(_ action: PlannerAction) {
        guard isTraced else { return }
        switch action {
        case .write(let write, let slot, _):
            say("    \(text(write)) \(slot.map { "[\($0.index).\($0.generation)]" } ?? "")")
        case .execute(let slot, let spec):
            say(
                "    run \(short(spec.run)) \(spec.definition.name) attempt \(spec.attempt) [\(slot.index).\(slot.generation)]"
            )
        case .abort(let slot): say("    abort [\(slot.index).\(slot.generation)]")
        case .abandon(let slot): say("    abandon [\(slot.index).\(slot.generation)]")
        case .answer(_, let answer): say("    answer \(answer)")
        case .drained: say("    drained")
        case .readNews, .forgetWrites: say("    \(action)")
        case .observe(.clockStepped(let step)): say("    clock stepped \(step)")
        case .observe: break
        }
    }

    func trace(_ step: Step) {
        guard isTraced else { return }
        switch step {
        case .commit, .ends: break
        case .fault(let fault): say("FAULT \(fault)")
        default: say("STEP \(step)")
        }
    }

    private func say(_ text: String) { print("\(uptime) \(wall - scenario.origin) \(text)") }
    private func relative(_ instant: Instant) -> Int64 { instant.milliseconds - scenario.origin }
    private func short(_ run: RunID) -> String { String(run.description.suffix(4)) }

    private func text(_ write: StoreWrite) -> String {
        func name(_ task: TaskID) -> String { store.tasks[ModelStore.task(task)].name }
        func skipped(_ skip: SkipRecord) -> String {
            "skip \(name(skip.task)) \(relative(skip.from))...\(relative(skip.until)) x\(skip.count) \(skip.reason)"
        }
        switch write {
        case .claim(let claim):
            return "claim \(short(claim.run)) \(name(claim.task)) \(relative(claim.scheduledAt)) \(claim.trigger)"
                + (claim.starts ? " starts" : "") + (claim.startsAnew ? " anew" : "")
        case .start(let start): return "start \(short(start.run)) attempt \(start.attempt)"
        case .skip(let skip): return skipped(skip)
        case .finish(let finish):
            return "finish \(short(finish.run)) \(name(finish.task)) \(finish.disposition)"
                + finish.skips.map { ", " + skipped($0) }.joined()
        default: return "\(write)"
        }
    }
}
