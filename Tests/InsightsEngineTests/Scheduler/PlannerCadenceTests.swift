import InsightsEngine
import InsightsPlugin
import Testing

/// When a task is due, and what is missed.
@Suite struct PlannerCadenceTests {
    @Test("a task with every that never ran is due at its registration, then at each interval of the grid")
    func everyFromRegistration() {
        let desk = PlannerDesk([task("a", .every(60))])
        #expect(desk.go(0.2) == ["claim a1 @0 cadence start", "run a1 attempt 1"])
        #expect(desk.end("a1") == ["finish a1 succeeded"])
        desk.settle()
        #expect(desk.go(59.9) == [])
        #expect(desk.go(60.3) == ["claim a2 @60 cadence start", "run a2 attempt 1"])
        desk.end("a2")
        desk.settle()
        #expect(desk.planner.nextRun(of: "a") == at(120))
    }

    @Test("an early timer starts nothing, and a second tick at the same instant nothing twice")
    func earlyTimer() {
        let desk = PlannerDesk([task("a", .every(60)) { $0.overlap = .allow }]) { $0["a"]!.lastOccurrence = at(0) }
        #expect(desk.planner.wake.wall == at(60))
        #expect(desk.tick(59.999) == [])
        #expect(desk.tick(60) == ["claim a1 @60 cadence start"])
        #expect(desk.tick(60) == [])
        #expect(desk.planner.wake.wall == at(120))
    }

    @Test("every counts from the last scheduled instant, not from when the process started or a run ended")
    func noDrift() {
        let desk = PlannerDesk([task("a", .every(60))]) {
            $0["a"]!.registeredAt = at(-1000)
            $0["a"]!.lastOccurrence = at(-17)
        }
        #expect(desk.go(43) == ["claim a1 @43 cadence start", "run a1 attempt 1"])
        desk.tick(80)
        desk.end("a1")
        desk.settle()
        #expect(desk.go(103.5) == ["claim a2 @103 cadence start", "run a2 attempt 1"])
    }

    @Test("every with starting: the newest point of its grid is due at once, none before it was missed")
    func startingInThePast() {
        let desk = PlannerDesk([task("a", .every(60, starting: -100_010)) { $0.catchUp = .none }])
        #expect(desk.go(0) == ["claim a1 @-50 cadence start", "run a1 attempt 1"])
        #expect(desk.planner.nextRun(of: "a") == at(10))
    }

    @Test("every with starting in the future: nothing before it")
    func startingInTheFuture() {
        let desk = PlannerDesk([task("a", .every(60, starting: 500))])
        #expect(desk.go(499) == [])
        #expect(desk.go(500) == ["claim a1 @500 cadence start", "run a1 attempt 1"])
    }

    @Test("a task with cron that never ran waits for its first instant")
    func cronWaits() {
        let desk = PlannerDesk([task("a", .cron("*/5 * * * *"))])
        desk.tick(1)
        #expect(desk.planner.nextRun(of: "a") == at(300))
        #expect(desk.go(300) == ["claim a1 @300 cadence start", "run a1 attempt 1"])
    }

    @Test("a disabled task is never due")
    func disabled() {
        let desk = PlannerDesk([task("a", .every(60), enabled: false)])
        #expect(desk.go(1000) == [])
        #expect(desk.planner.nextRun(of: "a") == nil)
        #expect(desk.planner.wake.wall == nil)
    }

    @Test("without the scheduler nothing is due")
    func schedulerOff() {
        let desk = PlannerDesk([task("a", .every(60)) { $0.onStart = .always }], schedulerEnabled: false)
        #expect(desk.go(1000) == [])
        #expect(desk.planner.scheduledTasks == 0)
    }

    @Test("jitter delays the start by the same for the same task and occurrence, never past the next occurrence")
    func jitter() {
        let definition = task("a", .every(60)) {
            $0.jitter = .seconds(600)
            $0.overlap = .allow
        }
        var delays: Set<Int64> = []
        for occurrence in 1...20 {
            let desk = PlannerDesk()
            desk.tick(Double(occurrence) * 60 - 10)
            desk.load([definition]) { $0["a"]!.lastOccurrence = at(Double(occurrence - 1) * 60) }
            let due = desk.planner.wake.wall!
            let delay = due.milliseconds - at(Double(occurrence) * 60).milliseconds
            #expect((0..<60_000).contains(delay))
            delays.insert(delay)
            #expect(
                delay == Jitter.delay(task: "a", occurrence: at(Double(occurrence) * 60).milliseconds, bound: 59_999))
            let second = Double(due.milliseconds - origin.milliseconds) / 1000
            #expect(desk.tick(second - 0.001) == [])
            #expect(desk.tick(second) == ["claim a1 @\(occurrence * 60) cadence start"])
        }
        #expect(delays.count > 15)
    }

    @Test("lateness is the first start less the scheduled instant and its jitter")
    func lateness() {
        let desk = PlannerDesk([task("a", .every(60)) { $0.jitter = .seconds(30) }]) { $0["a"]!.lastOccurrence = at(0) }
        let due = Double(desk.planner.wake.wall!.milliseconds - origin.milliseconds) / 1000
        desk.go(due + 0.25)
        guard case .claim(let claim) = desk.writes[0] else { return #expect(Bool(false), "no claim") }
        #expect(claim.lateness == .milliseconds(250))
        #expect(desk.observed == ["started a1 attempt 1 cadence late 250ms"])
    }

    @Test("one arm late is on time, more is missed")
    func oneArm() {
        let definition = task("a", .every(3600)) { $0.catchUp = .none }
        let punctual = PlannerDesk([definition]) { $0["a"]!.lastOccurrence = at(-3500) }
        #expect(punctual.tick(130) == ["claim a1 @100 cadence start"])
        let late = PlannerDesk([definition]) { $0["a"]!.lastOccurrence = at(-3500) }
        #expect(late.tick(130.001) == ["skip a @100 x1 catch_up"])
    }
}

/// What becomes of missed occurrences: `catch_up`, `on_start`.
@Suite struct PlannerCatchUpTests {
    /// 100 s after the start, with occurrences at 10, 20, …
    private func asleep(_ change: @escaping (inout Policy) -> Void) -> [String] {
        let desk = PlannerDesk([task("a", .every(10), change)]) { $0["a"]!.lastOccurrence = at(0) }
        desk.tick(1)
        return desk.tick(105)
    }

    @Test("latest runs the newest and skips the others in one record")
    func latest() {
        #expect(asleep { $0.catchUp = .latest } == ["skip a @10...@90 x9 catch_up", "claim a1 @100 catch_up start"])
    }

    @Test("none skips all of them in one record")
    func none() {
        #expect(asleep { $0.catchUp = .none } == ["skip a @10...@100 x10 catch_up"])
    }

    @Test("all claims the newest up to catch_up_limit and skips the rest")
    func all() {
        let expected = [
            "skip a @10...@70 x7 catch_up", "claim a1 @80 catch_up queue", "claim a2 @90 catch_up queue",
            "claim a3 @100 catch_up queue",
        ]
        #expect(
            asleep {
                $0.catchUp = .all
                $0.catchUpLimit = 3
            } == expected)
    }

    @Test("replays go one after the other whatever overlap says", arguments: Overlap.allCases)
    func oneAfterTheOther(_ overlap: Overlap) {
        let desk = PlannerDesk([
            task("a", .every(1000)) {
                $0.catchUp = .all
                $0.overlap = overlap
            }
        ]) { $0["a"]!.lastOccurrence = at(-3500) }
        #expect(
            desk.go(0) == [
                "claim a1 @-2500 catch_up queue", "claim a2 @-1500 catch_up queue", "claim a3 @-500 catch_up queue",
                "start a1 attempt 1", "run a1 attempt 1",
            ])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start a2 attempt 1", "run a2 attempt 1"])
        #expect(desk.fail("a2") + desk.settle() == ["finish a2 failed", "start a3 attempt 1", "run a3 attempt 1"])
        #expect(desk.end("a3") + desk.settle() == ["finish a3 succeeded"])
    }

    @Test("the record of a long outage of a task due every second has its true count, for every and for cron")
    func longOutage() {
        let year = 365 * 86_400
        for cadence in [Cadence.every(1), .cron("* * * * * *")] {
            let desk = PlannerDesk([task("a", cadence)]) { $0["a"]!.lastOccurrence = at(0) }
            #expect(
                desk.tick(Double(year)) == [
                    "skip a @1...@\(year - 1) x\(year - 1) catch_up", "claim a1 @\(year) catch_up start",
                ])
        }
    }

    @Test("at start, what fell due before was missed, however late it is")
    func beforeTheStart() {
        let definition = task("a", .every(3600)) { $0.catchUp = .none }
        let desk = PlannerDesk([definition]) { $0["a"]!.lastOccurrence = at(-3605) }
        #expect(desk.tick(0) == ["skip a @-5 x1 catch_up"])
        let caughtUp = PlannerDesk([task("a", .every(3600))]) { $0["a"]!.lastOccurrence = at(-3605) }
        #expect(caughtUp.tick(0) == ["claim a1 @-5 catch_up start"])
    }

    @Test("on_start never skips what fell due before the start, and starts what falls due after it")
    func onStartNever() {
        let desk = PlannerDesk([task("a", .every(10)) { $0.onStart = .never }]) { $0["a"]!.lastOccurrence = at(-35) }
        #expect(desk.tick(0) == ["skip a @-25...@-5 x3 catch_up"])
        #expect(desk.tick(5) == ["claim a1 @5 cadence start"])
    }

    @Test("on_start never: what fell due between the start and the first tick is not skipped")
    func onStartNeverLateTick() {
        let desk = PlannerDesk([task("a", .every(10)) { $0.onStart = .never }]) { $0["a"]!.lastOccurrence = at(-15) }
        #expect(desk.tick(6) == ["skip a @-5 x1 catch_up", "claim a1 @5 cadence start"])
    }

    @Test("on_start never: a task with every that never ran is due at once all the same")
    func onStartNeverNew() {
        let desk = PlannerDesk([task("a", .every(10)) { $0.onStart = .never }])
        #expect(desk.tick(0) == ["claim a1 @0 cadence start"])
    }

    @Test("on_start always: besides, one run outside the cadence, which waits for its turn")
    func onStartAlways() {
        let desk = PlannerDesk([task("a", .every(3600)) { $0.onStart = .always }]) {
            $0["a"]!.lastOccurrence = at(-4000)
        }
        #expect(
            desk.go(0) == [
                "claim a1 @-400 catch_up start", "claim a2 @0 start queue", "run a1 attempt 1",
            ])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start a2 attempt 1", "run a2 attempt 1"])
        guard case .claim(let claim) = desk.writes[1] else { return #expect(Bool(false), "no claim") }
        #expect(claim.occurrence == nil)
        #expect(!claim.movesDependents)
    }

    @Test("a task that never ran and was registered long ago runs its newest occurrence whatever catch_up says")
    func registeredLongAgo() {
        let desk = PlannerDesk([task("a", .every(10)) { $0.catchUp = .none }]) { $0["a"]!.registeredAt = at(-25) }
        #expect(desk.tick(0) == ["skip a @-25...@-15 x2 catch_up", "claim a1 @-5 cadence start"])
    }

    @Test("while the store is away nothing is claimed; what fell due meanwhile is under catch_up")
    func storeAway() {
        let desk = PlannerDesk([
            task("a", .every(10)) { $0.catchUp = .none }, task("b", .every(10)) { $0.catchUp = .latest },
        ]) {
            $0["a"]!.lastOccurrence = at(0)
            $0["b"]!.lastOccurrence = at(0)
        }
        desk.tell(.storeAvailable(false))
        #expect(desk.planner.wake.wall == nil)
        #expect(desk.tick(11) == [])
        #expect(desk.tell(.storeAvailable(true)) == ["skip a @10 x1 catch_up", "claim b1 @10 catch_up start"])
        #expect(desk.tick(20) == ["claim a1 @20 cadence start", "skip b @20 x1 overlap"])
    }
}

/// A wall clock that steps.
@Suite struct PlannerClockTests {
    @Test("a step is observed in either direction, the discipline of the clock is not")
    func observed() {
        let desk = PlannerDesk([])
        desk.tick(0)
        desk.stepClock(by: 0.9)
        desk.tell(.tick)
        #expect(desk.takeObserved() == [])
        desk.stepClock(by: 7200)
        desk.tell(.tick)
        desk.stepClock(by: -3600)
        desk.tell(.tick)
        #expect(desk.takeObserved() == ["clock stepped 7200s", "clock stepped -3600s"])
    }

    @Test("elapsed time, a suspend included, is no step")
    func suspended() {
        let desk = PlannerDesk([task("a", .every(3600))]) { $0["a"]!.lastOccurrence = at(0) }
        #expect(desk.tick(86_400) == ["skip a @3600...@82800 x23 catch_up", "claim a1 @86400 catch_up start"])
        #expect(desk.takeObserved() == ["skipped a x23 catch_up"])
    }

    @Test("a clock that goes forward is no storm: catch_up decides once")
    func forward() {
        let desk = PlannerDesk([task("a", .every(60))]) { $0["a"]!.lastOccurrence = at(0) }
        desk.tick(30)
        desk.stepClock(by: 7200)
        #expect(desk.tell(.tick) == ["skip a @60...@7140 x119 catch_up", "claim a1 @7200 catch_up start"])
        #expect(desk.tell(.tick) == [])
    }

    @Test("a clock that goes back repeats nothing: every waits when its last instant lies up to an interval ahead")
    func everyWaits() {
        let desk = PlannerDesk([task("a", .every(60)) { $0.overlap = .allow }]) { $0["a"]!.lastOccurrence = at(0) }
        #expect(desk.tick(60) == ["claim a1 @60 cadence start"])
        desk.stepClock(by: -50)
        #expect(desk.tell(.tick) == [])
        #expect(desk.tick(119) == [])
        #expect(desk.tick(120) == ["claim a2 @120 cadence start"])
    }

    @Test("more than an interval ahead the grid of every starts anew at now")
    func everyStartsAnew() {
        let desk = PlannerDesk([task("a", .every(60)) { $0.overlap = .allow }]) { $0["a"]!.lastOccurrence = at(0) }
        #expect(desk.tick(60) == ["claim a1 @60 cadence start"])
        desk.stepClock(by: -103)
        #expect(desk.tell(.tick) == ["claim a2 @-43 cadence start anew"])
        #expect(desk.tick(16) == [])
        #expect(desk.tick(17) == ["claim a3 @17 cadence start"])
    }

    @Test("a grid that starts anew does not meet the instants of the former one")
    func everyAnewOutOfStep() {
        let desk = PlannerDesk([task("a", .every(60)) { $0.overlap = .allow }]) { $0["a"]!.lastOccurrence = at(0) }
        desk.tick(60)
        desk.stepClock(by: -120)
        desk.tell(.tick)
        #expect(desk.tick(-59) == ["claim a2 @-59.999 cadence start anew"])
    }

    @Test("the grid of starting stays and goes on from now")
    func startingStays() {
        let desk = PlannerDesk([task("a", .every(60, starting: 0)) { $0.overlap = .allow }]) {
            $0["a"]!.lastOccurrence = at(540)
        }
        desk.tick(600)
        desk.stepClock(by: -305)
        #expect(desk.tell(.tick) == [])
        #expect(desk.tick(300) == ["claim a2 @300 cadence start anew"])
        #expect(desk.tick(360) == ["claim a3 @360 cadence start"])
    }

    @Test("cron waits until the clock has passed its last instant again, if that is at most 3 h ahead")
    func cronWaits() {
        let desk = PlannerDesk([task("a", .cron("0 * * * *")) { $0.overlap = .allow }]) {
            $0["a"]!.lastOccurrence = at(32_400)
        }
        desk.tick(36_000)
        desk.stepClock(by: -10_800)
        #expect(desk.tell(.tick) == [])
        #expect(desk.tick(36_000) == [])
        #expect(desk.tick(39_600) == ["claim a2 @39600 cadence start"])
    }

    @Test("more than 3 h ahead the clock was wrong before, and cron counts from now")
    func cronCountsFromNow() {
        let desk = PlannerDesk([task("a", .cron("0 * * * *")) { $0.overlap = .allow }]) {
            $0["a"]!.lastOccurrence = at(32_400)
        }
        desk.tick(36_000)
        desk.stepClock(by: -10_801)
        #expect(desk.tell(.tick) == [])
        #expect(desk.tick(25_200) == ["claim a2 @25200 cadence start anew"])
        #expect(desk.tick(28_800) == ["claim a3 @28800 cadence start"])
    }

    @Test("a stored instant that lies too far ahead at the start is a clock that went back, and is told")
    func aheadAtStart() {
        let desk = PlannerDesk([task("a", .every(60)), task("b", .cron("0 * * * *"))]) {
            $0["a"]!.lastOccurrence = at(86_400)
            $0["b"]!.lastOccurrence = at(10_000)
        }
        #expect(desk.observed == ["clock stepped -86400s"])
        #expect(desk.tick(0) == [])
        #expect(desk.tick(0.001) == ["claim a1 @0.001 cadence start anew"])
        #expect(desk.planner.nextRun(of: "b") == at(10_800))
    }

    @Test("a task with after that waits for its jitter does not wait for a clock that went back")
    func delayedFollower() {
        let desk = PlannerDesk([task("a", .every(36_000)), task("b", .after(["a"])) { $0.jitter = .seconds(20) }])
        desk.go(0)
        desk.stepClock(by: 18_000)
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded mark b"])
        desk.stepClock(by: -18_000)
        #expect(desk.tick(0.001) == [])
        #expect(desk.tick(20.002).last == "claim b1 @0 after start")
    }

    @Test("a grid that starts anew with the process was not missed, whatever catch_up and on_start say")
    func anewIsNotMissed() {
        let desk = PlannerDesk([
            task("a", .every(60)) {
                $0.catchUp = .none
                $0.onStart = .never
            }
        ]) { $0["a"]!.lastOccurrence = at(86_417) }
        #expect(desk.tick(0) == ["claim a1 @0 cadence start anew"])
    }

    @Test("the record of what was missed since the grid started anew tells it first")
    func anewWithSkips() {
        let desk = PlannerDesk([task("a", .every(60, starting: 0))]) { $0["a"]!.lastOccurrence = at(86_400) }
        #expect(desk.tick(250) == ["skip a @60...@180 x3 catch_up anew", "claim a1 @240 catch_up start"])
        let paused = PlannerDesk([task("a", .every(60, starting: 0))]) { $0["a"]!.lastOccurrence = at(86_400) }
        paused.tell(.setPaused(task: "a", true))
        #expect(paused.tick(60) + paused.tick(120) == ["skip a @60 x1 paused anew", "skip a @120 x1 paused"])
    }

    @Test("deadlines and retries follow elapsed time, whatever the wall clock does")
    func timersIgnoreSteps() {
        let desk = PlannerDesk([task("a", .every(86_400)) { $0.timeout = .seconds(100) }])
        desk.go(0)
        desk.stepClock(by: 5000)
        #expect(desk.tell(.tick) == [])
        desk.stepClock(by: -5000)
        #expect(desk.tick(99.9) == [])
        #expect(desk.tick(100) == ["abort a1", "finish a1 timed_out"])
    }
}
