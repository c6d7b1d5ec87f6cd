import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Logging
import Synchronization
import Testing

@Suite("Engine") struct EngineTests {
    private static let subject = SubjectReference(kind: "thing", key: "one")

    @Test("a task that never ran is due at once, and what it hands over is stored with its success")
    func storesWithSuccess() async throws {
        let fixture = try await EngineFixture([
            EngineFixture.task("one") { context in
                try context.emit([
                    .subject(Subject(kind: "thing", key: "one")),
                    .sample(Sample(EngineTests.subject, "answers", at: context.clock.now, 42)),
                ])
                try context.state.set("here", forKey: "cursor")
                context.logger.info("working")
                return "all well"
            }
        ])
        let run = try await fixture.nextFinished()
        #expect(run.status == .succeeded)
        #expect(run.summary == "all well")
        #expect(run.scheduledAt == EngineFixture.start)
        #expect(run.samples == 1)
        #expect(run.attempt == 1)
        #expect(try await fixture.store.log(of: run.id, offset: 0).map(\.message) == ["working"])
        #expect(try await fixture.store.latest(LatestQuery()).map(\.value) == [.number(42)])
        let task = try #require(try await fixture.store.tasks().first)
        #expect(try await fixture.store.state(of: task.id, forKey: "cursor") == "here")
        #expect(task.lastSuccessAt == EngineFixture.start)
        await fixture.end()
    }

    @Test("the next occurrence follows the last scheduled one, not the end of its run")
    func keepsTheGrid() async throws {
        let fixture = try await EngineFixture([EngineFixture.task("one", every: 60) { _ in nil }])
        _ = try await fixture.nextFinished()
        fixture.clock.advance(by: .seconds(61))
        let second = try await fixture.nextFinished()
        #expect(second.scheduledAt == EngineFixture.start.advanced(by: .seconds(60)))
        #expect(second.lateness == .seconds(1))
        await fixture.end()
    }

    @Test("after a clock that was wrong is put right a task goes on, in this process and in the next")
    func wrongClock() async throws {
        let tasks = [EngineFixture.task("one", every: 10) { _ in nil }]
        let fixture = try await EngineFixture(tasks)
        _ = try await fixture.nextFinished()
        fixture.clock.stepWall(by: .seconds(18_000))
        fixture.clock.advance(by: .seconds(13))
        let ahead = try await fixture.nextFinished()
        #expect(ahead.trigger == .catchUp && ahead.scheduledAt >= EngineFixture.start.advanced(by: .seconds(18_000)))
        fixture.clock.stepWall(by: .seconds(-18_000))
        var last = EngineFixture.start
        for _ in 0..<3 {
            fixture.clock.advance(by: .seconds(13))
            let run = try await fixture.nextFinished()
            #expect(run.scheduledAt > last && run.scheduledAt <= fixture.clock.now)
            last = run.scheduledAt
        }
        let stored = try #require(try await fixture.store.tasks().first?.lastOccurrence)
        #expect(stored >= last && stored <= fixture.clock.now)
        fixture.engine.shutdown()
        await fixture.drained()

        let second = try await EngineFixture(tasks, clock: fixture.clock, path: fixture.path)
        second.clock.advance(by: .seconds(13))
        let run = try await second.nextFinished()
        #expect(run.scheduledAt > stored && run.scheduledAt.since(stored).wholeMilliseconds % 10_000 == 0)
        await second.end()
    }

    @Test("a failure keeps what was checkpointed and nothing else")
    func checkpoints() async throws {
        let fixture = try await EngineFixture([
            EngineFixture.task("one") { context in
                try context.emit([
                    .subject(Subject(kind: "thing", key: "one")),
                    .sample(Sample(EngineTests.subject, "answers", at: context.clock.now, 1)),
                ])
                try context.state.set(1, forKey: "done")
                try await context.checkpoint()
                #expect(try await context.state.value(forKey: "done") == 1)
                try context.emit(.sample(Sample(EngineTests.subject, "answers", at: context.clock.now, 2)))
                try context.state.set(2, forKey: "done")
                throw RunFailure("broken", "no luck", retryable: false)
            }
        ])
        let run = try await fixture.nextFinished()
        #expect(run.status == .failed)
        #expect(run.error == RunError(code: "broken", message: "no luck", isRetryable: false))
        #expect(try await fixture.store.latest(LatestQuery()).map(\.value) == [.number(1)])
        let task = try #require(try await fixture.store.tasks().first)
        #expect(try await fixture.store.state(of: task.id, forKey: "done") == 1)
        await fixture.end()
    }

    @Test("an undeclared metric ends the attempt, also when the module looks away")
    func undeclaredMetric() async throws {
        let fixture = try await EngineFixture([
            EngineFixture.task("one") { context in
                #expect(throws: RunFailure.self) {
                    try context.emit(.sample(Sample(EngineTests.subject, "stranger", at: context.clock.now, 1)))
                }
                return "nothing to see"
            }
        ])
        let run = try await fixture.nextFinished()
        #expect(run.status == .failed)
        #expect(run.error?.code == "undeclared_metric")
        await fixture.end()
    }

    @Test("secrets are not in log, summary or error")
    func redacts() async throws {
        let fixture = try await EngineFixture([
            EngineFixture.task("good", secrets: ["hunter2!"]) { context in
                context.logger.info("token is hunter2!", metadata: ["header": "Bearer hunter2!"])
                return "used hunter2!"
            },
            EngineFixture.task("bad", secrets: ["hunter2!"]) { _ in
                throw RunFailure("refused", "hunter2! was refused", retryable: false)
            },
        ])
        for _ in 0..<2 {
            let run = try await fixture.nextFinished()
            let log = try await fixture.store.log(of: run.id, offset: 0)
            let text = run.json.json + log.map(\.json.json).joined()
            #expect(!text.contains("hunter2!"))
            #expect(text.contains("***"))
        }
        await fixture.end()
    }

    @Test("what a cancelled attempt said until it was given up is kept")
    func keepsLastWords() async throws {
        let gate = Gate()
        let fixture = try await EngineFixture([
            EngineFixture.task("stuck") { context in
                while !Task.isCancelled { await Task.yield() }
                context.logger.info("not so fast")
                await gate.passStubbornly()
                return nil
            }
        ])
        let id = try await fixture.observe { seen -> RunID? in
            if case .observation(.started(_, let run, _, _, _)) = seen { run } else { nil }
        }
        guard case .cancelling = try await fixture.engine.cancel(id) else {
            Issue.record("not cancelled")
            return
        }
        await gate.arrived()
        fixture.clock.advance(by: .seconds(8))
        let run = try await fixture.nextFinished()
        #expect(run.status == .cancelled)
        #expect(try await fixture.store.log(of: run.id, offset: 0).map(\.message) == ["not so fast"])
        gate.open()
        await fixture.end()
    }

    @Test("an attempt past its deadline is timed out; the next runs although its code still hangs")
    func hangs() async throws {
        let gate = Gate()
        let fixture = try await EngineFixture([
            EngineFixture.task("stuck", policy: { $0.timeout = .seconds(10) }) { _ in
                await gate.passStubbornly()
                return nil
            },
            EngineFixture.task("other", every: 60) { _ in nil },
        ])
        let other = try await fixture.nextFinished()
        #expect(other.task == "other")
        await gate.arrived()
        fixture.clock.advance(by: .seconds(10))
        let stuck = try await fixture.nextFinished()
        #expect(stuck.task == "stuck")
        #expect(stuck.status == .timedOut)
        fixture.clock.advance(by: .seconds(8))
        let abandoned = try await fixture.observe { observation -> String? in
            if case .observation(.abandoned(let task, _, 1)) = observation { task.name } else { nil }
        }
        #expect(abandoned == "stuck")
        gate.open()
        await fixture.end()
    }

    @Test("a trigger by hand runs, does not move the cadence, and is refused while a run is going")
    func triggers() async throws {
        let gate = Gate()
        let fixture = try await EngineFixture([
            EngineFixture.task("one") { context in
                if context.attempt == 1, context.scheduledAt > EngineFixture.start { await gate.pass() }
                return nil
            }
        ])
        _ = try await fixture.nextFinished()
        fixture.clock.advance(by: .seconds(30))
        let first = await fixture.engine.trigger(["one"], dependents: false)
        guard case .accepted(let run) = first.first?.answer else {
            Issue.record("not accepted: \(first)")
            return
        }
        await gate.arrived()
        #expect(await fixture.engine.trigger(["one"], dependents: false).first?.answer == .overlaps(run))
        #expect(await fixture.engine.trigger(["nobody"], dependents: false).first?.answer == .unknownTask)
        gate.open()
        _ = try await fixture.nextFinished()
        let record = try #require(try await fixture.store.run(run))
        #expect(record.status == .succeeded)
        #expect(record.trigger == .manual)
        #expect(
            try await fixture.engine.occurrences(of: "one", count: 1) == [
                EngineFixture.start.advanced(by: .seconds(3600))
            ])
        await fixture.end()
    }

    @Test("a shutdown gives the grace period, records what it cut short, and the next process goes on with it")
    func shutsDown() async throws {
        let gate = Gate()
        let tasks = [
            EngineFixture.task("long") { context in
                if context.attempt == 1 {
                    await gate.pass()
                    try Swift.Task.checkCancellation()
                }
                return "attempt \(context.attempt)"
            }
        ]
        let fixture = try await EngineFixture(tasks)
        await gate.arrived()
        fixture.engine.shutdown()
        #expect(!fixture.engine.readiness().isReady)
        #expect(await fixture.engine.trigger(["long"], dependents: false).first?.answer == .stopping)
        await fixture.drained()

        let second = try await EngineFixture(tasks, clock: fixture.clock, path: fixture.path)
        let run = try await second.nextFinished()
        #expect(run.status == .succeeded)
        #expect(run.attempt == 2)
        #expect(run.summary == "attempt 2")
        #expect(run.scheduledAt == EngineFixture.start)
        await second.end()
    }

    @Test("a reload takes a good manifest and refuses a bad one with its diagnostics")
    func reloads() async throws {
        let added = EngineFixture.task("added", hash: 2) { _ in "new" }
        let bad = Diagnostic(
            file: "tasks.yaml", line: 3, column: 1, endColumn: 4, severity: .error, code: .syntax, message: "no",
            help: nil, sourceLine: "abc")
        let answers = Answers([
            LoadedManifest(manifest: nil, diagnostics: [bad]),
            LoadedManifest(manifest: EngineFixture.manifest([added]), diagnostics: []),
        ])
        let fixture = try await EngineFixture(
            [EngineFixture.task("one") { _ in nil }], reloaded: { answers.next() })
        _ = try await fixture.nextFinished()
        guard case .invalid([bad]) = await fixture.engine.reload() else {
            Issue.record("a bad manifest was taken")
            return
        }
        #expect(fixture.engine.manifest.tasks.map(\.name) == ["one"])
        guard case .reloaded = await fixture.engine.reload() else {
            Issue.record("a good manifest was refused")
            return
        }
        let run = try await fixture.nextFinished()
        #expect(run.task == "added")
        #expect(await fixture.engine.trigger(["one"], dependents: false).first?.answer == .unknownTask)
        await fixture.end()
    }

    @Test("requests of another process are answered, and a run asked for has the request's id")
    func requests() async throws {
        let fixture = try await EngineFixture([EngineFixture.task("one") { _ in nil }])
        _ = try await fixture.nextFinished()
        var ids = RunIDSource(seed: 7)
        let good = ids.next(at: fixture.clock.now)
        let unknown = ids.next(at: fixture.clock.now)
        try await fixture.store.ask([
            Request(id: good, kind: .run(task: "one", dependents: false, batch: false), at: fixture.clock.now),
            Request(id: unknown, kind: .run(task: "nobody", dependents: false, batch: false), at: fixture.clock.now),
        ])
        fixture.clock.advance(by: .milliseconds(600))
        let run = try await fixture.nextFinished()
        #expect(run.id == good)
        #expect(try await fixture.store.answer(to: good) == .accepted)
        while try await fixture.store.answer(to: unknown) == nil { await Swift.Task.yield() }
        let refusal = try await fixture.store.answer(to: unknown)
        #expect(refusal == .refused("the manifest in force has no such task"))
        await fixture.end()
    }

    @Test("code that never gives its thread back does not hold up the scheduler loop")
    func computes() async throws {
        let fixture = try await EngineFixture([
            EngineFixture.task("quick", every: 60) { _ in nil },
            EngineFixture.task("busy1", policy: { $0.isBlocking = true }) { context in
                while !Swift.Task.isCancelled {}
                return nil
            },
            EngineFixture.task("busy2", policy: { $0.isBlocking = true }) { context in
                while !Swift.Task.isCancelled {}
                return nil
            },
        ])
        for _ in 0..<3 {
            let run = try await fixture.nextFinished()
            #expect(run.task == "quick")
            fixture.clock.advance(by: .seconds(60))
        }
        await fixture.end()
    }

    @Test("as many modules as there are threads that never give theirs back only hold up the others for a moment")
    func hogs() async throws {
        let tasks = (0..<ProcessInfo.processInfo.activeProcessorCount + 1).map { index in
            EngineFixture.task("busy\(index)") { context in
                while !Swift.Task.isCancelled {}
                return nil
            }
        }
        let passed = Calls()
        let fixture = try await EngineFixture(
            tasks + [
                EngineFixture.task("quick") { _ in
                    passed.add()
                    return nil
                }
            ])
        try await fixture.passTime(until: "the quick one is through") { passed.count == 1 }
        #expect(try await fixture.nextFinished().task == "quick")
        await fixture.end()
    }

    @Test("the loop is alive while it ticks, and not when it stood still for ten seconds")
    func pulse() async throws {
        let fixture = try await EngineFixture([])
        #expect(fixture.engine.isAlive)
        try await fixture.passTime(until: "a minute has passed", step: .seconds(1)) {
            fixture.clock.now >= EngineFixture.start.advanced(by: .seconds(60))
        }
        try await fixture.passTime(until: "the loop has ticked") { fixture.engine.isAlive }
        #expect(fixture.engine.readiness().isReady)
        fixture.engine.shutdown()
        await fixture.drained()
        // It has ended, so nothing ticks any more.
        fixture.clock.advance(by: .seconds(10))
        #expect(!fixture.engine.isAlive)
    }

    @Test("all enabled tasks are triggered in the order of `after`, and their outcomes are told in the order asked")
    func triggersAll() async throws {
        let order = Mutex<[String]>([])
        func task(_ name: String, after: [String] = [], enabled: Bool = true) -> TaskDefinition {
            EngineFixture.task(name, after: after, enabled: enabled) { context in
                order.withLock { $0.append(context.task) }
                if context.task == "third" { throw RunFailure("broken", "no luck", retryable: false) }
                return nil
            }
        }
        let fixture = try await EngineFixture(
            [
                task("first", after: ["second"]), task("off", enabled: false), task("second"),
                task("third", after: ["first"]),
            ], isScheduling: false)
        let results = await fixture.engine.trigger(nil, dependents: true)
        #expect(results.map(\.task) == ["first", "second", "third"])
        let runs = results.compactMap { if case .accepted(let run) = $0.answer { run } else { nil } }
        #expect(runs.count == 3)
        let outcomes = Swift.Task { [engine = fixture.engine] in try await engine.outcomes(of: runs.reversed()) }
        for _ in 0..<3 { _ = try await fixture.nextFinished() }
        let records = try await fixture.whileTimePasses { try await outcomes.value }
        #expect(records.map(\.task) == ["third", "second", "first"])
        #expect(records.map(\.status) == [.failed, .succeeded, .succeeded])
        let started = order.withLock { $0 }
        #expect(started == ["second", "first", "third"])
        await fixture.end()
    }

    @Test("who waits for outcomes is told when the engine ends, with the runs as they stand")
    func outcomesAtTheEnd() async throws {
        let gate = Gate()
        let fixture = try await EngineFixture(
            [
                EngineFixture.task("long") { context in
                    await gate.pass()
                    try Swift.Task.checkCancellation()
                    return nil
                }
            ], isScheduling: false)
        guard case .accepted(let run) = await fixture.engine.trigger(["long"], dependents: false)[0].answer else {
            Issue.record("not accepted")
            return
        }
        await gate.arrived()
        let outcomes = Swift.Task { [engine = fixture.engine] in try await engine.outcomes(of: [run]) }
        fixture.engine.shutdown()
        await fixture.drained()
        let standing = try await fixture.whileTimePasses { try await outcomes.value }
        #expect(standing.map(\.status) == [.interrupted])
    }

    @Test("a run is cancelled by its id, once, and only while it goes")
    func cancels() async throws {
        let gate = Gate()
        let fixture = try await EngineFixture([
            EngineFixture.task("long") { context in
                context.logger.info("before")
                await gate.pass()
                try await context.checkpoint()
                return nil
            }
        ])
        await gate.arrived()
        let run = try #require(try await fixture.store.runs(RunQuery()).items.first?.id)
        var ids = RunIDSource(seed: 1)
        guard case .unknownRun = try await fixture.engine.cancel(ids.next(at: fixture.clock.now)) else {
            Issue.record("a run that never was")
            return
        }
        guard case .cancelling = try await fixture.engine.cancel(run) else {
            Issue.record("not cancelled")
            return
        }
        #expect(try await fixture.nextFinished().status == .cancelled)
        guard case .finished(let record) = try await fixture.engine.cancel(run) else {
            Issue.record("cancelled twice")
            return
        }
        #expect(record.id == run)
        #expect(record.reason == "operator")
        // A checkpoint that came too late has not taken the log along.
        #expect(try await fixture.store.log(of: run, offset: 0).map(\.message) == ["before"])
        await fixture.end()
    }

    @Test("a pause is stored, nothing starts by time while it lasts, and it can be ended")
    func pauses() async throws {
        let fixture = try await EngineFixture([EngineFixture.task("one", every: 60) { _ in nil }])
        _ = try await fixture.nextFinished()
        #expect(try await !fixture.engine.setPaused("nobody", true))
        #expect(try await fixture.engine.setPaused("one", true))
        var view = try #require(try await fixture.engine.taskView("one"))
        #expect(view.lastRun?.status == .succeeded)
        #expect(try await fixture.engine.taskView("nobody") == nil)
        #expect(view.isPaused)
        #expect(view.nextRun == nil)
        fixture.clock.advance(by: .seconds(61))
        let reason = try await fixture.observe { observation -> SkipReason? in
            guard case .observation(.skipped(let task, let reason, _)) = observation else { return nil }
            return task.name == "one" ? reason : nil
        }
        #expect(reason == .paused)
        #expect(try await fixture.engine.setPaused("one", false))
        view = try #require(try await fixture.engine.taskViews().first)
        #expect(!view.isPaused)
        #expect(view.nextRun != nil)
        fixture.clock.advance(by: .seconds(60))
        #expect(try await fixture.nextFinished().status == .succeeded)
        await fixture.end()
    }

    @Test("a failure is logged once, with task, run and attempt, and so is code that does not stop")
    func logsErrors() async throws {
        let gate = Gate()
        let fixture = try await EngineFixture([
            EngineFixture.task(
                "bad",
                policy: {
                    $0.retry = Retry(attempts: 2, delay: .zero)
                }
            ) { _ in throw RunFailure("broken", "no luck", retryable: true) },
            EngineFixture.task("stuck", policy: { $0.timeout = .seconds(10) }) { _ in
                await gate.passStubbornly()
                return nil
            },
        ])
        let run = try await fixture.nextFinished()
        #expect(run.status == .failed)
        let retry = fixture.log.lines(with: "warning attempt failed, another follows: no luck")
        #expect(retry.count == 1)
        #expect(retry.first?.contains("attempt=1 code=broken retry_at=2026-01-04T02:00:00.000Z") == true)
        #expect(
            fixture.log.lines(with: "error failed") == [
                "error failed: no luck attempt=2 code=broken duration_seconds=0.0 run=\(run.id) task=bad"
            ])
        await gate.arrived()
        fixture.clock.advance(by: .seconds(10))
        let stuck = try await fixture.nextFinished()
        #expect(fixture.log.lines(with: "error timed_out").allSatisfy { $0.contains("attempt=1 code=timed_out") })
        fixture.clock.advance(by: .seconds(8))
        _ = try await fixture.observe { observation -> Bool? in
            if case .observation(.abandoned) = observation { true } else { nil }
        }
        let given = fixture.log.lines(with: "error its code did not stop")
        #expect(given.count == 1)
        #expect(given.allSatisfy { $0.hasSuffix("attempt=1 run=\(stuck.id) task=stuck") })
        gate.open()
        await fixture.end()
    }

    @Test("of what the store will not take, the log is kept: it tells how that came about")
    func keepsTheLogOfWhatIsRejected() async throws {
        let midnight = Instant("2026-01-04T00:00:00Z")!
        @Sendable func emit(_ context: RunContext) throws {
            context.logger.info("\(context.task) works")
            try context.emit([
                .subject(Subject(kind: "thing", key: "one")),
                .sample(Sample(EngineTests.subject, "answers", at: midnight, 1)),
            ])
        }
        let fixture = try await EngineFixture(
            [
                EngineFixture.task("gauge") { context in
                    try emit(context)
                    return nil
                },
                EngineFixture.task("at-the-end", shape: .daily) { context in
                    try emit(context)
                    return nil
                },
                EngineFixture.task("in-between", shape: .daily) { context in
                    try emit(context)
                    try await context.checkpoint()
                    return nil
                },
            ], isScheduling: false)
        for name in ["gauge", "at-the-end", "in-between"] {
            _ = await fixture.engine.trigger([name], dependents: false)
            let run = try await fixture.nextFinished()
            #expect(run.status == (name == "gauge" ? .succeeded : .failed))
            #expect(run.error?.code == (name == "gauge" ? nil : "metric_shape"))
            #expect(try await fixture.store.log(of: run.id, offset: 0).map(\.message) == ["\(name) works"])
        }
        await fixture.end()
    }
}

/// Answers in turn.
private final class Answers: Sendable {
    private let rest: Mutex<[LoadedManifest]>

    init(_ answers: [LoadedManifest]) { rest = Mutex(answers) }

    func next() -> LoadedManifest { rest.withLock { $0.removeFirst() } }
}
