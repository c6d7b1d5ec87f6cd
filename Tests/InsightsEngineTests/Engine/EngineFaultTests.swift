import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Logging
import Testing

@Suite("Engine: faults") struct EngineFaultTests {
    private static func emitting(_ name: String, _ calls: Calls) -> TaskDefinition {
        EngineFixture.task(name) { context in
            calls.add()
            try context.emit([
                .subject(Subject(kind: "thing", key: "one")),
                .sample(
                    Sample(SubjectReference(kind: "thing", key: "one"), "answers", at: context.clock.now, 42)),
            ])
            return "done"
        }
    }

    /// A task that counts its runs, once a minute, with the first behind it.
    private static func counting(_ calls: Calls) async throws -> EngineFixture {
        let fixture = try await EngineFixture([
            EngineFixture.task("one", every: 60) { _ in
                calls.add()
                return nil
            }
        ])
        _ = try await fixture.nextFinished()
        return fixture
    }

    @Test(
        "commits that fail, before or after they were applied, are sent again: one start, one run, one sample",
        arguments: [
            [.beforeItIsApplied], [.afterItIsApplied], [.afterItIsApplied, .beforeItIsApplied, .afterItIsApplied],
        ] as [[FaultyStore.CommitFault]])
    func commitFails(faults: [FaultyStore.CommitFault]) async throws {
        let calls = Calls()
        let fixture = try await EngineFixture([Self.emitting("one", calls)], isScheduling: false)
        // The claim's commit, then the end's.
        for _ in 0..<2 {
            fixture.faults.failCommits(faults)
        }
        async let answer = fixture.engine.trigger(["one"], dependents: false)
        try await fixture.passTime(until: "the run has its end") {
            try await fixture.store.runs(RunQuery()).items.first?.status == .succeeded
        }
        _ = await answer
        let runs = try await fixture.store.runs(RunQuery()).items
        #expect(runs.count == 1)
        #expect(runs.first?.attempt == 1)
        #expect(runs.first?.samples == 1)
        #expect(runs.first?.summary == "done")
        #expect(calls.count == 1)
        try await fixture.passTime(until: "the store is known to be back") { fixture.engine.readiness().store.isOK }
        await fixture.end()
    }

    @Test("a store that goes away is noticed although nothing is written, nothing starts meanwhile, and all goes on")
    func storeGoesAway() async throws {
        let calls = Calls()
        let fixture = try await Self.counting(calls)
        fixture.faults.isAway = true
        let left = fixture.clock.now
        try await fixture.passTime(until: "the store is known to be away") { !fixture.engine.readiness().store.isOK }
        #expect(fixture.engine.readiness().store.detail == FaultyStore.error.description)
        #expect(!fixture.engine.readiness().isReady)
        #expect(fixture.log.lines(with: "error the store takes no writes").count == 1)
        try await fixture.passTime(until: "ten minutes have passed", step: .seconds(5)) {
            fixture.clock.now > left.advanced(by: .seconds(600))
        }
        #expect(calls.count == 1)
        #expect(fixture.log.lines(with: "error").count == 1)
        fixture.faults.isAway = false
        try await fixture.passTime(until: "the store is known to be back") { fixture.engine.readiness().store.isOK }
        // It is said after it is so.
        try await fixture.passTime(until: "that is said") {
            fixture.log.lines(with: "notice the store takes writes again").count == 1
        }
        let caughtUp = try await fixture.nextFinished()
        #expect(caughtUp.trigger == .catchUp)
        #expect(caughtUp.status == .succeeded)
        await fixture.end()
    }

    @Test("while writes are made they tell whether the store works, and it is not tried besides")
    func noProbeWhileWriting() async throws {
        let fixture = try await EngineFixture([EngineFixture.task("one", every: 1) { _ in nil }])
        for _ in 0..<10 {
            _ = try await fixture.nextFinished()
            fixture.clock.advance(by: .seconds(1))
        }
        #expect(fixture.faults.probes == 0)
        await fixture.end()
    }

    @Test("an end that the store does not take is waited for, and what was handed over is not lost")
    func endWaits() async throws {
        let gate = Gate()
        let fixture = try await EngineFixture([
            EngineFixture.task("one") { context in
                await gate.pass()
                context.logger.info("through")
                return "done"
            }
        ])
        await gate.arrived()
        fixture.faults.isAway = true
        let before = fixture.faults.commits
        gate.open()
        try await fixture.passTime(until: "some tries") { fixture.faults.commits > before + 3 }
        #expect(try await fixture.store.runs(RunQuery()).items.map(\.status) == [.running])
        fixture.faults.isAway = false
        try await fixture.passTime(until: "its end is stored") {
            try await fixture.store.runs(RunQuery()).items.map(\.status) == [.succeeded]
        }
        let run = try #require(try await fixture.store.runs(RunQuery()).items.first)
        #expect(run.summary == "done")
        #expect(try await fixture.store.log(of: run.id, offset: 0).map(\.message) == ["through"])
        await fixture.end()
    }

    @Test("a shutdown does not wait for ever for a store that is away; the next process takes over what it left")
    func shutdownWhileAway() async throws {
        let gate = Gate()
        let tasks = [
            EngineFixture.task("one") { context in
                if context.attempt == 1 { await gate.pass() }
                return "attempt \(context.attempt)"
            }
        ]
        let fixture = try await EngineFixture(tasks)
        await gate.arrived()
        fixture.faults.isAway = true
        gate.open()
        fixture.engine.shutdown()
        let began = fixture.clock.now
        await fixture.drained()
        // The grace of 5 s, and 10 s for the store.
        #expect(fixture.clock.now >= began.advanced(by: .seconds(15)))
        #expect(fixture.log.lines(with: "gave up waiting for the store").count == 1)
        let next = try await EngineFixture(tasks, clock: fixture.clock, path: fixture.path)
        let run = try await next.nextFinished()
        #expect(run.status == .succeeded)
        #expect(run.summary == "attempt 2")
        #expect(try await next.store.runs(RunQuery()).items.count == 1)
        await next.end()
    }

    @Test("a clock that jumps ahead is told, and what it passed over is caught up once")
    func clockJumps() async throws {
        let calls = Calls()
        let fixture = try await Self.counting(calls)
        fixture.clock.stepWall(by: .seconds(3600))
        // The longest arm of the loop's timer.
        fixture.clock.advance(by: .seconds(5))
        let run = try await fixture.nextFinished()
        #expect(run.trigger == .catchUp)
        #expect(run.scheduledAt == EngineFixture.start.advanced(by: .seconds(3600)))
        #expect(calls.count == 2)
        let skipped = try #require(
            try await fixture.store.occurrence(task: "one", at: EngineFixture.start.advanced(by: .seconds(60))))
        #expect(skipped.status == .skipped)
        #expect(skipped.reason == "catch_up")
        #expect(skipped.count == 59)
        #expect(fixture.log.lines(with: "the wall clock stepped by 3600").count == 1)
        await fixture.end()
    }
}
