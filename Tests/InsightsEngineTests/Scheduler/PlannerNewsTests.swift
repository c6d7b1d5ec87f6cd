import InsightsEngine
import InsightsPlugin
import Testing

/// What other nodes have decided: ends of upstreams that they hold, and pauses.
@Suite struct PlannerNewsTests {
    private func shared(_ change: (PlannerDesk) -> Void = { _ in }) -> PlannerDesk {
        let desk = PlannerDesk(
            [task("a", .every(10)), task("b", .every(10)), task("c", .after(["a", "b"]))], isShared: true)
        change(desk)
        return desk
    }

    @Test("an upstream's end that another node wrote starts the follower that is held here")
    func marks() {
        let desk = shared { $0.hold("c") }
        #expect(desk.tell(.askNews) == ["read news c"])
        #expect(desk.news([desk.mark("c", "a", at: 10)]) == [])
        desk.tell(.askNews)
        #expect(
            desk.news([desk.mark("c", "a", at: 10), desk.mark("c", "b", at: 20)]) == ["claim c1 @20 after start"])
    }

    @Test("a success here leaves another's follower its mark, and nothing more")
    func othersFollower() {
        let desk = shared { desk in desk.hold("a", "b") { $0.lastOccurrence = at(0) } }
        #expect(desk.go(10).contains("claim a1 @10 cadence start"))
        #expect(desk.end("a1") == ["finish a1 succeeded mark c"])
        #expect(desk.end("b1") + desk.settle() == ["finish b1 succeeded mark c"])
        desk.hold("c") { $0.marks = [desk.mark("c", "a", at: 10), desk.mark("c", "b", at: 10)] }
        #expect(desk.tick(10) == ["claim c1 @10 after start"])
    }

    @Test("a failure here skips another's follower, whatever was known of that before it was given away")
    func othersSkip() {
        let desk = shared { desk in desk.hold("a", "c") { $0.lastOccurrence = at(0) } }
        desk.tell(.release(.asked(task: "c", RequestID(high: 1, low: 1))))
        desk.go(10)
        #expect(desk.fail("a1", retryable: false) == ["finish a1 failed, skip c @10 x1 upstream_failed"])
    }

    @Test("news that is older than a decision is void: marks that were used up do not come back")
    func stale() {
        let desk = shared { $0.hold("c") }
        desk.tell(.askNews)
        let old = desk.stamp!
        #expect(
            desk.news([desk.mark("c", "a", at: 10), desk.mark("c", "b", at: 10)]) == ["claim c1 @10 after start"])
        desk.settle()
        desk.end("c1")
        desk.settle()
        let late = StoreNews(
            followers: [
                .init(
                    task: desk.stored["c"]!.id, lastOccurrence: nil,
                    marks: [desk.mark("c", "a", at: 10), desk.mark("c", "b", at: 10)])
            ], paused: [], definitions: 1)
        #expect(desk.tell(.news(late, old)) == [])
        desk.tell(.askNews)
        // Were the old mark of b still there, c would start with a alone.
        #expect(desk.news([desk.mark("c", "a", at: 20)]) == [])
    }

    @Test("news of a task that was given away and taken again meanwhile is void")
    func takenAgain() {
        let desk = shared { $0.hold("c") }
        desk.tell(.askNews)
        let marks = [desk.mark("c", "a", at: 10), desk.mark("c", "b", at: 10)]
        desk.tell(.release(.idle(1)))
        desk.hold("c") { $0.lastOccurrence = at(10) }
        #expect(desk.news(marks) == [])
    }

    @Test("an instant that another node has skipped with a failed upstream is not run")
    func skippedElsewhere() {
        let desk = shared { $0.hold("c") }
        desk.tell(.askNews)
        let marks = [desk.mark("c", "a", at: 10), desk.mark("c", "b", at: 10)]
        #expect(desk.news(marks, last: ["c": at(10)]) == [])
    }

    @Test("pauses that are set elsewhere take effect, and end")
    func pauses() {
        let desk = shared { desk in desk.hold("a") { $0.lastOccurrence = at(0) } }
        desk.tell(.askNews)
        desk.news(paused: ["a", "b"])
        #expect(desk.go(10) == ["skip a @10 x1 paused"])
        desk.tell(.askNews)
        desk.news()
        #expect(desk.go(20) == ["claim a1 @20 cadence start", "run a1 attempt 1"])
    }

    @Test("a pause that is set here is newer than news that was asked for before it")
    func newerPause() {
        let desk = shared { desk in desk.hold("a") { $0.lastOccurrence = at(0) } }
        desk.tell(.askNews)
        desk.news()
        desk.tell(.askNews)
        desk.tell(.setPaused(task: "a", true))
        desk.news(paused: ["b"])
        #expect(desk.go(10) == ["skip a @10 x1 paused"])
    }

    @Test("a process without its scheduler asks for no marks, and starts nothing that others' ends made due")
    func withoutScheduler() {
        let desk = PlannerDesk(
            [task("a", .every(10)), task("c", .after(["a"]))], schedulerEnabled: false, isShared: true)
        desk.hold("c")
        #expect(desk.tell(.askNews) == ["read news"])
    }
}
