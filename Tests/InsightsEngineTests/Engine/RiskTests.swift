import InsightsEngine
import InsightsPlugin
import Testing

@Suite("A task whose source is about to drop what was not collected") struct RiskTests {
    static let day: Int64 = 86_400

    @Test(
        "is at risk past three quarters of its retention, if it is to be collected at all",
        arguments: [
            (true, 16, 12 * day, false), (true, 16, 12 * day + 1, true), (true, nil, 1000 * day, false),
            (false, 16, 12 * day + 1, false),
        ] as [(Bool, Int64?, Int64, Bool)])
    func rule(isEnabled: Bool, retentionDays: Int64?, age: Int64, isAtRisk: Bool) {
        let task = EngineFixture.task(
            "one", enabled: isEnabled, policy: { $0.retention = retentionDays.map { .seconds($0 * Self.day) } }
        ) { _ in nil }
        let now = EngineFixture.start
        #expect(task.isAtRisk(lastSuccess: now.advanced(by: .seconds(-age)), now: now) == isAtRisk)
        #expect(!task.isAtRisk(lastSuccess: nil, now: now))
    }

    @Test("is told in the views, in the metrics, in a detail of readiness and once in the log, until it succeeds")
    func shown() async throws {
        let gate = Calls()
        let fixture = try await EngineFixture([
            EngineFixture.task("kept", every: 86_400 * 30) { _ in nil },
            EngineFixture.task("one", every: 3600, policy: { $0.retention = .seconds(4 * 3600) }) { _ in
                // The first and, much later, the last.
                if gate.add() == 1 || gate.count > 4 { return nil }
                throw RunFailure("away", "the source is away", retryable: true)
            },
        ])
        func told() async throws -> [Bool] {
            let views = try await fixture.engine.taskViews().filter(\.isAtRisk).map(\.name)
            let family = fixture.engine.metrics().first { $0.name == "insights_task_at_risk" }
            #expect(family?.samples.map { $0.labels.map(\.value) } == [["one"]])
            guard case .number(let measured)? = family?.samples.first?.reading else { return [] }
            let scheduler = fixture.engine.readiness().scheduler
            #expect(scheduler.isOK)
            let one = try await fixture.engine.taskView("one")?.isAtRisk
            return [
                views == ["one"], one == true, measured == 1,
                scheduler.detail.contains("at risk") && scheduler.detail.hasSuffix(": one"),
            ]
        }
        for _ in 0..<2 { _ = try await fixture.nextFinished() }
        #expect(try await told() == [false, false, false, false])
        try await fixture.passTime(until: "it is known to be at risk", step: .seconds(60)) {
            fixture.engine.readiness().scheduler.detail.contains("at risk")
        }
        #expect(try await told() == [true, true, true, true])
        try await fixture.passTime(until: "it has succeeded again", step: .seconds(60)) {
            fixture.engine.readiness().scheduler.detail == "ok"
        }
        #expect(try await told() == [false, false, false, false])
        #expect(fixture.log.lines(with: "at risk").count == 1)
        await fixture.end()
    }
}
