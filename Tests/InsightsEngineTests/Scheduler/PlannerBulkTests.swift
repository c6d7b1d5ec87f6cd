import InsightsEngine
import InsightsPlugin
import Testing

/// More is due than one call admits.
@Suite struct PlannerBulkTests {
    /// Tasks that are all due at second 0, and again after a thousand seconds.
    private static func tasks(_ names: String, _ change: (inout Policy) -> Void = { _ in }) -> [TaskDefinition] {
        names.map { task(String($0), .every(1000), change) }
    }

    private static func claims(_ lines: [String], _ how: String) -> Int {
        lines.count { $0.hasPrefix("claim ") && $0.hasSuffix(how) }
    }

    @Test("5000 due at once come in pieces, and wait for places as long as these come free")
    func pieces() {
        let tasks = (0..<5000).map { task("t\($0 + 10_000)", .every(1000)) }
        let desk = PlannerDesk(tasks, concurrency: 10)
        var lines = desk.tick(0)
        let start = desk.now.uptime
        #expect(lines.count == 10)
        #expect(Self.claims(lines, "start") == 10)
        #expect(!desk.planner.hasMore, "a loop that looks again at once would spin")
        #expect(desk.planner.wake.uptime == start + 20)
        #expect(desk.planner.wake.wall == nil)
        #expect(desk.planner.lacksPlaces)
        #expect(desk.settle().count == 10)
        #expect(desk.tick(0.005) == [])

        desk.end("t100031")
        lines = desk.tick(0.010)
        #expect(lines == ["claim t100101 @0 cadence start"])
        #expect(desk.planner.wake.uptime == start + 25)
        #expect(!desk.planner.hasMore)
        #expect(desk.tick(0.024) == [])
        #expect(!desk.planner.hasMore)

        lines = desk.tick(0.025)
        #expect(lines.count == 2048 - 11)
        #expect(Self.claims(lines, "queue") == lines.count)
        #expect(desk.planner.hasMore)
        #expect(desk.planner.wake.wall == desk.now.wall)
        #expect(Self.claims(desk.tick(0.031), "queue") == 2048)
        #expect(desk.planner.hasMore)
        #expect(Self.claims(desk.tick(0.032), "queue") == 5000 - 2 * 2048)
        #expect(!desk.planner.hasMore)
        #expect(desk.planner.wake.wall == at(1000))
        let claimed = desk.writes.compactMap { if case .claim(let claim) = $0 { claim.task } else { nil } }
        #expect(claimed.count == 5000)
        #expect(Set(claimed).count == 5000)
    }

    @Test("however fast places come free, what is due is claimed after a second")
    func longestHold() {
        let tasks = (0..<300).map { task("t\($0 + 100)", .every(1000)) }
        let desk = PlannerDesk(tasks, concurrency: 1, admissions: 200)
        desk.go(0)
        let start = desk.now.uptime
        var now = 0.0
        for number in 0..<66 {
            now += 0.015
            desk.tick(now)
            desk.end("t\(number + 100)1")
            #expect(desk.go(now).first == "claim t\(number + 101)1 @0 cadence start")
        }
        #expect(desk.planner.wake.uptime == start + 1000)
        #expect(desk.tick(0.999) == [])
        #expect(Self.claims(desk.tick(1), "queue") == 200 - 67)
        #expect(desk.planner.hasMore)
        #expect(Self.claims(desk.tick(1), "queue") == 100)
        #expect(!desk.planner.hasMore)
    }

    @Test("a later bulk waits anew")
    func laterBulk() {
        let desk = PlannerDesk(Self.tasks("abcdef"), concurrency: 1, admissions: 2)
        for second in [0.0, 1000] {
            #expect(Self.claims(desk.go(second), "start") == 1)
            #expect(desk.planner.wake.uptime == desk.now.uptime + 20)
            for number in "abcdef" {
                desk.end("\(number)\(second == 0 ? 1 : 2)")
                desk.go(second)
            }
            #expect(desk.planner.unfinishedRuns == 0)
        }
    }

    @Test("the higher priority goes first, whatever fell due before it")
    func priorities() {
        let tasks = Self.tasks("abcdef") + Self.tasks("xyz") { $0.priority = 5 }
        let desk = PlannerDesk(tasks, concurrency: 2, admissions: 2) { stored in
            for name in ["x", "y", "z"] { stored[name]!.lastOccurrence = at(-999) }
        }
        #expect(
            desk.go(1) == [
                "claim x1 @1 cadence start", "claim y1 @1 cadence start", "run x1 attempt 1", "run y1 attempt 1",
            ])
        desk.end("x1")
        #expect(desk.go(1).first == "claim z1 @1 cadence start")
        desk.end("y1")
        #expect(desk.go(1).first == "claim a1 @0 cadence start")
    }

    @Test("what waits already does not pass by a higher priority that is held")
    func rival() {
        let tasks = Self.tasks("ab") { $0.priority = -1 } + Self.tasks("stuvwx") { $0.priority = 5 }
        let desk = PlannerDesk(tasks, concurrency: 1, admissions: 4) { stored in
            for name in ["s", "t", "u", "v", "w", "x"] { stored[name]!.lastOccurrence = at(-990) }
        }
        desk.go(0)
        let lines = desk.go(10)
        #expect(Self.claims(lines, "queue") == 4, "b1 waits for the place as well")
        #expect(desk.planner.hasMore)
        #expect(desk.end("a1") == ["finish a1 succeeded", "start s1 attempt 1"])
    }

    @Test("a full group holds up nothing, and its places are lacked as well")
    func groups() {
        let tasks = Self.tasks("abc") { $0.group = "g" } + Self.tasks("xyz")
        let desk = PlannerDesk(tasks, groups: ["g": 1], admissions: 4)
        #expect(
            desk.tick(0) == [
                "claim a1 @0 cadence start", "claim b1 @0 cadence queue", "claim c1 @0 cadence queue",
                "claim x1 @0 cadence start",
            ])
        #expect(desk.planner.hasMore)
        #expect(Self.claims(desk.tick(0), "start") == 2)
        #expect(!desk.planner.lacksPlaces)
        desk.settle()
        #expect(desk.planner.lacksPlaces, "b1 and c1 wait for the end of a1")
    }

    @Test("what was undecided when the store went is missed when it is back", arguments: [CatchUp.none, .latest])
    func outage(_ catchUp: CatchUp) {
        let tasks = Self.tasks("abcdef") { $0.catchUp = catchUp }
        let desk = PlannerDesk(tasks, concurrency: 1, admissions: 2) { stored in
            for name in stored.keys { stored[name]!.lastOccurrence = at(-990) }
        }
        #expect(desk.go(10).first == "claim a1 @10 cadence start")
        #expect(desk.tell(.storeAvailable(false)) == ["claim b1 @10 cadence queue"])
        #expect(!desk.planner.hasMore)
        #expect(desk.planner.wake.wall == nil)
        #expect(desk.go(11) == [])
        var lines = desk.tell(.storeAvailable(true))
        while desk.planner.hasMore { lines += desk.tell(.tick) }
        let rest = ["c", "d", "e", "f"]
        #expect(
            lines.filter { !$0.hasPrefix("start") }
                == rest.map {
                    catchUp == .none ? "skip \($0) @10 x1 catch_up" : "claim \($0)1 @10 catch_up queue"
                })
    }

    @Test("a reload in the middle decides what fell due before it")
    func reload() {
        let desk = PlannerDesk(Self.tasks("abcdef"), concurrency: 1, admissions: 2)
        #expect(desk.go(0).first == "claim a1 @0 cadence start")
        let lines = desk.load(Self.tasks("abcde"), concurrency: 1) + desk.settle()
        #expect(Self.claims(lines, "queue") == 5)
        #expect(lines.contains("claim f1 @0 cadence queue"))
        #expect(lines.contains("finish f1 cancelled (removed)"))
        #expect(!desk.planner.hasMore)
    }

    @Test("a reload in the middle that changes an interval decides by the former one, and goes on by the new one")
    func reloadOfInterval() {
        let tasks = [task("a", .every(5)), task("b", .every(5))]
        let desk = PlannerDesk(tasks, concurrency: 1, admissions: 1)
        desk.go(0)
        desk.go(0.020)
        let late = desk.tick(47)
        #expect(!late.contains { $0.contains(" b") }, "\(late)")
        let lines = desk.load([tasks[0], task("b", .every(3))], concurrency: 1).filter { $0.contains(" b") }
        #expect(lines == ["skip b @5...@40 x8 catch_up", "skip b @45 x1 overlap"])
        #expect(desk.tick(47.999).filter { $0.contains(" b") } == [])
        #expect(desk.tick(48).filter { $0.contains(" b") } == ["skip b @48 x1 overlap"])
    }

    @Test("a pause in the middle skips what is not decided yet")
    func pause() {
        let desk = PlannerDesk(Self.tasks("abcd"), concurrency: 1, admissions: 2)
        desk.go(0)
        #expect(desk.tell(.setPaused(task: "d", true)) == ["claim b1 @0 cadence queue"])
        desk.tick(0.020)
        #expect(desk.writes.count == 4)
        guard case .skip(let skip) = desk.writes[2] else {
            Issue.record("\(desk.writes)")
            return
        }
        #expect(skip.reason == .paused)
    }

    @Test("what a shutdown in the middle leaves undecided is due for the next process")
    func shutdown() {
        let desk = PlannerDesk(Self.tasks("abcdef"), concurrency: 1, admissions: 2)
        desk.go(0)
        var lines = desk.tell(.shutdown) + desk.settle()
        #expect(lines == [])
        #expect(!desk.planner.hasMore)
        #expect(desk.planner.wake.wall == nil)
        #expect(desk.tick(0.020) == [])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "drained"])
        let next = PlannerDesk(Self.tasks("abcdef")) { stored in
            stored["a"]!.lastOccurrence = at(0)
        }
        lines = next.tick(1)
        #expect(lines == ["b", "c", "d", "e", "f"].map { "claim \($0)1 @0 cadence start" })
    }

    @Test("a clock that goes back in the middle: what was due before tells nothing of the grid that starts anew")
    func clockBack() {
        let tasks = "abcdef".map { task(String($0), .every(10)) }
        let desk = PlannerDesk(tasks, concurrency: 1, admissions: 3)
        #expect(desk.go(0).first == "claim a1 @0 cadence start")
        desk.stepClock(by: -1003)
        let lines = desk.tell(.tick) + desk.tick(-1002)
        #expect(Array(lines.prefix(2)) == ["claim b1 @0 cadence queue", "claim c1 @0 cadence queue"])
        #expect(lines.contains("skip b @-1003 x1 overlap anew"))
    }

    @Test("a suspend in the middle: what waited for its turn is missed", arguments: CatchUp.allCases)
    func suspend(_ catchUp: CatchUp) {
        let tasks = Self.tasks("abcd") { $0.catchUp = catchUp }
        let desk = PlannerDesk(tasks, concurrency: 1, admissions: 3) { stored in
            for name in stored.keys { stored[name]!.lastOccurrence = at(-990) }
        }
        #expect(desk.go(10).first == "claim a1 @10 cadence start")
        let lines = desk.tick(41)
        #expect(
            lines
                == ["b", "c"].map {
                    catchUp == .none ? "skip \($0) @10 x1 catch_up" : "claim \($0)1 @10 catch_up queue"
                })
    }

    @Test("a suspend in the middle: of several that are missed only the newest is run")
    func longSuspend() {
        let desk = PlannerDesk(Self.tasks("abcd"), concurrency: 1, admissions: 3) { stored in
            for name in stored.keys { stored[name]!.lastOccurrence = at(-990) }
        }
        desk.go(10)
        #expect(desk.tick(1010) == ["skip b @10 x1 catch_up", "skip c @10 x1 catch_up"])
        #expect(desk.planner.hasMore)
        let lines = desk.tick(1010) + desk.tick(1010)
        #expect(lines.contains("claim b1 @1010 cadence queue"))
        #expect(lines.contains("claim d1 @1010 catch_up queue"))
    }

    @Test("the extra run of a start comes after what is due of its task")
    func extras() {
        let tasks = Self.tasks("abc") + Self.tasks("d") { $0.onStart = .always }
        let desk = PlannerDesk(tasks, admissions: 2)
        #expect(desk.tick(0) == ["claim a1 @0 cadence start", "claim b1 @0 cadence start"])
        #expect(desk.planner.hasMore)
        #expect(
            desk.tick(0) == [
                "claim c1 @0 cadence start", "claim d1 @0 cadence start", "claim d2 @0 start queue",
            ])
    }
}
