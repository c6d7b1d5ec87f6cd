import InsightsEngine
import InsightsPlugin

/// Mistakes that a planner, a shell or a store could make; each is made on purpose, to see that the watch would
/// notice. None of them is in the program: they change what passes between the planner and its surroundings.
enum PlantedBug: CaseIterable {
    // A store that does not hold what it promises.
    case claimsNotUnique
    case ignoredFence
    case lostMarks
    case keptProgress
    // A planner that decides wrongly, feigned by what it is told or by what becomes of its actions.
    case droppedSkip
    case miscountedSkip
    case shiftedInterval
    case forgottenJitter
    case ignoredOverlap
    case queueKeepsOldest
    case replaceKeepsOldest
    case extraPlace
    case extraAttempt
    case catchUpStorm
    case ignoredPause
    case ignoredShutdown
    case ignoredCancel
    case ignoredDeadline
    case forgottenInterrupted
    case forgottenOccurrence
    case forgottenFailure
    case codeBeforeClaim
    case longArms
    case doubledEnd
    case forgottenAnew
    case forgottenStart
    case hastyAnswer
    case reversedPriority
    case untoldStep
    // More is due than one call of the planner admits.
    case forgottenPiece
    case endlessHold

    /// What the watch must say of it, where another of its rules may catch it by accident.
    var complaint: String? {
        switch self {
        case .queueKeepsOldest, .replaceKeepsOldest: "the newest run made way"
        default: nil
        }
    }
}

extension Simulation {
    /// What the planner is told of tasks.
    func told(_ tasks: [TaskDefinition]) -> Manifest {
        let tasks = tasks.map { definition in
            task(
                definition.name, bug == .shiftedInterval ? definition.cadence.shifted : definition.cadence,
                enabled: definition.settings.isEnabled
            ) { policy in
                policy = definition.settings.policy
                switch bug {
                case .forgottenJitter: policy.jitter = .zero
                case .ignoredOverlap: policy.overlap = .allow
                case .extraAttempt: policy.retry.attempts += 1
                case .catchUpStorm:
                    policy.catchUp = .all
                    policy.catchUpLimit = 100
                case .reversedPriority: policy.priority = -policy.priority
                case .forgottenStart: policy.onStart = policy.onStart == .always ? .overdue : policy.onStart
                case .ignoredDeadline: policy.timeout = .seconds(1_000_000_000)
                default: break
                }
            }
        }
        return manifest(
            tasks, concurrency: scenario.concurrency + (bug == .extraPlace ? 1 : 0), groups: scenario.groups)
    }

    func told(_ stored: [StoredTask]) -> [StoredTask] {
        guard bug == .forgottenOccurrence || bug == .claimsNotUnique else { return stored }
        return stored.map { task in
            var task = task
            task.lastOccurrence = nil
            return task
        }
    }

    func told(_ unfinished: [UnfinishedRun]) -> [UnfinishedRun] {
        bug == .forgottenInterrupted ? unfinished.filter { $0.status != .interrupted } : unfinished
    }

    func told(_ events: [PlannerEvent]) -> [PlannerEvent] {
        events.filter { event in
            switch event {
            case .shutdown: bug != .ignoredShutdown
            case .setPaused: bug != .ignoredPause
            case .cancel: bug != .ignoredCancel
            default: true
            }
        }
    }

    func told(_ actions: [PlannerAction]) -> [PlannerAction] {
        guard let bug else { return actions }
        // While the rest waits for its turn, what had it is not claimed.
        if bug == .forgottenPiece, planner?.hasMore ?? false { return actions.filter { !$0.isClaimByCadence } }
        if bug == .queueKeepsOldest || bug == .replaceKeepsOldest { return keepingOldest(actions) }
        if bug == .untoldStep { return actions.filter { !$0.isStepOfClock } }
        return actions.flatMap { action -> [PlannerAction] in
            guard case .write(let write, let slot, let step) = action else { return [action] }
            switch (bug, write) {
            case (.droppedSkip, .skip): return []
            case (.miscountedSkip, .skip(var skip)):
                skip.count += skip.count > 1 ? 1 : 0
                return [.write(.skip(skip), slot, step)]
            case (.codeBeforeClaim, .claim(let claim)):
                guard claim.starts, let slot, let spec = spec(claim) else { return [action] }
                return [action, .execute(slot, spec)]
            case (.forgottenAnew, .claim(var claim)):
                claim.startsAnew = false
                return [.write(.claim(claim), slot, step)]
            case (.forgottenAnew, .skip(var skip)):
                skip.startsAnew = false
                return [.write(.skip(skip), slot, step)]
            case (.hastyAnswer, .claim(let claim)):
                return claim.trigger == .manual ? [.answer(token: 0, .accepted(claim.run)), action] : [action]
            case (.forgottenFailure, .finish(var finish)):
                finish.skips = []
                return [.write(.finish(finish), slot, step)]
            case (.doubledEnd, .finish(var finish)):
                guard case .final = finish.disposition else { return [action] }
                finish.disposition = .final(.failed, reason: nil)
                return [action, .write(.finish(finish), nil, nil)]
            default: return [action]
            }
        }
    }
}

/// A planner that keeps the run which waits, and has the newer one make way: from then on each is given what is meant
/// for the other.
extension Simulation {
    private func keepingOldest(_ actions: [PlannerAction]) -> [PlannerAction] {
        var moved: [RunID: PlannerAction] = [:]
        var result: [PlannerAction] = []
        for (index, action) in actions.enumerated() {
            if case .write(.finish(let finish), _, _) = action, let newer = newer(than: finish, actions[index...]) {
                let oldest = exchanged[finish.run] ?? finish.run
                exchanged[finish.run] = newer
                exchanged[newer] = oldest
                // It must be claimed before it can be ended.
                moved[newer] = exchanging(action)
                continue
            }
            guard case .write(.claim(let claim), _, _) = action else {
                result.append(exchanging(action))
                continue
            }
            result.append(action)
            if let end = moved[claim.run] { result.append(end) }
        }
        return result
    }

    /// The run for which the planner has one make way that has not started.
    private func newer(than finish: AttemptFinish, _ following: ArraySlice<PlannerAction>) -> RunID? {
        let reason = bug == .queueKeepsOldest ? SkipReason.overlap.rawValue : "replaced"
        guard case .final(_, reason) = finish.disposition,
            store.row(exchanged[finish.run] ?? finish.run)?.attempt == 0
        else { return nil }
        return following.lazy.compactMap { action -> RunID? in
            guard case .write(.claim(let claim), _, _) = action, claim.task == finish.task, !claim.starts else {
                return nil
            }
            return claim.run
        }.first
    }

    private func exchanging(_ action: PlannerAction) -> PlannerAction {
        switch action {
        case .write(.start(var start), let slot, let step):
            start.run = exchanged[start.run] ?? start.run
            return .write(.start(start), slot, step)
        case .write(.finish(var finish), let slot, let step):
            finish.run = exchanged[finish.run] ?? finish.run
            return .write(.finish(finish), slot, step)
        case .execute(let slot, var spec):
            spec.run = exchanged[spec.run] ?? spec.run
            return .execute(slot, spec)
        case .observe(.finished(let task, let run, let attempt, let status, let reason, let duration, let error)):
            let run = exchanged[run] ?? run
            return .observe(
                .finished(
                    task: task, run: run, attempt: attempt, status: status, reason: reason, duration: duration,
                    error: error))
        default: return action
        }
    }
}

extension Simulation {
    /// What the planner would want executed once the claim is durable.
    private func spec(_ claim: Claim) -> AttemptSpec? {
        let name = store.tasks[ModelStore.task(claim.task)].name
        return file.first { $0.name == name }.map { definition in
            AttemptSpec(
                run: claim.run, task: claim.task, definition: definition, scheduledAt: claim.scheduledAt, attempt: 1,
                fence: 1, deadline: claim.at, lastSuccessAt: nil, trigger: claim.trigger)
        }
    }
}

extension PlannerAction {
    fileprivate var isClaimByCadence: Bool {
        if case .write(.claim(let claim), _, _) = self { claim.trigger == .cadence } else { false }
    }

    fileprivate var isStepOfClock: Bool {
        if case .observe(.clockStepped) = self { true } else { false }
    }
}

extension Cadence {
    /// A millisecond too long.
    fileprivate var shifted: Cadence {
        if case .every(let every, let starting) = self {
            .every(milliseconds: every + 1, starting: starting)
        } else {
            self
        }
    }
}
