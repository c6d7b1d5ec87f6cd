import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Logging
import Testing

@Suite("What an attempt hands over") struct HandingOverTests {
    static let bad: [Emission] = [
        .subject(Subject(kind: "my kind", key: "one")), .subject(Subject(kind: "thing", key: "One")),
        .subject(Subject(kind: "thing", key: "one", externalID: String(repeating: "x", count: 300))),
        .sample(Sample(SubjectReference(kind: "thing", key: "a\n"), "answers", at: EngineFixture.start, 1)),
        .sample(Sample(SubjectReference(kind: "thing", key: "one"), "answers", at: EngineFixture.start, .nan)),
        .gap(
            Gap(
                SubjectReference(kind: "thing", key: "one"), "answers", from: EngineFixture.start.startOfDay,
                to: EngineFixture.start.startOfDay)),
    ]

    @Test("is refused at the call, and ends the attempt also when the module looks away", arguments: bad)
    func refused(emission: Emission) async throws {
        let fixture = try await EngineFixture([
            EngineFixture.task("one") { context in
                let failure = #expect(throws: RunFailure.self) { try context.emit(emission) }
                #expect(failure?.code == "bad_sample")
                return "all well"
            }
        ])
        let run = try await fixture.nextFinished()
        #expect(run.status == .failed)
        #expect(run.error?.code == "bad_sample")
        #expect(run.error?.isRetryable == false)
        #expect(try await fixture.store.subjects(SubjectQuery()).total == 0)
        await fixture.end()
    }

    @Test("of sums is computed from what is stored, its own and that of other tasks, and comes with its success")
    func rollUp() async throws {
        let whole = SubjectReference(kind: "whole", key: "w")
        @Sendable func part(_ key: String, _ answers: Double) -> [Emission] {
            [
                .subject(Subject(kind: "part", key: key, parent: whole)),
                .sample(
                    Sample(SubjectReference(kind: "part", key: key), "answers", at: EngineFixture.start, answers)),
            ]
        }
        let sum = Emission.rollUp(RollUp(whole, from: "part", metrics: ["answers"]))
        let fixture = try await EngineFixture([
            EngineFixture.task("one") { context in
                try context.emit(part("a", 2) + part("b", 3))
                return nil
            },
            EngineFixture.task("two", after: ["one"]) { context in
                try context.emit(part("c", 10) + [sum])
                try await context.checkpoint()
                // What fails leaves what was checkpointed, and no sum of what was not.
                try context.emit(part("d", 100) + [sum])
                throw RunFailure("broken", "told to", retryable: false)
            },
        ])
        #expect(try await fixture.nextFinished().status == .succeeded)
        let second = try await fixture.nextFinished()
        #expect(second.task == "two" && second.error?.code == "broken")
        let latest = try await fixture.store.latest(LatestQuery(kind: "whole"))
        #expect(latest.map(\.value) == [.number(15)] && latest.map(\.of) == [3])
        await fixture.end()
    }

    @Test("of log ends with its own end, also when an earlier attempt has filled the run's log")
    func lastWords() async throws {
        let fixture = try await EngineFixture([
            EngineFixture.task("one", policy: { $0.retry.attempts = 2 }) { context in
                let attempt = context.attempt
                for number in 1...104_857 { context.logger.info("\(attempt)-\(1_000_000 + number)") }
                throw RunFailure("broken", "attempt \(attempt)", retryable: attempt == 1)
            }
        ])
        _ = try await fixture.observe { seen -> Instant? in
            if case .observation(.retrying(_, _, _, _, let at)) = seen { at } else { nil }
        }
        fixture.clock.advance(by: .seconds(600))
        let run = try await fixture.nextFinished()
        let lines = try await fixture.store.log(of: run.id, offset: 0)
        #expect(lines.count { $0.message.hasPrefix("2-") } == 104_857)
        #expect(lines.last { $0.message.hasPrefix("2-") }?.message == "2-1104857")
        await fixture.end()
    }
}
