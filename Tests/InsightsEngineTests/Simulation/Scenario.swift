import InsightsEngine
import InsightsPlugin

/// What goes wrong, or is asked for, at some moment of a simulation.
enum Fault: CaseIterable {
    case crash
    /// The process dies after a commit was applied and before its answer came.
    case crashAfterCommit
    case crashBeforeCommit
    case storeErrorBeforeCommit
    /// The commit was applied, its answer was lost: the same batch comes again.
    case storeErrorAfterCommit
    case storeOutage
    case slowStore
    case clockBack
    case clockForward
    /// Far forward, and back again before long.
    case wrongClock
    case suspend
    case reload
    /// A graceful stop and, some time later, a start.
    case shutdown
    case moduleHang
    /// Goes on although it is cancelled.
    case moduleStubborn
    case moduleFailure
    /// Code that was given up, or whose process died, still tries to write.
    case deadWriter
    case earlyTimer
    case pause
    case resume
    case trigger
    case triggerTogether
    case cancel
}

/// What one seed makes happen: tasks, and faults at times.
struct Scenario {
    static let names = ["a", "b", "c", "d"]

    var origin: Int64
    var concurrency: Int
    var groups: [String: Int]
    /// How many due runs one call of the planner admits.
    var admissions: Int
    var tasks: [TaskDefinition]
    /// By elapsed milliseconds.
    var faults: [(at: Int64, fault: Fault)]
    /// How long faults happen, in milliseconds, and how long it stays calm after that.
    var length: Int64
    var calm: Int64
    /// What durations of this scenario are measured by, in milliseconds: a typical interval.
    let unit: Int64
    private let isAboutDays: Bool

    init(_ random: inout SplitMix64) {
        isAboutDays = random.chance(0.25)
        unit = isAboutDays ? 3_600_000 : 20_000
        length = unit * Int64.random(in: 12...30, using: &random)
        calm = unit * 14
        let crons = isAboutDays ? CronTable.days : CronTable.minutes
        // Days begin shortly before a clock change, so that both ways lie within the simulation.
        let starts = isAboutDays ? CronTable.changes.map { $0 - 7 * 3_600_000 } : [CronTable.quiet]
        origin = starts.randomElement(using: &random)! + Int64.random(in: 0..<unit, using: &random)
        concurrency = Int.random(in: 1...3, using: &random)
        groups = ["g": Int.random(in: 1...2, using: &random)]
        // From the origin, which is random enough: so the seeds go on to tell of the same faults as before.
        admissions = Int(origin % 4) + 1
        // What is due is decided in pieces only where none of it can outrank the rest.
        let isOfOnePriority = origin % 5 < 2
        tasks = []
        faults = []
        for index in 0..<Int.random(in: 1...4, using: &random) {
            let drawn = Scenario.draw(index, after: index, unit: unit, crons, origin, &random)
            tasks.append(
                task(drawn.name, drawn.cadence, enabled: drawn.settings.isEnabled) {
                    $0 = drawn.settings.policy
                    if isOfOnePriority { $0.priority = 0 }
                })
        }
        for _ in 0..<Int.random(in: 1...7, using: &random) {
            faults.append((Int64.random(in: 0..<length, using: &random), Fault.allCases.randomElement(using: &random)!))
        }
        faults.sort { $0.at < $1.at }
    }

    /// A task with a random cadence and policy; it may come after those with a lower index.
    static func draw(
        _ index: Int, after count: Int, unit: Int64, _ crons: [CronTable], _ origin: Int64,
        _ random: inout SplitMix64
    ) -> TaskDefinition {
        let cadence: Cadence
        if count > 0, random.chance(0.4) {
            let first = Int.random(in: 0..<count, using: &random)
            let second = random.chance(0.3) ? Int.random(in: 0..<count, using: &random) : first
            cadence = .after(first == second ? [names[first]] : [names[min(first, second)], names[max(first, second)]])
        } else if random.chance(0.3) {
            cadence = .cron(crons.randomElement(using: &random)!.schedule)
        } else {
            let every = unit * Int64.random(in: 1...8, using: &random) / 4
            let starting = Instant(milliseconds: origin + Int64.random(in: -8 * unit..<2 * unit, using: &random))
            cadence = .every(milliseconds: every, starting: random.chance(0.3) ? starting : nil)
        }
        let isEnabled = !random.chance(0.05)
        let policy = policy(unit, &random)
        return task(names[index], cadence, enabled: isEnabled) { $0 = policy }
    }

    private static func policy(_ unit: Int64, _ random: inout SplitMix64) -> Policy {
        var policy = Policy()
        policy.onStart = random.chance(0.7) ? .overdue : OnStart.allCases.randomElement(using: &random)!
        policy.catchUp = random.chance(0.4) ? .latest : CatchUp.allCases.randomElement(using: &random)!
        policy.catchUpLimit = Int.random(in: 1...4, using: &random)
        policy.overlap = Overlap.allCases.randomElement(using: &random)!
        policy.jitter = random.chance(0.3) ? .milliseconds(Int64.random(in: 1...unit, using: &random)) : .zero
        policy.timeout = .milliseconds(Int64.random(in: unit / 4...unit * 3, using: &random))
        policy.retry = Retry(
            attempts: Int.random(in: 1...3, using: &random),
            delay: .milliseconds(Int64.random(in: 0...unit / 2, using: &random)),
            factor: 2, maxDelay: .milliseconds(unit / 2))
        policy.onLost = random.chance(0.8) ? .restart : .fail
        policy.priority = Int.random(in: -1...1, using: &random)
        policy.group = random.chance(0.3) ? "g" : nil
        return policy
    }

    /// The same tasks, one of them changed: its interval, its state, its presence, or nothing but its hash.
    func changed(_ tasks: [TaskDefinition], _ random: inout SplitMix64) -> [TaskDefinition] {
        var tasks = tasks
        let follows = tasks.contains { if case .after = $0.cadence { true } else { false } }
        guard let index = tasks.indices.randomElement(using: &random) else { return self.tasks }
        let old = tasks[index]
        // What others come after stays, and so does what comes after others: `after` has an oracle of its own.
        if follows || random.chance(0.3) {
            tasks[index] = task(old.name, old.cadence, enabled: old.settings.isEnabled) {
                $0 = old.settings.policy
                $0.keep = .seconds(Int64.random(in: 100...100_000, using: &random))
            }
        } else if random.chance(0.4), case .every(let every, let starting) = old.cadence {
            let every = max(1000, every * Int64.random(in: 1...8, using: &random) / 4)
            tasks[index] = task(
                old.name, .every(milliseconds: every, starting: starting), enabled: old.settings.isEnabled
            ) { $0 = old.settings.policy }
        } else if random.chance(0.5) {
            tasks[index] = task(old.name, old.cadence, enabled: !old.settings.isEnabled) { $0 = old.settings.policy }
        } else if tasks.count < self.tasks.count {
            return self.tasks
        } else {
            tasks.remove(at: index)
        }
        return tasks
    }
}

extension SplitMix64 {
    mutating func chance(_ probability: Double) -> Bool { Double(next() >> 11) < probability * 0x1p53 }
}
