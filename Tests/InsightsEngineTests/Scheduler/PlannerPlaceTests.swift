import InsightsEngine
import InsightsPlugin
import Testing

/// Places in a group that nodes share: the store counts them, whatever this planner believes.
@Suite struct PlannerPlaceTests {
    private func shared(_ limit: Int = 1, tasks count: Int = 2) -> PlannerDesk {
        let names = ["a", "b", "c"].prefix(count)
        let desk = PlannerDesk(
            names.map { task($0, .every(1000)) { $0.group = "g" } } + [task("z", .every(1000))],
            groups: ["g": limit], isShared: true)
        for name in names + ["z"] { desk.hold(name) { $0.lastOccurrence = at(0) } }
        return desk
    }

    @Test("a start asks for the place with its claim; one process alone asks for none")
    func asks() {
        let desk = shared()
        #expect(desk.trigger("a") == ["claim a1 @0 manual start in g"])
        #expect(desk.trigger("z") == ["claim z1 @0 manual start"])
        #expect(desk.trigger("b") == ["claim b1 @0 manual queue"])
        desk.settle()
        #expect(desk.end("a1") == ["finish a1 succeeded", "start b1 attempt 1 in g"])
        let alone = PlannerDesk([task("a", .every(1000)) { $0.group = "g" }], groups: ["g": 1])
        #expect(alone.tick(0) == ["claim a1 @0 cadence start"])
    }

    @Test("without a place the run is accepted and waits, and asks again after a second")
    func waits() {
        let desk = shared()
        desk.trigger("a")
        #expect(desk.settleOne(.noPlace) == ["answer 1 accepted a1"])
        #expect(desk.planner.wake.uptime == desk.now.uptime + 1000)
        #expect(desk.tick(0.9) == [])
        #expect(desk.trigger("b", token: 2) == ["claim b1 @0.9 manual queue"])
        #expect(desk.settle() == ["answer 2 accepted b1"])
        #expect(desk.tick(1) == ["start a1 attempt 1 in g"])
        #expect(desk.settleOne(.noPlace) == [])
        #expect(desk.tick(2) == ["start a1 attempt 1 in g"])
        #expect(desk.settle() == ["run a1 attempt 1"])
    }

    @Test("it asks at once when another node may have left its place, or a run of this one has")
    func asksAtOnce() {
        let desk = shared(2)
        desk.trigger("a")
        desk.settle()
        desk.trigger("b", token: 2)
        desk.settleOne(.noPlace)
        #expect(desk.tell(.placesFreed) == ["start b1 attempt 1 in g"])
        desk.settleOne(.noPlace)
        #expect(desk.end("a1") == ["finish a1 succeeded", "start b1 attempt 1 in g"])
    }

    @Test("while it waits for a place it holds none of this node's, and can be cancelled")
    func holdsNone() {
        let desk = PlannerDesk(
            [task("a", .every(1000)) { $0.group = "g" }, task("z", .every(1000))], concurrency: 1, groups: ["g": 1],
            isShared: true)
        for name in ["a", "z"] { desk.hold(name) { $0.lastOccurrence = at(0) } }
        desk.trigger("a")
        desk.settleOne(.noPlace)
        #expect(desk.trigger("z", token: 2) == ["claim z1 @0 manual start"])
        #expect(desk.cancel("a1") == ["finish a1 cancelled (operator)"])
        let late = shared()
        late.trigger("a")
        late.cancel("a1")
        #expect(late.settleOne(.noPlace) == ["answer 1 accepted a1", "finish a1 cancelled (operator)"])
    }

    @Test("code that goes on after its end keeps its place until it is back")
    func keeps() {
        let desk = PlannerDesk(
            [
                task("a", .every(1000)) {
                    $0.group = "g"; $0.timeout = .seconds(5)
                }
            ], groups: ["g": 1], isShared: true)
        desk.hold("a") { $0.lastOccurrence = at(0) }
        desk.trigger("a")
        desk.settle()
        #expect(desk.tick(5) == ["abort a1", "finish a1 timed_out keeping its place"])
        desk.settle()
        #expect(desk.end("a1", .cancelled) == ["leave a1"])
    }

    @Test("a run that was cut short by a shutdown in the middle of asking waits for whoever takes its task")
    func shutdown() {
        let desk = shared()
        desk.trigger("a")
        desk.tell(.shutdown)
        #expect(desk.settleOne(.noPlace) == ["answer 1 accepted a1", "drained"])
    }
}
