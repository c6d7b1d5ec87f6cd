import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsManifest

@Suite("The parts that only compute")
struct PureTests {
    @Test("UTF-8 is measured as the standard has it, agreeing with the standard library on random bytes")
    func utf8() {
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            let bytes = (0..<6).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let leads: [UInt8] = [
                    0x41, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC3, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0x8F,
                    0x90,
                ]
                return leads[Int(state >> 33) % leads.count]
            }
            let source = SourceText(bytes)
            let replaced = String(decoding: bytes, as: UTF8.self).unicodeScalars
            #expect(source.position(of: bytes.count).column == replaced.count + 1, "\(bytes)")
            #expect(source.faults.isEmpty == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
        }
    }

    @Test("Positions and libyaml's counts agree with a walk from the start, also past the waypoints")
    func positions() {
        let text =
            (0..<400).map { "é\($0): 😀 \($0 % 3 == 0 ? "\r\n" : $0 % 3 == 1 ? "\n" : "\r")" }.joined()
            + String(repeating: "ß", count: 3000)
        let source = SourceText(Array(text.utf8))
        var cursor = Waypoint()
        var backwards = Waypoint()
        let scalars = Array(text.unicodeScalars)
        var (byte, line, column) = (0, 1, 1)
        var bytes: [Int] = []
        for (index, scalar) in scalars.enumerated() {
            #expect(source.position(of: byte) == (line, column))
            #expect(source.offset(ofScalar: index, near: &cursor) == byte)
            bytes.append(byte)
            byte += UTF8.width(scalar)
            let isBreak = scalar == "\n" || scalar == "\r" && !(index + 1 < scalars.count && scalars[index + 1] == "\n")
            (line, column) = isBreak ? (line + 1, 1) : (line, column + 1)
        }
        for index in stride(from: scalars.count - 1, through: 0, by: -7) {
            #expect(source.offset(ofScalar: index, near: &backwards) == bytes[index])
        }
    }

    @Test(
        "Numbers",
        arguments: [
            ("1", 1), ("-1.5", -1.5), ("+2", 2), (".5", 0.5), ("5.", 5), ("1e3", 1000), ("1E-2", 0.01), ("", nil),
            ("-", nil), (".", nil), ("1e", nil),
            ("0x10", nil), ("inf", nil), (".inf", nil), ("nan", nil), ("1_000", nil), (" 1", nil), ("1e999", nil),
            ("١", nil),
        ] as [(String, Double?)])
    func numbers(_ text: String, _ expected: Double?) { #expect(ScalarText.number(text) == expected) }

    @Test(
        "Whole numbers",
        arguments: [
            ("0", .value(0)), ("-0", .value(0)), ("+7", .value(7)), ("007", .value(7)),
            ("9223372036854775807", .value(.max)),
            ("9223372036854775808", .tooLarge), ("-9223372036854775808", .value(.min)), ("", .none), ("+", .none),
            ("1.0", .none), ("1e3", .none),
            ("0x1", .none), ("٣", .none), ("1 ", .none),
        ] as [(String, ScalarText.Integer)])
    func integers(_ text: String, _ expected: ScalarText.Integer) { #expect(ScalarText.integer(text) == expected) }

    @Test("FNV-1a, 64 bits, of the draft's own vectors")
    func fnv() {
        func hash(_ text: String) -> UInt64 {
            var hash = TaskHash()
            for byte in text.utf8 { hash.combine(byte: byte) }
            return hash.value
        }
        #expect(hash("") == 0xCBF2_9CE4_8422_2325)
        #expect(hash("a") == 0xAF63_DC4C_8601_EC8C)
        #expect(hash("foobar") == 0x8594_4171_F739_67E8)
    }

    @Test("Cycles are found whatever the order, one for each way back")
    func cycles() {
        #expect(AfterGraph(upstream: []).cycles().isEmpty)
        #expect(AfterGraph(upstream: [[1], [2], []]).cycles().isEmpty)
        #expect(AfterGraph(upstream: [[0]]).cycles() == [[0]])
        #expect(AfterGraph(upstream: [[2], [0], [1]]).cycles() == [[0, 2, 1]])
        #expect(AfterGraph(upstream: [[1, 2], [0], [0]]).cycles() == [[0, 1], [0, 2]])
        #expect(AfterGraph(upstream: [[1], [2, 3], [1], [0]]).cycles() == [[1, 2], [0, 1, 3]])
        let complete = (0..<2000).map { task in (0..<2000).filter { $0 != task } }
        #expect(!AfterGraph(upstream: complete).cycles().isEmpty)
    }

    @Test("Nothing starts what waits, however indirectly, for what is disabled")
    func neverStarting() {
        let graph = AfterGraph(upstream: [[], [0], [1], [0], [], [4, 2]])
        #expect(
            graph.neverStarting(disabled: [true, false, false, true, false, false]) == [
                false, true, true, false, false, true,
            ])
        #expect(graph.neverStarting(disabled: [Bool](repeating: false, count: 6)) == [Bool](repeating: false, count: 6))
    }

    @Test("Very many problems end with a word on how many more there are; repetitions do not count")
    func manyProblems() {
        let source = SourceText(Array("0123456789\n".utf8))
        for (count, repetitions) in [(10, 1), (10, 50), (11, 1), (15, 3), (400, 2)] {
            let sink = DiagnosticSink(limit: 10)
            for number in 0..<count {
                for _ in 0..<repetitions { sink.warning(.type, at: Place(start: number % 10, end: 10), "\(number)") }
            }
            let found = sink.diagnostics(file: "f", source: source)
            #expect(found.count == min(count, 11))
            #expect((found.last?.code == .limit) == (count > 10))
            #expect(!sink.hasErrors && found.last?.severity == .warning)
        }
        let sink = DiagnosticSink(limit: 10)
        for number in 0..<25 { sink.error(.type, at: Place(start: number % 10, end: 10), "\(number)") }
        let found = sink.diagnostics(file: "f", source: source)
        #expect(sink.hasErrors)
        #expect(found.last?.message == "15 or more further problems are not listed")
        #expect(found.map(\.column) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5])
    }

    @Test("Of the same thing as an error and as a warning the error stays")
    func errorStays() {
        let sink = DiagnosticSink()
        sink.warning(.unsetVariable, at: Place(start: 1, end: 2), "x")
        sink.error(.unsetVariable, at: Place(start: 1, end: 2), "x")
        sink.warning(.unsetVariable, at: Place(start: 1, end: 2), "x")
        #expect(sink.diagnostics(file: "f", source: SourceText([0x61, 0x62])).map(\.severity) == [.error])
    }

    @Test("What an alias bomb would grow to is counted, not built")
    func bombIsCounted() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<60 {
            let alias = "*a\(level - 1)"
            text += "a\(level): &a\(level) {\((0..<10).map { "k\($0): \(alias)" }.joined(separator: ", "))}\n"
        }
        let sink = DiagnosticSink()
        let tree = TreeBuilder.build(SourceText(Array(text.utf8)), sink: sink)
        #expect(tree.isOverLimit)
        #expect(tree.nodes.count < 200)
        #expect(sink.hasErrors)
        let small = TreeBuilder.build(
            SourceText(Array("a: &a [x, x]\nb: [*a, *a]\n".utf8)), sink: DiagnosticSink(),
            limits: TreeLimits(depth: 3, nodes: 13))
        // The map, two keys, a list of two, and a list of two of these.
        #expect(!small.isOverLimit && small.root.map { small[$0].expanded } == 13)
        for limits in [TreeLimits(depth: 2, nodes: 13), TreeLimits(depth: 3, nodes: 12)] {
            let tree = TreeBuilder.build(
                SourceText(Array("a: &a [x, x]\nb: [*a, *a]\n".utf8)), sink: DiagnosticSink(), limits: limits)
            #expect(tree.isOverLimit)
        }
    }

    @Test("A suggestion is near, and looking for them has a bound")
    func suggestions() {
        let suggestions = Suggestions()
        #expect(suggestions.help(for: "evry", among: ["cron", "every"], kind: "keys") == "did you mean \"every\"?")
        #expect(suggestions.help(for: "EVERY", among: ["cron", "every"], kind: "keys") == "did you mean \"every\"?")
        #expect(suggestions.help(for: "b", among: ["a", "c"], kind: "tasks") == "known tasks: a, c")
        #expect(suggestions.help(for: "zzzz", among: ["a", "c"], kind: "tasks") == "known tasks: a, c")
        #expect(suggestions.help(for: "zzzz", among: [], kind: "tasks") == "there are no tasks")
        let many = (0..<1000).map { "name-\($0)" }
        let answers = (0..<400).map { _ in suggestions.help(for: "nme-500", among: many, kind: "tasks") }
        #expect(answers.first == "did you mean \"name-500\"?")
        #expect(answers.last == .some(nil))
    }

    @Test("Cells of a terminal")
    func cells() {
        #expect("aä\u{301}日😀\u{200D}\t한".unicodeScalars.map(TerminalWidth.cells) == [1, 1, 0, 2, 2, 0, 1, 2])
    }
}
