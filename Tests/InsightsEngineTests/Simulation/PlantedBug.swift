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
    case ignoredLease
    case hastyAnswer
    case reversedPriority
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
            case .leaseLost: bug != .ignoredLease
            default: true
            }
        }
    }

    func told(_ actions: [PlannerAction]) -> [PlannerAction] {
        guard let bug else { return actions }
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
