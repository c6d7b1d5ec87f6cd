import InsightsEngine
import InsightsPlugin
import Testing

/// `insights pause` and `resume`.
@Suite struct PlannerPauseTests {
    @Test("occurrences of a paused task are skipped as paused, and resume goes on with the next one")
    func paused() {
        let desk = PlannerDesk([task("a", .every(10))]) { $0["a"]!.isPaused = true }
        #expect(desk.planner.isPaused("a") == true)
        #expect(desk.go(0) == ["skip a @0 x1 paused"])
        #expect(desk.go(35) == ["skip a @10...@30 x3 paused"])
        #expect(desk.planner.nextRun(of: "a") == nil)
        #expect(desk.tell(.setPaused(task: "a", false)) == [])
        #expect(desk.go(40) == ["claim a1 @40 cadence start", "run a1 attempt 1"])
    }

    @Test("a pause leaves what runs alone")
    func running() {
        let desk = PlannerDesk([task("a", .every(10))])
        desk.go(0)
        #expect(desk.tell(.setPaused(task: "a", true)) == [])
        #expect(desk.end("a1") == ["finish a1 succeeded"])
    }
}

/// SIGTERM, and what follows it.
@Suite struct PlannerShutdownTests {
    @Test("idle it drains at once, and says so once")
    func idle() {
        let desk = PlannerDesk([task("a", .every(10))]) { $0["a"]!.lastOccurrence = at(0) }
        desk.tick(1)
        #expect(desk.tell(.shutdown) == ["drained"])
        #expect(desk.planner.isDrained)
        #expect(desk.tick(100) == [])
        #expect(desk.tell(.shutdown) == [])
    }

    @Test("nothing new starts: neither what is due, nor what is queued, nor a retry, nor what follows")
    func nothingStarts() {
        let tasks = [
            task("a", .every(10)) { $0.retry = Retry(attempts: 2, delay: .zero) }, task("b", .every(10)),
            task("c", .every(1000)), task("d", .after(["c"])),
        ]
        let desk = PlannerDesk(tasks, concurrency: 2) { $0["c"]!.lastOccurrence = at(-1000) }
        desk.go(0)
        #expect(desk.planner.activeRuns == 2)
        desk.tell(.shutdown)
        #expect(desk.go(10) == [])
        #expect(desk.fail("a1") + desk.settle() == ["finish a1 retrying @10"])
        #expect(desk.end("b1") + desk.settle() == ["finish b1 succeeded", "drained"])
    }

    @Test("a claim that becomes durable after it waits as interrupted, without a start")
    func claimUnderWay() {
        let desk = PlannerDesk([task("a", .every(10))])
        desk.tick(0)
        #expect(desk.tell(.shutdown) == [])
        #expect(desk.settle() == ["finish a1 interrupted", "drained"])
        #expect(desk.specs.isEmpty)
    }

    @Test("after the grace what runs is cancelled and waits as interrupted, unless it succeeds first")
    func grace() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .every(100)) { $0.retry = Retry(attempts: 3) }])
        desk.go(0)
        desk.tell(.shutdown)
        #expect(desk.tell(.graceOver) == ["abort a1", "abort b1"])
        #expect(desk.fail("b1") == ["finish b1 interrupted"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "drained"])
    }

    @Test("code that does not come back is given up five seconds later")
    func stubborn() {
        let desk = PlannerDesk([task("a", .every(100))])
        desk.go(0)
        desk.tell(.shutdown)
        desk.tell(.graceOver)
        #expect(desk.tick(4.9) == [])
        #expect(desk.go(5) == ["abandon a1", "finish a1 interrupted", "drained"])
    }

    @Test("an operator's cancel is stronger than the shutdown's")
    func cancelled() {
        let desk = PlannerDesk([task("a", .every(100))])
        desk.go(0)
        desk.tell(.graceOver)
        #expect(desk.cancel("a1") == [])
        #expect(desk.end("a1", .cancelled) == ["finish a1 cancelled (operator)"])
    }

    @Test("a success in the grace leaves its mark, and what follows waits for the next process")
    func marks() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .after(["a"]))])
        desk.go(0)
        desk.tell(.shutdown)
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded mark b", "drained"])
    }
}

/// What an earlier process left.
@Suite struct PlannerRecoveryTests {
    private func left(
        _ status: RunStatus, _ task: String = "a", attempt: Int = 1, losses: Int = 0, failures: Int = 0,
        retryAt: Instant? = nil, trigger: Trigger = .cadence, at seconds: Double = -10, number: UInt64 = 1
    ) -> UnfinishedRun {
        UnfinishedRun(
            run: RunID(high: number, low: 1), task: TaskID(Int64(task.utf8.reduce(0) { $0 * 256 + Int($1) })),
            name: task, trigger: trigger, occurrence: trigger == .manual ? nil : at(seconds), scheduledAt: at(seconds),
            status: status, startedAt: nil, retryAt: retryAt, attempt: attempt, failures: failures, losses: losses,
            fence: Fence(attempt + losses), movesDependents: trigger != .manual)
    }

    private func desk(
        _ runs: [UnfinishedRun], enabled: Bool = true, schedulerEnabled: Bool = true,
        _ change: @escaping (inout Policy) -> Void = { _ in }
    ) -> (PlannerDesk, [String]) {
        let desk = PlannerDesk(
            [task("a", .every(1000), enabled: enabled, change)], schedulerEnabled: schedulerEnabled
        ) { $0["a"]!.lastOccurrence = at(-10) }
        return (desk, desk.tell(.recovered(runs)))
    }

    @Test("an interrupted run starts again at once, as a further attempt that does not count for retry")
    func interrupted() {
        let (desk, lines) = desk([left(.interrupted)])
        #expect(lines == ["start a1 attempt 2"])
        #expect(desk.settle() == ["run a1 attempt 2"])
        #expect(desk.specs[0].fence == 2)
    }

    @Test("an attempt whose node died is started again, or the run fails with lost, as on_lost says")
    func lost() {
        let (_, restarted) = desk([left(.running, losses: 1)])
        #expect(restarted == ["start a1 attempt 2"])
        let (failing, lines) = desk([left(.running, losses: 1)]) { $0.onLost = .fail }
        #expect(lines == ["finish a1 failed"])
        failing.settle()
        #expect(failing.observed.last == "finished a1 failed lost")
    }

    @Test("at most five times")
    func lostTooOften() {
        #expect(desk([left(.running, attempt: 5, losses: 5)]).1 == ["start a1 attempt 6"])
        #expect(desk([left(.running, attempt: 6, losses: 6)]).1 == ["finish a1 failed"])
    }

    @Test("losses do not count for retry, failures do")
    func counts() {
        let (desk, _) = desk([left(.running, attempt: 4, losses: 2, failures: 2)]) {
            $0.retry = Retry(attempts: 3, delay: .zero)
        }
        desk.settle()
        #expect(desk.fail("a1") == ["finish a1 failed"])
    }

    @Test("a run between attempts waits for its time, a queued one starts")
    func waiting() {
        let (desk, lines) = desk([left(.retrying, retryAt: at(50))])
        #expect(lines == [])
        #expect(desk.tick(49) == [])
        #expect(desk.tick(50) == ["start a1 attempt 2"])
        let (_, queued) = self.desk([left(.queued, attempt: 0)])
        #expect(queued == ["start a1 attempt 1"])
    }

    @Test("of one task only one goes at a time, what had started first; overlap skip counts it as going")
    func oneAtATime() {
        let (desk, lines) = desk([
            left(.queued, attempt: 0, trigger: .catchUp, at: -30, number: 1),
            left(.queued, attempt: 0, trigger: .catchUp, at: -20, number: 2),
            left(.running, losses: 1, at: -10, number: 3),
        ])
        #expect(lines == ["start a3 attempt 2"])
        desk.settle()
        #expect(desk.tick(990) == ["skip a @990 x1 overlap"])
        #expect(desk.end("a3") + desk.settle() == ["finish a3 succeeded", "start a1 attempt 1", "run a1 attempt 1"])
    }

    @Test("interrupted runs of a task with catch_up none end cancelled with reason shutdown")
    func catchUpNone() {
        let (_, lines) = desk([left(.interrupted)]) { $0.catchUp = .none }
        #expect(lines == ["finish a1 cancelled (shutdown)"])
        #expect(desk([left(.running, losses: 1)]) { $0.catchUp = .none }.1 == ["start a1 attempt 2"])
    }

    @Test("runs of tasks that are gone or disabled end: what had started cancelled, what had not skipped")
    func unwanted() {
        for (status, attempt, end) in [
            (RunStatus.interrupted, 1, "cancelled (shutdown)"), (.queued, 0, "skipped (shutdown)"),
            (.running, 1, "cancelled (lost)"), (.retrying, 1, "cancelled (disabled)"),
        ] {
            let (disabled, lines) = desk([left(status, attempt: attempt)], enabled: false)
            #expect(lines == ["finish a1 \(end)"])
            disabled.settle()
            #expect(disabled.planner.unfinishedRuns == 0)
            let (gone, others) = desk([left(status, "z", attempt: attempt)])
            #expect(others == ["finish z1 \(end.replacing("disabled", with: "removed"))"])
            gone.settle()
            #expect(gone.planner.unfinishedRuns == 0)
        }
    }

    @Test("a run by hand of a disabled task goes on, as an operator asked for it")
    func byHandDisabled() {
        let (_, lines) = desk([left(.queued, attempt: 0, trigger: .manual)], enabled: false)
        #expect(lines == ["start a1 attempt 1"])
        #expect(
            desk([left(.running, losses: 1, trigger: .manual)], enabled: false).1 == ["start a1 attempt 2"])
        #expect(
            desk([left(.retrying, retryAt: at(0), trigger: .manual)], enabled: false).1 == ["start a1 attempt 2"])
        #expect(desk([left(.interrupted, trigger: .manual)], enabled: false).1 == ["finish a1 cancelled (shutdown)"])
    }

    @Test(
        "on_lost fail fails a lost run of a disabled task, whoever started it", arguments: [Trigger.manual, .cadence])
    func lostOfDisabled(_ trigger: Trigger) {
        let (_, lines) = desk([left(.running, losses: 1, trigger: trigger)], enabled: false) { $0.onLost = .fail }
        #expect(lines == ["finish a1 failed"])
    }

    @Test("without the scheduler they are left as they are, do not count as going, and can be cancelled")
    func parked() {
        let (desk, lines) = desk([left(.interrupted)], schedulerEnabled: false)
        #expect(lines == [])
        #expect(desk.go(5000) == [])
        #expect(desk.trigger("a") == ["claim a2 @5000 manual start"])
        #expect(desk.cancel("a1") == ["finish a1 cancelled (operator)"])
    }

    @Test("a lost run that fails does not start one that waits for others of its group")
    func groupsBesideLost() {
        let tasks = [task("a", .every(1000)), task("b", .after(["a"])) { $0.onLost = .fail }]
        let desk = PlannerDesk(tasks) { $0["a"]!.lastOccurrence = at(0) }
        let lines = desk.tell(
            .recovered([
                left(.queued, "b", attempt: 0, trigger: .manual, number: 1),
                left(.retrying, "a", retryAt: at(50), trigger: .manual, number: 2),
                left(.running, "b", losses: 1, trigger: .start, at: -5, number: 3),
            ]))
        #expect(lines == ["finish b2 failed"])
        #expect(desk.settle() == [])
    }

    @Test("runs by hand that were triggered together keep their order")
    func groups() {
        let tasks = [task("a", .every(1000)), task("b", .after(["a"]))]
        let desk = PlannerDesk(tasks) { $0["a"]!.lastOccurrence = at(0) }
        let lines = desk.tell(
            .recovered([
                left(.queued, "b", attempt: 0, trigger: .manual, number: 1),
                left(.running, "a", losses: 1, trigger: .manual, number: 2),
            ]))
        #expect(lines == ["start a1 attempt 2"])
        #expect(desk.settle() == ["run a1 attempt 2"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start b1 attempt 1", "run b1 attempt 1"])
    }
}

/// A new manifest takes the place of another.
@Suite struct PlannerReloadTests {
    @Test("an unchanged task keeps its phase, its pause and its running run")
    func unchanged() {
        let a = task("a", .every(100))
        let desk = PlannerDesk([a, task("b", .every(100))])
        desk.go(0)
        desk.tell(.setPaused(task: "a", true))
        desk.tick(50)
        desk.load([task("0", .every(1000)), a, task("c", .every(1000))])
        #expect(desk.planner.isPaused("a") == true)
        #expect(
            Set(desk.go(50)) == [
                "claim 01 @50 cadence start", "claim c1 @50 cadence start", "run 01 attempt 1", "run c1 attempt 1",
            ])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded"])
        #expect(desk.go(100) == ["skip a @100 x1 paused"])
    }

    @Test("a changed cadence counts from the last occurrence")
    func changedCadence() {
        let desk = PlannerDesk([task("a", .every(100))]) { $0["a"]!.lastOccurrence = at(-50) }
        desk.tick(10)
        desk.load([task("a", .every(70))])
        #expect(desk.planner.nextRun(of: "a") == at(20))
        desk.load([task("a", .every(300))])
        #expect(desk.planner.nextRun(of: "a") == at(250))
    }

    @Test("also when the task had a grid of starting, or came after others, as the next process would have it")
    func changedKindOfCadence() {
        let desk = PlannerDesk([task("a", .every(10, starting: -7)), task("b", .after(["a"]))]) {
            $0["a"]!.registeredAt = at(-95)
            $0["b"]!.registeredAt = at(-95)
        }
        desk.go(3)
        desk.end("a1")
        #expect(desk.settle() == ["claim b1 @3 after start", "run b1 attempt 1"])
        let tasks = [task("a", .every(10)), task("b", .every(20))]
        desk.load(tasks)
        let next = PlannerDesk(tasks) {
            $0["a"]!.lastOccurrence = at(3)
            $0["b"]!.lastOccurrence = at(3)
        }
        for (name, instant) in [("a", 13.0), ("b", 23)] {
            #expect(desk.planner.nextRun(of: name) == at(instant))
            #expect(next.planner.nextRun(of: name) == at(instant))
        }
        // It has run, so what is missed is under `catch_up`.
        #expect(desk.tick(100).contains("skip b @23...@63 x3 catch_up"))
    }

    @Test("a removed task finishes what runs, retries included, and what had not started is cancelled")
    func removed() {
        let desk = PlannerDesk(
            [task("a", .every(100)) { $0.retry = Retry(attempts: 2, delay: .zero) }, task("b", .every(100))],
            concurrency: 1)
        desk.go(0)
        let lines = desk.load([task("c", .every(1000))], concurrency: 1) { $0["c"]!.lastOccurrence = at(0) }
        #expect(lines == ["finish b1 cancelled (removed)"])
        desk.settle()
        #expect(desk.fail("a1") + desk.settle() == ["finish a1 retrying @0", "start a1 attempt 2", "run a1 attempt 2"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded"])
        #expect(desk.go(200) == [])
        #expect(desk.planner.unfinishedRuns == 0)
    }

    @Test("a removed task that comes back finds its run still going")
    func cameBack() {
        let a = task("a", .every(100))
        let desk = PlannerDesk([a])
        desk.go(0)
        desk.load([])
        desk.tick(130)
        desk.load([a])
        #expect(desk.go(200) == ["skip a @200 x1 overlap"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded"])
    }

    @Test("a task that comes back or is enabled has missed nothing meanwhile")
    func nothingMissed() {
        let desk = PlannerDesk([task("a", .every(100), enabled: false), task("b", .every(100), enabled: false)]) {
            $0["a"]!.lastOccurrence = at(-50)
            $0["b"]!.registeredAt = at(-5000)
        }
        desk.tick(1000)
        desk.load([task("a", .every(100)), task("b", .every(100)), task("c", .every(100))]) {
            $0["c"]!.lastOccurrence = at(-20)
        }
        #expect(desk.planner.nextRun(of: "a") == at(1050))
        #expect(desk.planner.nextRun(of: "c") == at(1080))
        #expect(desk.go(1000) == ["claim b1 @1000 cadence start", "run b1 attempt 1"])
    }

    @Test("a new task with every is due at once; on_start asks only at the start of the process")
    func newTask() {
        let desk = PlannerDesk([])
        desk.tick(40)
        desk.load([task("a", .every(100)) { $0.onStart = .always }])
        #expect(desk.go(40) == ["claim a1 @40 cadence start", "run a1 attempt 1"])
    }

    @Test("a disabled task's queued occurrence is cancelled, its running one goes on")
    func disabled() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .every(100))], concurrency: 1)
        desk.go(0)
        let lines = desk.load(
            [task("a", .every(100), enabled: false), task("b", .every(100), enabled: false)], concurrency: 1)
        #expect(lines == ["finish b1 cancelled (disabled)"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded"])
        #expect(desk.go(500) == [])
    }

    @Test("places and groups follow the new manifest")
    func places() {
        let tasks = [task("a", .every(100)) { $0.group = "g" }, task("b", .every(100)) { $0.group = "g" }]
        let desk = PlannerDesk(tasks, groups: ["f": 1, "g": 1])
        desk.go(0)
        #expect(desk.load(tasks, groups: ["g": 2]) == ["start b1 attempt 1"])
        #expect(desk.settle() == ["run b1 attempt 1"])
    }

    @Test("marks of after survive a change of the task and of its place")
    func marks() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .every(1000)), task("c", .after(["a", "b"]))])
        desk.go(0)
        desk.end("a1")
        desk.settle()
        desk.load([
            task("0", .every(9000)), task("a", .every(1000)), task("b", .every(1000)),
            task("c", .after(["a", "b"])) { $0.priority = 1 },
        ])
        #expect(
            desk.end("b1") + desk.settle() == [
                "finish b1 succeeded mark c", "claim c1 @0 after start", "run c1 attempt 1",
            ])
    }
}
