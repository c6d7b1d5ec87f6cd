import InsightsPlugin
import InsightsTesting
import Testing

@Suite("The exam of a module")
struct ModuleExamTests {
    private func failed(_ probe: Probe) async -> [String] {
        await ModuleExam(probe) { RecordingHost($0) }.points().filter { !$0.passed }.map(\.name)
    }

    @Test("A sound module passes every point")
    func sound() async {
        #expect(await failed(Probe()) == [])
    }

    @Test("A bad name fails its point, and no other")
    func name() async {
        var probe = Probe()
        probe.declaration.id = "Bad Name"
        #expect(await failed(probe) == ["has a name and a sentence"])
    }

    @Test("A metric that is declared twice, badly named, or rewritable for nothing fails its point")
    func metrics() async {
        let bad = [
            MetricDeclaration("level", unit: "1", shape: .gauge, additive: false, summary: "Again."),
            MetricDeclaration("Level", unit: "1", shape: .gauge, additive: false, summary: "Upper."),
            MetricDeclaration("other", unit: "", shape: .gauge, additive: false, summary: "No unit."),
            MetricDeclaration("other", unit: "1", shape: .gauge, additive: false, rewritable: true, summary: "No day."),
        ]
        for metric in bad {
            var probe = Probe()
            probe.declaration.metrics.append(metric)
            #expect(await failed(probe) == ["declares each metric once, and whole"])
        }
    }

    @Test(
        "Values that do not fit the schema are found",
        arguments: [
            Parameter("bad", .integer(1...10), default: 11, summary: "Out of range."),
            Parameter("bad", .integer(), examples: [1.5], summary: "No whole number."),
            Parameter("bad", .string(pattern: "^[a-z]+$"), examples: ["A"], summary: "No match."),
            Parameter("bad", .string(minLength: 2), examples: ["a"], summary: "Too short."),
            Parameter("bad", .enumeration(["a"]), default: "b", summary: "None of them."),
            Parameter(
                "bad", .array(of: Parameter("", .boolean, summary: "One.")), default: [1], summary: "Other type."),
            Parameter(
                "bad", .array(of: Parameter("", .any, summary: "One."), minItems: 1), default: [], summary: "Too few."),
            Parameter("bad", .object([]), examples: [["x": 1]], summary: "Unknown key."),
            Parameter(
                "bad", .map(of: Parameter("", .number(0...1), summary: "One.")), examples: [["x": 2]], summary: "Range."
            ),
        ])
    func parameters(parameter: Parameter) async {
        var probe = Probe()
        probe.declaration.parameters.append(parameter)
        #expect(await failed(probe).contains("declares each parameter once, and whole"))
    }

    @Test("A required parameter without an example cannot be run")
    func required() async {
        var probe = Probe()
        probe.declaration.parameters.append(Parameter("must", .any, required: true, summary: "Needed."))
        #expect(await failed(probe) == ["can be run with its examples"])
    }

    @Test("A module that fails, or turns its cancellation into a failure, does not pass")
    func running() async {
        #expect(await failed(Probe { _ in throw RunFailure("no", "no", retryable: false) }).count == 2)
        let stubborn = Probe { _ in
            if Task.isCancelled { throw RunFailure("cancelled", "as a failure", retryable: true) }
            return nil
        }
        #expect(await failed(stubborn) == ["ends with CancellationError, or at once, when it is cancelled"])
    }
}
