import InsightsEngine
import InsightsPlugin
import Testing

/// What happens when the former run is still going: `overlap`.
@Suite struct PlannerOverlapTests {
    /// Task a with a run of second 0 whose code is going on.
    private func going(_ overlap: Overlap, _ change: (inout Policy) -> Void = { _ in }) -> PlannerDesk {
        let desk = PlannerDesk([
            task("a", .every(10)) {
                $0.overlap = overlap
                change(&$0)
            }
        ])
        desk.go(0)
        return desk
    }

    @Test("skip: the occurrence is skipped, each by itself")
    func skip() {
        let desk = going(.skip)
        #expect(desk.go(10) == ["skip a @10 x1 overlap"])
        #expect(desk.go(20) == ["skip a @20 x1 overlap"])
        desk.end("a1")
        desk.settle()
        #expect(desk.go(30) == ["claim a2 @30 cadence start", "run a2 attempt 1"])
    }

    @Test("allow: they run side by side")
    func allow() {
        let desk = going(.allow)
        #expect(desk.go(10) == ["claim a2 @10 cadence start", "run a2 attempt 1"])
        #expect(desk.planner.activeRuns == 2)
    }

    @Test("queue: the newest is held and the older one skipped")
    func queue() {
        let desk = going(.queue)
        #expect(desk.go(10) == ["claim a2 @10 cadence queue"])
        #expect(desk.go(20) == ["finish a2 skipped (overlap)", "claim a3 @20 cadence queue"])
        #expect(desk.takeObserved().suffix(2) == ["finished a2 skipped (overlap)", "skipped a x1 overlap"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start a3 attempt 1", "run a3 attempt 1"])
    }

    @Test("queue: a held run whose claim is not answered yet is skipped as soon as it is")
    func queueUnsettled() {
        let desk = going(.queue)
        #expect(desk.tick(10) == ["claim a2 @10 cadence queue"])
        #expect(desk.tick(20) == ["claim a3 @20 cadence queue"])
        #expect(desk.settle() == ["finish a2 skipped (overlap)"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start a3 attempt 1", "run a3 attempt 1"])
    }

    @Test("replace: the former is cancelled, and the new one starts when its code is back")
    func replace() {
        let desk = going(.replace)
        #expect(desk.go(10) == ["abort a1", "claim a2 @10 cadence queue"])
        #expect(
            desk.end("a1", .cancelled) + desk.settle() == [
                "finish a1 cancelled (replaced)", "start a2 attempt 1", "run a2 attempt 1",
            ])
    }

    @Test("replace: code that does not come back is given up after 5 s, and only then its place is free")
    func replaceStubborn() {
        let desk = going(.replace)
        desk.go(10)
        #expect(desk.go(14.9) == [])
        #expect(
            desk.go(15) == [
                "abandon a1", "finish a1 cancelled (replaced)", "start a2 attempt 1", "run a2 attempt 1",
            ])
        #expect(desk.takeObserved().contains("abandoned a1"))
    }

    @Test("replace: a run that waits for its next attempt is cancelled at once")
    func replaceRetrying() {
        let desk = going(.replace) { $0.retry = Retry(attempts: 3, delay: .seconds(600)) }
        desk.tell(
            .ended(desk.slot("a1"), .failed(RunError(code: "x", message: "", isRetryable: true, retryAt: at(500)))))
        desk.settle()
        #expect(
            desk.go(10) == ["finish a1 cancelled (replaced)", "claim a2 @10 cadence start", "run a2 attempt 1"])
    }

    @Test("a run that waits for its next attempt is still going")
    func retryingIsGoing() {
        let desk = going(.skip) { $0.retry = Retry(attempts: 3, delay: .seconds(600)) }
        desk.tell(
            .ended(desk.slot("a1"), .failed(RunError(code: "x", message: "", isRetryable: true, retryAt: at(500)))))
        desk.settle()
        #expect(desk.go(10) == ["skip a @10 x1 overlap"])
    }

    @Test("a run whose end only waits for the store is over: the next one may start")
    func finishingIsOver() {
        let desk = going(.skip)
        desk.end("a1")
        #expect(desk.tick(10) == ["claim a2 @10 cadence start"])
    }
}

/// Places: `concurrency`, `group`, `priority`.
@Suite struct PlannerPlacesTests {
    @Test("more due runs than places: higher priority first, then the older; the rest is claimed at once")
    func priority() {
        let tasks = [
            task("a", .every(100)), task("b", .every(100)) { $0.priority = -1 },
            task("c", .every(100)) { $0.priority = 5 }, task("d", .every(100)),
        ]
        let desk = PlannerDesk(tasks, concurrency: 1) {
            for (name, last) in [("a", -97.0), ("b", -99), ("c", -96), ("d", -98)] {
                $0[name]!.lastOccurrence = at(last)
            }
        }
        #expect(
            desk.go(5) == [
                "claim c1 @4 cadence start", "claim d1 @2 cadence queue", "claim a1 @3 cadence queue",
                "claim b1 @1 cadence queue", "run c1 attempt 1",
            ])
        #expect(desk.end("c1") + desk.settle() == ["finish c1 succeeded", "start d1 attempt 1", "run d1 attempt 1"])
        #expect(desk.end("d1") + desk.settle() == ["finish d1 succeeded", "start a1 attempt 1", "run a1 attempt 1"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start b1 attempt 1", "run b1 attempt 1"])
    }

    @Test("a group has its own places, and does not block those without it")
    func groups() {
        let tasks = [
            task("a", .every(100)) { $0.group = "g" }, task("b", .every(100)) { $0.group = "g" },
            task("c", .every(100)),
        ]
        let desk = PlannerDesk(tasks, groups: ["g": 1])
        #expect(
            desk.go(0) == [
                "claim a1 @0 cadence start", "claim b1 @0 cadence queue", "claim c1 @0 cadence start",
                "run a1 attempt 1", "run c1 attempt 1",
            ])
        #expect(desk.end("c1") + desk.settle() == ["finish c1 succeeded"])
        #expect(desk.end("a1") + desk.settle() == ["finish a1 succeeded", "start b1 attempt 1", "run b1 attempt 1"])
    }

    @Test("a timed-out attempt keeps its place until its code is back")
    func zombiesKeepPlaces() {
        let tasks = [task("a", .every(1000)) { $0.timeout = .seconds(10) }, task("b", .every(1000))]
        let desk = PlannerDesk(tasks, concurrency: 1)
        desk.go(0)
        #expect(desk.go(10) == ["abort a1", "finish a1 timed_out"])
        #expect(desk.go(14.9) == [])
        #expect(desk.end("a1", .cancelled) + desk.settle() == ["start b1 attempt 1", "run b1 attempt 1"])
    }

    @Test("a refused claim gives its place back, and is observed")
    func conflict() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .every(100))], concurrency: 1)
        desk.tick(0)
        desk.settleOne(.conflict)
        #expect(desk.takeObserved() == ["refused a1"])
        #expect(desk.settle() == ["start b1 attempt 1", "run b1 attempt 1"])
        #expect(desk.planner.unfinishedRuns == 1)
    }

    @Test("a refused start is forgotten")
    func startConflict() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .every(100))], concurrency: 1)
        desk.go(0)
        desk.end("a1")
        desk.settleOne()
        #expect(desk.settleOne(.conflict) == [])
        #expect(desk.takeObserved().last == "refused b1")
        #expect(desk.planner.unfinishedRuns == 0)
    }

    @Test("while the store is away no queued run starts")
    func noStartsWithoutStore() {
        let desk = PlannerDesk([task("a", .every(100)), task("b", .every(100))], concurrency: 1)
        desk.go(0)
        desk.tell(.storeAvailable(false))
        #expect(desk.end("a1") == ["finish a1 succeeded"])
        #expect(desk.settle() == [])
        #expect(desk.tell(.storeAvailable(true)) == ["start b1 attempt 1"])
    }
}
