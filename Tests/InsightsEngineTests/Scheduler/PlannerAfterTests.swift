import InsightsEngine
import InsightsPlugin
import Testing

/// Tasks with `after`.
@Suite struct PlannerAfterTests {
    private func succeed(_ desk: PlannerDesk, _ run: String) -> [String] { desk.end(run) + desk.settle() }

    @Test("it starts once when each upstream has succeeded, for the latest of their instants")
    func both() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .every(1000)), task("c", .after(["a", "b"]))]) {
            $0["b"]!.lastOccurrence = at(-990)
        }
        #expect(desk.go(0) == ["claim a1 @0 cadence start", "run a1 attempt 1"])
        #expect(succeed(desk, "a1") == ["finish a1 succeeded mark c"])
        desk.go(10)
        #expect(
            succeed(desk, "b1") == [
                "finish b1 succeeded mark c", "claim c1 @10 after start", "run c1 attempt 1",
            ])
        guard case .claim(let claim) = desk.writes.last else { return #expect(Bool(false), "no claim") }
        #expect(claim.clearsMarks && claim.occurrence == at(10))
        #expect(succeed(desk, "c1") == ["finish c1 succeeded"])
        desk.go(1000)
        #expect(succeed(desk, "a2") == ["finish a2 succeeded mark c"])
    }

    @Test("a claim follows only when the upstream's success is durable")
    func durable() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .after(["a"]))])
        desk.go(0)
        #expect(desk.end("a1") == ["finish a1 succeeded mark b"])
        #expect(desk.settle(.fenced) == [])
    }

    @Test("upstream_failed passes down the chain, each task once, in the failure's own write")
    func failed() {
        let tasks = [
            task("a", .every(1000)), task("b", .after(["a"])), task("c", .after(["a"])), task("d", .after(["b", "c"])),
            task("e", .after(["d"])),
        ]
        let desk = PlannerDesk(tasks)
        desk.go(0)
        let line = desk.fail("a1")[0]
        #expect(line.hasPrefix("finish a1 failed, skip"))
        #expect(line.split(separator: ",").count == 5)
        for name in ["b", "c", "d", "e"] {
            #expect(line.contains("skip \(name) @0 x1 upstream_failed"))
        }
        desk.settle()
        #expect(desk.takeObserved().filter { $0.hasPrefix("skipped") }.count == 4)
    }

    @Test("failed, timed out and cancelled upstreams skip; a retry does not")
    func ends() {
        let policy: (inout Policy) -> Void = {
            $0.retry = Retry(attempts: 2, delay: .zero)
            $0.timeout = .seconds(5)
        }
        let desk = PlannerDesk([task("a", .every(1000), policy), task("b", .after(["a"]))])
        desk.go(0)
        #expect(desk.fail("a1") + desk.settle() == ["finish a1 retrying @0", "start a1 attempt 2", "run a1 attempt 2"])
        #expect(desk.go(5) == ["abort a1", "finish a1 timed_out, skip b @0 x1 upstream_failed"])
        desk.end("a1", .cancelled)
        desk.go(1000)
        desk.cancel("a2")
        #expect(desk.end("a2", .cancelled) == ["finish a2 cancelled (operator), skip b @1000 x1 upstream_failed"])
    }

    @Test("two upstreams that fail at one instant make one skip")
    func failedTogether() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .every(1000)), task("c", .after(["a", "b"]))])
        desk.go(0)
        #expect(desk.fail("a1") == ["finish a1 failed, skip c @0 x1 upstream_failed"])
        #expect(desk.fail("b1") == ["finish b1 failed"])
    }

    @Test("an upstream's success stands until the task starts, whatever another one did meanwhile")
    func marksStand() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .every(500)), task("c", .after(["a", "b"]))])
        desk.go(0)
        _ = succeed(desk, "a1")
        #expect(desk.fail("b1") + desk.settle() == ["finish b1 failed, skip c @0 x1 upstream_failed"])
        desk.go(500)
        #expect(
            succeed(desk, "b2") == ["finish b2 succeeded mark c", "claim c1 @500 after start", "run c1 attempt 1"])
    }

    @Test("a skipped upstream moves nothing, an upstream_failed one passes on")
    func skipped() {
        let desk = PlannerDesk([task("a", .every(10)), task("b", .after(["a"]))])
        desk.go(0)
        #expect(desk.go(10) == ["skip a @10 x1 overlap"])
        desk.tell(.setPaused(task: "a", true))
        #expect(desk.go(20) == ["skip a @20 x1 paused"])
    }

    @Test("disabled it is told nothing and ends the chain; paused its occurrence is skipped")
    func disabledAndPaused() {
        let tasks = [
            task("a", .every(1000)), task("b", .after(["a"]), enabled: false), task("c", .after(["b"])),
            task("d", .after(["a"])),
        ]
        let desk = PlannerDesk(tasks)
        desk.tell(.setPaused(task: "d", true))
        desk.go(0)
        #expect(succeed(desk, "a1") == ["finish a1 succeeded mark d", "skip d @0 x1 paused"])
        guard case .skip(let skip) = desk.writes.last else { return #expect(Bool(false), "no skip") }
        #expect(skip.clearsMarks)
        desk.go(1000)
        #expect(desk.fail("a2") == ["finish a2 failed, skip d @1000 x1 upstream_failed"])
    }

    @Test("overlap holds for it as for any other")
    func overlap() {
        let desk = PlannerDesk([task("a", .every(10)), task("b", .after(["a"]))])
        desk.go(0)
        _ = succeed(desk, "a1")
        desk.go(10)
        #expect(succeed(desk, "a2") == ["finish a2 succeeded mark b", "skip b @10 x1 overlap"])
    }

    @Test("it follows runs by cadence, catch-up and after; runs by hand only when these ask for it")
    func triggers() {
        let tasks = [task("a", .every(1000)), task("b", .after(["a"]))]
        let desk = PlannerDesk(tasks) { $0["a"]!.lastOccurrence = at(0) }
        desk.tick(1)
        desk.trigger("a")
        desk.settle()
        #expect(succeed(desk, "a1") == ["finish a1 succeeded"])
        desk.tick(2)
        desk.trigger("a", dependents: true)
        desk.settle()
        #expect(
            succeed(desk, "a2") == ["finish a2 succeeded mark b", "claim b1 @2 after start", "run b1 attempt 1"])
        desk.tick(3)
        desk.trigger("a")
        desk.settle()
        #expect(desk.fail("a3") == ["finish a3 failed"])
    }

    @Test("stored marks that are complete at the start make it due, as what fell due before")
    func storedMarks() {
        func desk(_ change: @escaping (inout Policy) -> Void) -> PlannerDesk {
            PlannerDesk([task("a", .every(1000)), task("b", .after(["a"]), change)]) {
                $0["a"]!.lastOccurrence = at(-10)
                $0["b"]!.marks = [AfterMark(task: $0["b"]!.id, upstream: $0["a"]!.id, scheduledAt: at(-10))]
            }
        }
        #expect(desk { _ in }.go(0) == ["claim b1 @-10 after start", "run b1 attempt 1"])
        #expect(desk { $0.catchUp = .none }.go(0) == ["skip b @-10 x1 catch_up"])
        #expect(desk { $0.onStart = .never }.go(0) == ["skip b @-10 x1 catch_up"])
    }

    @Test("an instant that was skipped with another upstream's failure is not run later")
    func skippedInstant() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .every(1000)), task("c", .after(["a", "b"]))]) {
            $0["c"]!.marks = [AfterMark(task: $0["c"]!.id, upstream: $0["a"]!.id, scheduledAt: at(-1000))]
        }
        desk.go(0)
        #expect(desk.fail("a1") + desk.settle() == ["finish a1 failed, skip c @0 x1 upstream_failed"])
        #expect(succeed(desk, "b1") == ["finish b1 succeeded mark c"])
    }

    @Test("jitter delays it from when it falls due")
    func jitter() {
        let desk = PlannerDesk([task("a", .every(1000)), task("b", .after(["a"])) { $0.jitter = .seconds(60) }])
        desk.go(0)
        desk.tick(50)
        #expect(succeed(desk, "a1") == ["finish a1 succeeded mark b"])
        let due = desk.planner.wake.wall!
        #expect(due > at(50) && due <= at(110))
        #expect(desk.tick(111) == ["claim b1 @0 after start"])
    }
}
