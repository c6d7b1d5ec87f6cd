import InsightsPlugin
import Testing

@Suite("What the contract refuses") struct EmissionTests {
    private static let thing = SubjectReference(kind: "thing", key: "a")
    private static let midnight = Instant(seconds: 86_400)
    private static let metrics = [
        MetricDeclaration("level", unit: "1", shape: .gauge, additive: false, summary: "A level."),
        MetricDeclaration("hits", unit: "hits", shape: .daily, additive: true, summary: "Hits a day."),
        MetricDeclaration("top", unit: "hits", shape: .ranking, additive: false, summary: "The most hit."),
    ]

    private func refusal(_ emission: Emission) -> RunFailure? {
        emission.refusal { name in EmissionTests.metrics.first { $0.name == name } }
    }

    static let sound: [Emission] = [
        .subject(
            Subject(
                kind: "a-thing_2", key: "straße/ü 1", externalID: String(repeating: "x", count: 256),
                parent: EmissionTests.thing)),
        .subject(Subject(kind: String(repeating: "k", count: 64), key: String(repeating: "k", count: 512))),
        .sample(Sample(thing, "level", at: Instant(seconds: 5), -1e300)),
        .sample(Sample(thing, "hits", at: midnight, 0)),
        .sample(Sample(thing, "top", at: Instant(seconds: 5), ranking: [])),
        .gap(Gap(thing, "hits", from: midnight, to: midnight)),
        .rollUp(RollUp(thing, from: "part", metrics: ["hits"])), .rollUp(RollUp(thing, from: "part", metrics: [])),
    ]

    @Test("and what it takes", arguments: sound)
    func takes(emission: Emission) { #expect(refusal(emission) == nil) }

    static let bad: [Emission] =
        [
            Subject(kind: "my kind", key: "a"), Subject(kind: "Thing", key: "a"), Subject(kind: "", key: "a"),
            Subject(kind: "1", key: "a"), Subject(kind: String(repeating: "k", count: 65), key: "a"),
            Subject(kind: "thing", key: ""), Subject(kind: "thing", key: String(repeating: "k", count: 513)),
            Subject(kind: "thing", key: "Upper"), Subject(kind: "thing", key: "ÄRA"),
            Subject(kind: "thing", key: "a\n"), Subject(kind: "thing", key: "a\0"),
            Subject(kind: "thing", key: "\u{85}"),
            Subject(kind: "thing", key: "b", externalID: ""),
            Subject(kind: "thing", key: "b", externalID: String(repeating: "x", count: 300)),
            Subject(kind: "thing", key: "b", parent: SubjectReference(kind: "thing", key: "B")),
            Subject(kind: "thing", key: "b", parent: SubjectReference(kind: "thing", key: "b")),
        ].map { Emission.subject($0) } + [
            .sample(Sample(SubjectReference(kind: "thing", key: "A"), "level", at: midnight, 1)),
            .sample(Sample(thing, "level", at: midnight, .nan)),
            .sample(Sample(thing, "level", at: midnight, .infinity)),
            .sample(Sample(thing, "level", at: midnight, ranking: [])), .sample(Sample(thing, "top", at: midnight, 1)),
            .sample(Sample(thing, "top", at: midnight, ranking: [RankedValue(label: "x", value: .nan)])),
            .sample(Sample(thing, "hits", at: Instant(seconds: 1), 1)),
            .gap(Gap(thing, "level", from: midnight, to: midnight)),
            .gap(Gap(thing, "hits", from: midnight, to: Instant(seconds: 0))),
            .gap(Gap(thing, "hits", from: Instant(seconds: 1), to: midnight)),
            .gap(Gap(SubjectReference(kind: "", key: "a"), "hits", from: midnight, to: midnight)),
            .rollUp(RollUp(SubjectReference(kind: "thing", key: "A"), from: "part", metrics: ["hits"])),
            .rollUp(RollUp(thing, from: "My part", metrics: ["hits"])),
            .rollUp(RollUp(thing, from: "part", metrics: ["hits", "level"])),
            .rollUp(RollUp(thing, from: "part", metrics: ["top"])),
        ]

    @Test("malformed subjects, samples, gaps and roll-ups", arguments: bad)
    func refuses(emission: Emission) {
        #expect(refusal(emission)?.code == "bad_sample")
        #expect(refusal(emission)?.isRetryable == false)
        #expect(refusal(emission)?.message.utf8.contains(0) == false)
    }

    @Test("a metric that nobody declared")
    func undeclared() {
        #expect(refusal(.sample(Sample(Self.thing, "other", at: Self.midnight, 1)))?.code == "undeclared_metric")
        #expect(
            refusal(.gap(Gap(Self.thing, "other", from: Self.midnight, to: Self.midnight)))?.code == "undeclared_metric"
        )
        #expect(
            refusal(.rollUp(RollUp(Self.thing, from: "part", metrics: ["other"])))?.code == "undeclared_metric")
    }
}
