import InsightsPlugin
import InsightsTesting
import Testing

/// A module that does what a test tells it.
struct Probe: TaskModule {
    var declaration = ModuleDeclaration(
        id: "probe", summary: "Does as told.",
        parameters: [Parameter("size", .integer(1...10), default: 3, summary: "How much.")],
        metrics: [
            MetricDeclaration("level", unit: "1", shape: .gauge, additive: false, summary: "A level."),
            MetricDeclaration("hits", unit: "hits", shape: .daily, additive: true, summary: "Hits a day."),
            MetricDeclaration("top", unit: "hits", shape: .ranking, additive: false, summary: "The most hit."),
        ])
    var body: @Sendable (RunContext) async throws -> String? = { _ in nil }

    func run(_ context: RunContext) async throws -> String? { try await body(context) }
}

private let thing = SubjectReference(kind: "thing", key: "a")
private let midnight = Instant(seconds: 86_400)

@Suite("A host that keeps what a module does")
struct RecordingHostTests {
    @Test("What a run hands over counts when it succeeds")
    func success() async throws {
        let probe = Probe { context in
            try context.emit([
                .subject(Subject(kind: "thing", key: "a")), .sample(Sample(thing, "level", at: midnight, 1)),
            ])
            try context.state.set(["seen": 1], forKey: "cursor")
            return "done"
        }
        let host = RecordingHost(probe.declaration)
        #expect(try await host.run(probe) == "done")
        #expect(host.value("level", of: thing) == 1)
        #expect(host.state["cursor"] == ["seen": 1])
    }

    @Test("A run that fails leaves what it checkpointed and nothing else")
    func failure() async throws {
        let probe = Probe { context in
            try context.emit(.subject(Subject(kind: "thing", key: "a")))
            try context.emit(.sample(Sample(thing, "level", at: midnight, 1)))
            try context.state.set("one", forKey: "cursor")
            try await context.checkpoint()
            try context.emit(.sample(Sample(thing, "level", at: midnight, 2)))
            try context.state.set("two", forKey: "cursor")
            #expect(try await context.state.value(forKey: "cursor") == "two")
            throw RunFailure("broken", "told to", retryable: true)
        }
        let host = RecordingHost(probe.declaration)
        await #expect(throws: RunFailure.self) { try await host.run(probe) }
        #expect(host.value("level", of: thing) == 1)
        #expect(host.state["cursor"] == "one")
        #expect(host.checkpoints == 1)
    }

    static let refused: [(Emission, String)] = [
        (.sample(Sample(thing, "unknown", at: midnight, 1)), "undeclared_metric"),
        (.sample(Sample(thing, "level", at: midnight, .nan)), "bad_sample"),
        (.sample(Sample(thing, "level", at: midnight, .infinity)), "bad_sample"),
        (.sample(Sample(thing, "level", at: midnight, ranking: [])), "bad_sample"),
        (.sample(Sample(thing, "top", at: midnight, 1)), "bad_sample"),
        (.sample(Sample(thing, "top", at: midnight, ranking: [RankedValue(label: "x", value: .nan)])), "bad_sample"),
        (.sample(Sample(thing, "hits", at: Instant(seconds: 1), 1)), "bad_sample"),
        (.sample(Sample(SubjectReference(kind: "my kind", key: "b"), "level", at: midnight, 1)), "bad_sample"),
        (.subject(Subject(kind: "thing", key: "b", externalID: String(repeating: "x", count: 300))), "bad_sample"),
        (.subject(Subject(kind: "thing", key: "")), "bad_sample"),
        (.subject(Subject(kind: "thing", key: "Upper")), "bad_sample"),
        (.subject(Subject(kind: "thing", key: "a\n")), "bad_sample"),
        (.gap(Gap(thing, "level", from: midnight, to: midnight)), "bad_sample"),
        (.gap(Gap(thing, "hits", from: midnight, to: Instant(seconds: 0))), "bad_sample"),
    ]

    @Test("What the contract refuses ends the run, also when the module catches it", arguments: refused)
    func refusal(emission: Emission, code: String) async {
        let probe = Probe { context in
            try? context.emit(emission)  // a module that hides the refusal
            return "hidden"
        }
        let host = RecordingHost(probe.declaration)
        let failure = await #expect(throws: RunFailure.self) { try await host.run(probe) }
        #expect(failure?.code == code)
        #expect(host.emissions.isEmpty)
    }

    @Test("A sample of a subject that nobody emitted is taken, as the engine takes it")
    func unknownSubject() async throws {
        let probe = Probe { context in
            try context.emit(.sample(Sample(thing, "level", at: midnight, 1)))
            return nil
        }
        let host = RecordingHost(probe.declaration)
        try await host.run(probe)
        #expect(host.value("level", of: thing) == 1)
    }

    @Test("A roll-up is recorded, and a sum of what is not additive refused")
    func rollUp() async throws {
        let sum = RollUp(thing, from: "part", metrics: ["hits"])
        let probe = Probe { context in
            try context.emit(.rollUp(sum))
            return nil
        }
        let host = RecordingHost(probe.declaration)
        try await host.run(probe)
        #expect(host.rollUps == [sum])
        let wrong = Probe { context in
            try context.emit(.rollUp(RollUp(thing, from: "part", metrics: ["level"])))
            return nil
        }
        let failure = await #expect(throws: RunFailure.self) { try await host.run(wrong) }
        #expect(failure?.code == "bad_sample")
    }

    @Test("State has bounds")
    func stateLimit() async {
        for (key, size) in [(String(repeating: "k", count: 513), 1), ("k", 256 << 10)] {
            let probe = Probe { context in
                try context.state.set(.string(String(repeating: "v", count: size)), forKey: key)
                return nil
            }
            let failure = await #expect(throws: RunFailure.self) {
                try await RecordingHost(probe.declaration).run(probe)
            }
            #expect(failure?.code == "state_limit")
        }
    }

    @Test("Only a module that says so may declare metrics as it goes")
    func declaring() async throws {
        var probe = Probe { context in
            try context.declare([MetricDeclaration("new", unit: "1", shape: .gauge, additive: true, summary: "New.")])
            try context.emit(.sample(Sample(thing, "new", at: midnight, 7)))
            return nil
        }
        await #expect(throws: RunFailure.self) {
            try await RecordingHost(probe.declaration).run(probe)
        }
        probe.declaration.declaresMetricsAtRun = true
        let host = RecordingHost(probe.declaration)
        try await host.run(probe)
        #expect(host.value("new", of: thing) == 7)
    }

    @Test("Defaults are filled in, also within lists and maps")
    func defaults() async throws {
        var probe = Probe { $0.parameters.json }
        let inner = [Parameter("depth", .integer(), default: 1, summary: "Deep.")]
        probe.declaration.parameters += [
            Parameter("items", .array(of: Parameter("", .object(inner), summary: "One.")), summary: "Many."),
            Parameter("named", .map(of: Parameter("", .object(inner), summary: "One.")), summary: "Many."),
        ]
        let text = try await RecordingHost(probe.declaration).run(probe, with: ["items": [[:]], "named": ["x": [:]]])
        let filled = try Value(json: (text ?? "").utf8)
        #expect(filled == ["size": 3, "items": [["depth": 1]], "named": ["x": ["depth": 1]]])
    }

    @Test("Code that goes on after its run ended writes nothing")
    func late() async throws {
        let leaked = Leak()
        let probe = Probe { context in
            leaked.context = context
            return nil
        }
        let host = RecordingHost(probe.declaration)
        try await host.run(probe)
        try leaked.context?.emit(.sample(Sample(thing, "level", at: midnight, 1)))
        await #expect(throws: CancellationError.self) { try await leaked.context?.checkpoint() }
        #expect(host.emissions.isEmpty)
    }

    /// Carries a context out of its run; only one test, on one task at a time, touches it.
    final class Leak: @unchecked Sendable {  // guarded by the order of the test's own statements
        var context: RunContext?
    }
}
