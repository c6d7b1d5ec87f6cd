import InsightsEngine
import InsightsPlugin
import Testing

/// Several nodes on one store: a planner decides about the tasks that it holds, and about no others.
@Suite struct PlannerHoldingTests {
    private func left(
        _ status: RunStatus, _ task: String = "a", attempt: Int = 1, losses: Int = 0, trigger: Trigger = .cadence,
        at seconds: Double = -10, number: UInt64 = 1
    ) -> UnfinishedRun {
        UnfinishedRun(
            run: RunID(high: number, low: 1), task: TaskID(Int64(task.utf8.reduce(0) { $0 * 256 + Int($1) })),
            name: task, trigger: trigger, occurrence: trigger == .manual ? nil : at(seconds), scheduledAt: at(seconds),
            status: status, startedAt: nil, retryAt: nil, attempt: attempt, failures: 0, losses: losses,
            fence: Fence(attempt + losses), movesDependents: true)
    }

    private func shared(_ tasks: [TaskDefinition], schedulerEnabled: Bool = true) -> PlannerDesk {
        PlannerDesk(tasks, schedulerEnabled: schedulerEnabled, isShared: true)
    }

    @Test("what is not held does not start, by time or by hand")
    func unheld() {
        let desk = shared([task("a", .every(10)), task("b", .every(10))])
        #expect(desk.go(0) == [])
        #expect(desk.planner.holding == 0 && desk.planner.unheld().count == 2)
        #expect(desk.hold("a") == [])
        #expect(desk.go(1) == ["claim a1 @0 cadence start", "run a1 attempt 1"])
        #expect(desk.trigger("b") == ["answer 1 elsewhere"])
        #expect(desk.planner.isHeld("a") == true && desk.planner.isHeld("b") == false && desk.planner.holding == 1)
    }

    @Test("a task that another had goes on: late within 30 s starts, what is older is missed")
    func goesOn() {
        for (last, expected) in [
            (-25.0, ["claim a1 @5 cadence start"]),
            (-90.0, ["skip a @-60...@-30 x2 catch_up", "claim a1 @0 catch_up start"]),
        ] {
            let desk = shared([task("a", .every(30)) { $0.onStart = .never }])
            desk.tick(8)
            desk.hold("a") { $0.lastOccurrence = at(last) }
            #expect(desk.tick(8) == expected)
        }
    }

    @Test(
        "`on_start` is asked at a start, and not when a task changes hands",
        arguments: [
            (true, ["skip a @-30...@0 x2 catch_up", "claim b1 @0 start start"]),
            (false, ["skip a @-30 x1 catch_up", "claim a1 @0 catch_up start"]),
        ])
    func onStart(isStart: Bool, expected: [String]) {
        let desk = shared([
            task("a", .every(30)) { $0.onStart = .never }, task("b", .every(1000)) { $0.onStart = .always },
        ])
        desk.hold("a", isStart: isStart) { $0.lastOccurrence = at(-60) }
        desk.hold("b", isStart: isStart) { $0.lastOccurrence = at(-10) }
        #expect(desk.tick(0) == expected)
    }

    @Test("what a dead holder left goes on as after the end of a process")
    func unfinished() {
        let desk = shared([task("a", .every(1000)), task("b", .every(1000)) { $0.onLost = .fail }])
        let runs = [
            left(.running, losses: 1), left(.running, "b", losses: 1, number: 2),
            left(.queued, attempt: 0, at: -5, number: 3),
        ]
        #expect(
            desk.hold("a", "b", unfinished: runs) { $0.lastOccurrence = at(-5) }
                == ["finish b1 failed", "start a1 attempt 2"])
        #expect(desk.settle() == ["run a1 attempt 2"])
        #expect(desk.end("a1") == ["finish a1 succeeded", "start a2 attempt 1"])
    }

    @Test("the answer to a hold that comes twice changes nothing")
    func heldTwice() {
        let desk = shared([task("a", .every(10))])
        desk.hold("a")
        desk.go(0)
        #expect(desk.hold("a", unfinished: [left(.running, losses: 1)]) == [])
        #expect(desk.planner.holding == 1 && desk.planner.activeRuns == 1)
    }

    @Test("runs of a task that nobody's manifest names are ended, and the task is given away")
    func stranger() {
        let desk = shared([task("a", .every(10))])
        let id = TaskID(7)
        let stranger = StoredTask(id: id, name: "z", registeredAt: at(-100), hash: 1)
        var run = left(.retrying, "z")
        run.task = id
        #expect(
            desk.tell(.held([HeldTask(task: stranger, unfinished: [run], isStart: false)]))
                == ["finish z1 cancelled (removed)", "release z"])
        #expect(desk.planner.holding == 0)
    }

    // MARK: Giving away

    @Test("idle tasks are given away, those that are about to start last, and what is going not at all")
    func release() {
        let desk = shared([task("a", .every(3)), task("b", .every(1000)), task("c", .every(1000))])
        desk.hold("a", "b", "c") { $0.lastOccurrence = at(0) }
        desk.trigger("c")
        desk.settle()
        #expect(desk.tell(.release(.idle(1))) == ["release b"])
        #expect(desk.tell(.release(.idle(5))) == ["release a"])
        #expect(desk.go(1000) == ["skip c @1000 x1 overlap"])
        #expect(desk.end("c1") == ["finish c1 succeeded"])
        // The store may refuse that end, and another follows.
        #expect(desk.tell(.release(.idle(1))) == [])
        desk.settle()
        #expect(desk.tell(.release(.idle(1))) == ["release c"])
        #expect(desk.planner.holding == 0 && desk.planner.scheduledTasks == 0)
    }

    @Test("what was given away can be taken again, with what is stored of it then")
    func again() {
        let desk = shared([task("a", .every(10))])
        desk.hold("a") { $0.lastOccurrence = at(0) }
        desk.tell(.release(.idle(1)))
        #expect(desk.go(20) == [])
        desk.hold("a") { $0.lastOccurrence = at(10) }
        #expect(desk.go(20) == ["claim a1 @20 cadence start", "run a1 attempt 1"])
    }

    @Test("another node that asks for a task is given it if nothing of it is going")
    func asked() {
        let desk = shared([task("a", .every(1000)), task("b", .every(1000))])
        desk.hold("a", "b") { $0.lastOccurrence = at(0) }
        desk.trigger("b")
        let request = RequestID(high: 1, low: 1)
        #expect(desk.tell(.release(.asked(task: "a", request))) == ["release a", "reply accepted"])
        #expect(desk.tell(.release(.asked(task: "a", request))) == ["reply accepted"])
        #expect(
            desk.tell(.release(.asked(task: "b", request))) == ["reply refused(\"\(RequestRefusal.busy)\")"])
    }

    @Test("of a task that is registered with another definition nothing more starts, and it is given away once idle")
    func differing() {
        let desk = shared([task("a", .every(10)), task("b", .every(10))])
        desk.hold("a", "b") { $0.lastOccurrence = at(0) }
        desk.trigger("a")
        desk.settle()
        let wish = ReleaseWish.differing([desk.stored["a"]!.id])
        #expect(desk.tell(.release(wish)) == [])
        #expect(desk.go(10) == ["claim b1 @10 cadence start", "run b1 attempt 1"])
        desk.end("a1")
        desk.settle()
        #expect(desk.tell(.release(wish)) == ["release a"])
    }

    @Test("registered with this one's definition again before it was idle, it goes on")
    func differingNoMore() {
        let desk = shared([task("a", .every(10))])
        desk.hold("a") { $0.lastOccurrence = at(0) }
        desk.trigger("a")
        desk.settle()
        desk.tell(.release(.differing([desk.stored["a"]!.id])))
        desk.tell(.release(.differing([])))
        #expect(desk.go(10) == ["skip a @10 x1 overlap"])
    }

    @Test("a shutdown gives away at once what is idle")
    func shutdown() {
        let desk = shared([task("a", .every(10)), task("b", .every(10))])
        desk.hold("a", "b") { $0.lastOccurrence = at(0) }
        desk.trigger("b")
        desk.settle()
        #expect(desk.tell(.shutdown) == ["release a"])
        #expect(desk.tell(.graceOver) == ["abort b1"])
        #expect(desk.end("b1", .cancelled) + desk.settle() == ["finish b1 interrupted", "drained"])
    }

    @Test("a manifest that no longer names a task gives it away, once its run is over")
    func removed() {
        let desk = shared([task("a", .every(1000)), task("b", .every(1000)), task("c", .every(1000))])
        desk.hold("a", "b", "c") { $0.lastOccurrence = at(0) }
        desk.trigger("b")
        desk.settle()
        #expect(desk.load([task("c", .every(1000))]) == ["release a"])
        #expect(desk.planner.holding == 2 && desk.planner.isHeld("c") == true)
        #expect(desk.tell(.release(.idle(0))) == [])
        desk.end("b1")
        desk.settle()
        #expect(desk.tell(.release(.idle(0))) == ["release b"])
    }

    @Test("a process that starts nothing by itself takes what it is asked to run, and leaves alone what others left")
    func withoutScheduler() {
        let desk = shared([task("a", .every(10))], schedulerEnabled: false)
        #expect(desk.hold("a", unfinished: [left(.queued, attempt: 0)]) { $0.lastOccurrence = at(-10) } == [])
        #expect(desk.go(30) == [])
        #expect(
            desk.trigger("a") + desk.settle() == [
                "claim a2 @30 manual start", "answer 1 accepted a2", "run a2 attempt 1",
            ])
        #expect(desk.tell(.release(.idle(1))) == [])
        desk.end("a2")
        desk.settle()
        #expect(desk.tell(.release(.idle(1))) == ["release a"])
        #expect(desk.planner.unfinishedRuns == 0)
    }

    // MARK: Losing the lease

    @Test("with its lease a node loses everything, and writes nothing more of it")
    func leaseLost() {
        let desk = shared([task("a", .every(1000)), task("b", .every(10)), task("c", .after(["a"]))])
        desk.hold("a", "b", "c") { $0.lastOccurrence = at(0) }
        desk.trigger("a")
        desk.settle()
        #expect(desk.tick(10) == ["claim b1 @10 cadence start"])
        #expect(desk.tell(.leaseLost) == ["abort a1", "abandon a1", "forget writes"])
        #expect(desk.planner.holding == 0 && desk.planner.activeRuns == 0 && desk.planner.unfinishedRuns == 0)
        #expect(desk.end("a1") == [])
        #expect(desk.go(100) == [])
        let lost = left(.running, losses: 1, number: 9)
        #expect(desk.hold("a", unfinished: [lost]) { $0.lastOccurrence = at(0) } == ["start a2 attempt 2"])
    }

    @Test("who waits for a claim is told that it did not come to that")
    func askerOfLost() {
        let desk = shared([task("a", .every(1000))])
        desk.hold("a") { $0.lastOccurrence = at(0) }
        desk.trigger("a")
        #expect(desk.tell(.leaseLost) == ["answer 1 store unavailable", "forget writes"])
        #expect(desk.settle() == [])
    }

    @Test("a shutdown after the lease is lost drains at once")
    func shutdownAfterLoss() {
        let desk = shared([task("a", .every(10))])
        desk.hold("a")
        desk.go(0)
        desk.tell(.leaseLost)
        #expect(desk.tell(.shutdown) == ["drained"])
    }
}
