import InsightsEngine
import InsightsPlugin

/// What goes wrong, or is asked for, among nodes that share a store.
enum NodeFault: CaseIterable {
    case crash
    /// Stopped as by SIGSTOP, for longer than a lease at times.
    case freeze
    /// It cannot reach the store; others can.
    case cut
    case shutdown
    case commitFails
    /// A commit is applied, and its answer lost.
    case answerLost
    case join
    case leave
    case trigger
    case cancel
    case pause
    case storeAway
    case moduleHang
}

/// What one seed makes happen among nodes.
struct NodesScenario {
    static let names = ["a", "b", "c", "d", "e"]

    var origin: Int64
    var nodes: Int
    /// How far the wall clock of each machine is ahead of the database's.
    var skews: [Int64]
    var concurrency: Int
    var groups: [String: Int]
    var tasks: [TaskDefinition] = []
    var faults: [(at: Int64, fault: NodeFault)] = []
    var length: Int64
    let calm: Int64 = 240_000

    init(_ random: inout SplitMix64) {
        origin = CronTable.quiet + Int64.random(in: 0..<20_000, using: &random)
        nodes = Int.random(in: 2...3, using: &random)
        skews = (0..<4).map { _ in
            random.chance(0.5)
                ? Int64.random(in: -900...900, using: &random) : Int64.random(in: -600_000...600_000, using: &random)
        }
        concurrency = Int.random(in: 1...4, using: &random)
        groups = ["g": Int.random(in: 1...2, using: &random)]
        length = Int64.random(in: 150_000...400_000, using: &random)
        for index in 0..<Int.random(in: 2...5, using: &random) {
            tasks.append(NodesScenario.draw(index, &random))
        }
        for _ in 0..<Int.random(in: 2...7, using: &random) {
            let fault = NodeFault.allCases.randomElement(using: &random)!
            faults.append((Int64.random(in: 0..<length, using: &random), fault))
        }
        faults.sort { $0.at < $1.at }
    }

    private static func draw(_ index: Int, _ random: inout SplitMix64) -> TaskDefinition {
        var policy = Policy()
        policy.catchUp = CatchUp.allCases.randomElement(using: &random)!
        policy.catchUpLimit = Int.random(in: 1...3, using: &random)
        policy.overlap = Overlap.allCases.randomElement(using: &random)!
        policy.jitter = random.chance(0.2) ? .milliseconds(Int64.random(in: 1...4000, using: &random)) : .zero
        policy.timeout = .milliseconds(Int64.random(in: 3000...30_000, using: &random))
        policy.retry = Retry(
            attempts: Int.random(in: 1...3, using: &random),
            delay: .milliseconds(Int64.random(in: 0...5000, using: &random)), factor: 2, maxDelay: .seconds(5))
        policy.onLost = random.chance(0.8) ? .restart : .fail
        policy.group = random.chance(0.5) ? "g" : nil
        var cadence = Cadence.every(milliseconds: Int64.random(in: 5...60, using: &random) * 1000, starting: nil)
        if index > 0, random.chance(0.45) {
            let first = Int.random(in: 0..<index, using: &random)
            let second = random.chance(0.5) ? Int.random(in: 0..<index, using: &random) : first
            cadence = .after(Set([first, second]).sorted().map { names[$0] })
        }
        // What nothing holds back comes seldom enough to be worked off.
        if policy.overlap == .allow {
            policy.timeout = .seconds(8)
            if case .every = cadence { cadence = .every(milliseconds: 40_000, starting: nil) }
        }
        return task(names[index], cadence) { $0 = policy }
    }

    var manifest: Manifest {
        InsightsEngineTests.manifest(tasks, concurrency: concurrency, groups: groups)
    }
}
