import InsightsPlugin
import Testing

@testable import InsightsEngine

/// What a node believes of its lease, by elapsed time alone.
@Suite("Lease") struct LeaseKeeperTests {
    private func held(sentAt: Int64 = 1000) -> LeaseKeeper {
        var lease = LeaseKeeper()
        lease.entered(sentAt: sentAt, duration: .seconds(15))
        return lease
    }

    @Test("before the node is entered there is none, and entering is what is to be done")
    func none() {
        let lease = LeaseKeeper()
        #expect(!lease.isTrusted(at: 0) && !lease.isHeld && lease.duty(at: 0) == .enter)
    }

    @Test("it is trusted for its duration less the margin, from when the renewal was sent")
    func trust() {
        var lease = held()
        #expect(lease.isTrusted(at: 12_999) && !lease.isTrusted(at: 13_000))
        lease.renewed(sentAt: 6000, duration: .seconds(15))
        #expect(lease.isTrusted(at: 17_999) && !lease.isTrusted(at: 18_000))
    }

    @Test("it is renewed five seconds after it was, and a second after a failure")
    func renewal() {
        var lease = held()
        #expect(lease.duty(at: 5999) == .nothing && lease.duty(at: 6000) == .renew)
        lease.failed(at: 6400)
        #expect(lease.duty(at: 7399) == .nothing && lease.duty(at: 7400) == .renew)
        #expect(lease.isTrusted(at: 12_999))
        lease.hasten()
        #expect(lease.duty(at: 6400) == .renew)
    }

    @Test("when its time is over it lapses once, and is entered anew when all is forgotten")
    func lapse() {
        var lease = held()
        let lapses = [12_999, 13_000, 13_001].map { lease.lapse(at: $0) }
        #expect(lapses == [false, true, false])
        #expect(lease.duty(at: 20_000) == .nothing)
        lease.forgot()
        #expect(lease.duty(at: 20_000) == .enter)
        lease.failed(at: 20_000)
        #expect(lease.duty(at: 20_999) == .nothing && lease.duty(at: 21_000) == .enter)
        lease.entered(sentAt: 21_000, duration: .seconds(15))
        #expect(lease.isTrusted(at: 30_000) && lease.entry == 2)
    }

    @Test("a renewal that is answered after the lease is lost does not bring it back")
    func late() {
        var lease = held()
        let lapses = lease.lapse(at: 13_000)
        #expect(lapses)
        lease.renewed(sentAt: 12_000, duration: .seconds(15))
        #expect(!lease.isTrusted(at: 13_000))
        lease.forgot()
        lease.renewed(sentAt: 12_000, duration: .seconds(15))
        #expect(lease.duty(at: 13_000) == .enter)
    }

    @Test("what the store says of an earlier lease does not concern this one")
    func earlier() {
        var lease = held()
        let first = lease.entry
        var losses = [lease.lose(first)]
        lease.forgot()
        lease.entered(sentAt: 2000, duration: .seconds(15))
        losses.append(lease.lose(first))
        #expect(lease.isHeld)
        losses.append(lease.lose(lease.entry))
        #expect(losses == [true, false, true] && !lease.isHeld)
    }
}

/// How tasks are spread.
@Suite("Shares") struct SharesTests {
    @Test(
        "a share is rounded up, so that all shares cover all tasks",
        arguments: [(0, 1, 0), (10, 1, 10), (10, 3, 4), (9, 3, 3), (1, 3, 1), (100_000, 2, 50_000), (5, 0, 5)])
    func share(tasks: Int, nodes: Int, share: Int) {
        #expect(Shares.share(of: tasks, among: nodes) == share)
        #expect(share * max(1, nodes) >= tasks)
    }

    @Test(
        "a node takes up to its share, and gives what is beyond it",
        arguments: [
            (10, 2, 0, Shares.Step.take(5)), (10, 2, 3, .take(2)), (10, 2, 5, .nothing), (10, 2, 10, .give(5)),
            (10, 3, 4, .nothing), (10, 3, 5, .give(1)), (0, 2, 0, .nothing), (1, 2, 1, .nothing),
        ])
    func step(tasks: Int, nodes: Int, held: Int, step: Shares.Step) {
        #expect(Shares.step(tasks: tasks, nodes: nodes, held: held) == step)
    }
}

/// The clock that nodes have in common.
@Suite("A node's clock") struct NodeClockTests {
    @Test(
        "a difference of more than a second is made up for, until it is less than half a second",
        arguments: [
            (0, 0, 0), (1000, 0, 0), (-1000, 0, 0), (1001, 0, 1001), (-75_000, 0, -75_000), (900, 1200, 900),
            (1300, 1200, 1200), (1500, 1200, 1500), (500, 1200, 0), (-501, 1200, -501),
        ] as [(Int64, Int64, Int64)])
    func offset(difference: Int64, former: Int64, offset: Int64) {
        #expect(NodeClock.offset(for: difference, former: former) == offset)
    }

    @Test("the database's clock is taken to be that of the middle of the way there and back")
    func middle() {
        let machine = ManualEngineClock(EngineFixture.start)
        let clock = NodeClock(machine)
        let sent = clock.machine
        machine.advance(by: .milliseconds(400))
        clock.note(EngineFixture.start.advanced(by: .milliseconds(60_200)), sent: sent, received: clock.machine)
        #expect(clock.difference == .seconds(60))
        #expect(clock.now == EngineFixture.start.advanced(by: .milliseconds(60_400)))
        #expect(clock.moment.uptime == machine.moment.uptime)
    }

    @Test("what took too long there and back tells nothing")
    func slow() {
        let machine = ManualEngineClock(EngineFixture.start)
        let clock = NodeClock(machine)
        let sent = clock.machine
        machine.advance(by: .seconds(3))
        clock.note(EngineFixture.start.advanced(by: .seconds(60)), sent: sent, received: clock.machine)
        #expect(clock.difference == .zero && clock.now == machine.now)
    }
}
