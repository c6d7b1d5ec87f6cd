import InsightsEngine
import InsightsPlugin
import Testing

/// Runs by hand.
@Suite struct PlannerManualTests {
    @Test("a run by hand is scheduled at its trigger, has no occurrence and does not move the cadence")
    func cadenceStays() {
        let desk = PlannerDesk([task("a", .every(100)) { $0.overlap = .allow }]) { $0["a"]!.lastOccurrence = at(0) }
        desk.tick(30)
        #expect(desk.trigger("a") == ["claim a1 @30 manual start"])
        guard case .claim(let claim) = desk.writes[0] else { return #expect(Bool(false), "no claim") }
        #expect(claim.occurrence == nil)
        #expect(desk.planner.nextRun(of: "a") == at(100))
    }

    @Test("it has the id that the asker chose")
    func chosenID() {
        let desk = PlannerDesk([task("a", .every(100))]) { $0["a"]!.lastOccurrence = at(0) }
        let id = RunID(high: 7, low: 9)
        desk.tell(.trigger(ManualTrigger(token: 1, run: id, task: "a", movesDependents: false, group: nil)))
        guard case .claim(let claim) = desk.writes[0] else { return #expect(Bool(false), "no claim") }
        #expect(claim.run == id)
    }

    @Test("disabled and paused tasks run by hand, also without the scheduler; unknown ones do not")
    func whatCanBeTriggered() {
        let desk = PlannerDesk([task("a", .every(100), enabled: false)], schedulerEnabled: false)
        desk.tell(.setPaused(task: "a", true))
        #expect(
            desk.trigger("a") + desk.settle() == [
                "claim a1 @0 manual start", "answer 1 accepted a1", "run a1 attempt 1",
            ]
        )
        #expect(desk.trigger("b") == ["answer 1 unknown task"])
    }

    @Test("without the scheduler what follows a run by hand runs when it was asked for")
    func dependentsWithoutScheduler() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .after(["a"]))], schedulerEnabled: false)
        desk.trigger("a", dependents: true)
        desk.settle()
        #expect(
            desk.end("a1") + desk.settle() == [
                "finish a1 succeeded mark b", "claim b1 @0 after start", "run b1 attempt 1",
            ])
    }

    @Test("overlap skip refuses it and names the run that is going")
    func refused() {
        let desk = PlannerDesk([task("a", .every(100))])
        desk.go(0)
        #expect(desk.trigger("a") == ["answer 1 overlaps a1"])
    }

    @Test("overlap queue holds it, replace cancels the former")
    func queueAndReplace() {
        let desk = PlannerDesk([task("a", .every(100)) { $0.overlap = .queue }])
        desk.go(0)
        desk.tick(1)
        #expect(desk.trigger("a") + desk.settle() == ["claim a2 @1 manual queue", "answer 1 accepted a2"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start a2 attempt 1", "run a2 attempt 1"])
        let other = PlannerDesk([task("a", .every(100)) { $0.overlap = .replace }])
        other.go(0)
        #expect(
            other.trigger("a") + other.settle() == [
                "abort a1", "claim a2 @0 manual queue", "answer 1 accepted a2",
            ])
    }

    @Test("it obeys places and groups")
    func places() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .every(100))], concurrency: 1) {
            $0["b"]!.lastOccurrence = at(0)
        }
        desk.go(0)
        #expect(desk.trigger("b") + desk.settle() == ["claim b1 @0 manual queue", "answer 1 accepted b1"])
        #expect(desk.end("a1") == ["finish a1 succeeded", "start b1 attempt 1"])
    }

    @Test("it is accepted once its claim is durable, and refused when the store will not have it")
    func acceptedWhenStored() {
        let desk = PlannerDesk([task("a", .every(100))]) { $0["a"]!.lastOccurrence = at(0) }
        #expect(desk.trigger("a") == ["claim a1 @0 manual start"])
        desk.tell(.storeAvailable(false))
        #expect(desk.tick(1) == [])
        #expect(desk.settleOne() == ["answer 1 accepted a1", "run a1 attempt 1"])
        let refused = PlannerDesk([task("a", .every(100))]) { $0["a"]!.lastOccurrence = at(0) }
        refused.trigger("a")
        #expect(refused.settleOne(.conflict) == ["answer 1 store unavailable"])
    }

    @Test("an answer that is itself a write comes with the claim, for one commit to hold both")
    func answeredInStore() {
        let desk = PlannerDesk([task("a", .every(100))]) { $0["a"]!.lastOccurrence = at(0) }
        let trigger = ManualTrigger(
            token: 1, run: nil, task: "a", movesDependents: false, group: nil, isAnsweredInStore: true)
        #expect(desk.tell(.trigger(trigger)) == ["claim a1 @0 manual start", "answer 1 accepted a1"])
        #expect(desk.settle() == ["run a1 attempt 1"])
    }

    @Test("while the store is away it is refused at once, and nothing is left to start later")
    func storeAway() {
        let desk = PlannerDesk([task("a", .every(100))]) { $0["a"]!.lastOccurrence = at(0) }
        desk.tell(.storeAvailable(false))
        #expect(desk.trigger("a") == ["answer 1 store unavailable"])
        #expect(desk.trigger("a", token: 2, group: 7) == ["answer 2 store unavailable"])
        #expect(desk.trigger("b", token: 3) == ["answer 3 unknown task"])
        #expect(desk.tell(.storeAvailable(true)) == [])
        #expect(desk.planner.unfinishedRuns == 0)
    }

    @Test("after a shutdown it is refused")
    func stopping() {
        let desk = PlannerDesk([task("a", .every(100))]) { $0["a"]!.lastOccurrence = at(0) }
        desk.tell(.shutdown)
        #expect(desk.trigger("a") == ["answer 1 stopping"])
    }
}

/// Several triggered together.
@Suite struct PlannerManualGroupTests {
    private let tasks = [
        task("a", .every(100)), task("b", .after(["a"])), task("c", .after(["b"])), task("d", .every(100)),
    ]

    private func together(_ names: [String]) -> PlannerDesk {
        let desk = PlannerDesk(tasks, schedulerEnabled: false)
        for name in names { desk.trigger(name, dependents: true, group: 5) }
        return desk
    }

    private func settle(_ desk: PlannerDesk) -> [String] { desk.settle().filter { !$0.hasPrefix("answer") } }

    @Test("they run in after order, in whatever order they are told; what is one of them is not started by after")
    func order() {
        let desk = together(["c", "b", "d", "a"])
        #expect(
            Set(settle(desk)) == ["start d1 attempt 1", "start a1 attempt 1", "run d1 attempt 1", "run a1 attempt 1"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start b1 attempt 1", "run b1 attempt 1"])
        #expect(desk.end("b1") + desk.settle() == ["finish b1 succeeded", "start c1 attempt 1", "run c1 attempt 1"])
        #expect(desk.end("c1") + desk.settle() == ["finish c1 succeeded"])
    }

    @Test("one that failed skips those after it, down the chain")
    func failure() {
        let desk = together(["a", "b", "c", "d"])
        desk.settle()
        #expect(
            desk.fail("a1") == [
                "finish a1 failed", "finish b1 skipped (upstream_failed)", "finish c1 skipped (upstream_failed)",
            ])
        desk.settle()
        #expect(desk.end("d1") + desk.settle() == ["finish d1 succeeded"])
        #expect(desk.planner.unfinishedRuns == 0)
    }

    @Test("a task in between that is none of them keeps the order, and follows by itself when asked to")
    func gap() {
        let desk = together(["c", "a"])
        #expect(settle(desk) == ["start a1 attempt 1", "run a1 attempt 1"])
        let lines = desk.end("a1") + desk.settle()
        #expect(Set(lines).isSuperset(of: ["claim b1 @0 after start", "start c1 attempt 1"]))
    }

    @Test("one that overlap forbids is recorded as skipped, and the others run")
    func skipped() {
        let desk = PlannerDesk(tasks, schedulerEnabled: false)
        desk.trigger("a")
        desk.settle()
        desk.tick(1)
        #expect(
            desk.trigger("a", token: 2, group: 5) == [
                "claim a2 @1 manual queue", "finish a2 skipped (overlap)",
            ])
        #expect(desk.settleOne() == ["answer 2 skipped a2 overlap"])
        desk.trigger("b", token: 3, group: 5)
        #expect(desk.settle() == ["answer 3 accepted b1", "start b1 attempt 1", "run b1 attempt 1"])
    }

    @Test("a member that is cancelled skips those after it")
    func cancelled() {
        let desk = together(["a", "b"])
        desk.settle()
        #expect(desk.cancel("a1") == ["abort a1"])
        #expect(
            desk.end("a1", .cancelled) == [
                "finish a1 cancelled (operator)", "finish b1 skipped (upstream_failed), skip c @0 x1 upstream_failed",
            ])
    }

    @Test("a member that is cancelled while it waits leaves the group")
    func cancelledWaiting() {
        let desk = together(["a", "b"])
        desk.settle()
        #expect(desk.cancel("b1").first?.hasPrefix("finish b1 cancelled (operator)") == true)
        desk.settle()
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded"])
    }
}
