import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("YAML")
struct YAMLTests {
    private func text(_ yaml: String) throws -> Value? {
        let result = try load(with("text: \(yaml)"))
        #expect(result.diagnostics.map(\.brief) == [])
        return result.first?.settings.parameters["text"]
    }

    @Test(
        "Scalars in every style",
        arguments: [
            ("plain words", "plain words"), ("'it''s'", "it's"), ("\"a\\tb\\n\\u00e4\\x41\"", "a\tb\näA"),
            ("|\n    one\n      two\n", "one\n  two\n"),
            (">-\n    one\n    two", "one two"), ("|+\n    one\n\n", "one\n\n\n"),
            ("\n    on the next line", "on the next line"),
            ("over\n    two lines", "over two lines"), ("\"over\n    two lines\"", "over two lines"),
            ("plain # with comment", "plain"),
            ("a#b", "a#b"), ("http://x/y", "http://x/y"), ("!!str 5", "5"), ("!!int 5", "5"), ("! 5", "5"),
            ("&a 5", "5"), ("!!str &a \"5\"", "5"),
            ("\"\"", ""), ("'NO'", "NO"), ("\"tab\there\"", "tab\there"), ("😀é", "😀é"), ("-5", "-5"),
            ("|2\n      x", "    x\n"),
        ])
    func scalars(_ yaml: String, _ expected: String) throws {
        let found = try text(yaml)
        #expect(found == .string(expected))
    }

    @Test(
        "Whole documents in other dresses",
        arguments: [
            "{version: 1, tasks: {t: {uses: demo.echo, with: {names: [a, b]}}}}",
            "{\"version\": 1, \"tasks\": {\"t\": {\"uses\": \"demo.echo\", \"with\": {\"names\": [\"a\", \"b\"]}}}}",
            "version: 1\r\ntasks:\r\n  t:\r\n    uses: demo.echo\r\n    with:\r\n      names:\r\n      - a\r\n      - b\r\n",
            "version: 1\ntasks:\n  t:\n    uses: demo.echo\n    with:\n      names: [a,\n        b\n      ]\n",
            "---\n# c\nversion: 1 # c\n# c\ntasks:\n  ? t\n  : uses: demo.echo\n    with: {names: [a, b]}\n...\n# after the end\n",
            "version: 1\ntasks: {t: {uses: demo.echo, with: {names: [a, b,],},},}\n",
            "\"version\": 1\n'tasks':\n  \"t\":\n    \"uses\": demo.echo\n    \"with\":\n      \"names\": [a, b]\n",
        ])
    func documents(_ text: String) throws {
        let result = try load(text)
        #expect(result.diagnostics.map(\.brief) == [])
        #expect(result.first?.settings.parameters["names"] == ["a", "b"])
    }

    @Test(
        "Columns are Unicode scalars, lines as editors count them",
        arguments: [
            Case(task("description: 😀 ä\nevery: x"), "6:12-13 duration"),
            Case(tasks("t: {uses: demo.echo, description: 😀é, every: x}"), "3:48-49 duration"),
            Case(tasks("t: {uses: demo.echo, description: \"e\u{301}👩‍👩‍👧\", every: x}"), "3:55-56 duration"),
            Case(tasks("t: {uses: demo.echo, every: \"日本\"}"), "3:31-35 duration"),
            Case("version: 1\r\ntasks:\r\n  t: {uses: demo.echo, every: x}\r\n", "3:31-32 duration"),
            Case("version: 1\rtasks:\r  t: {uses: demo.echo, every: x}\r", "3:31-32 duration"),
            Case(
                "version: 1\ntasks:\n  t:\n    uses: demo.echo\n    description: \"a\u{2028}b\u{85}c\"\n    every: x\n",
                "6:12-13 duration"),
            Case(tasks("t: {uses: demo.echo,\tevery:\tx}"), "3:31-32 duration"),
            Case(task("every: x  # comment"), "5:12-13 duration"),
            Case(task("every: \"x\"  # comment"), "5:12-15 duration"),
            Case(task("every: |\n  x"), "5:12-13 duration"),
            Case(task("every: >-   # comment\n  x"), "5:12-14 duration"),
            Case(task("every: x\n  y"), "5:12-13 duration"),
            Case(task("every: \"x\n  y\""), "5:12-14 duration"),
            Case(task("every: !!str &a  x"), "5:22-23 duration"),
            Case(task("every: &a\n  x"), "6:7-8 duration"),
            Case(task("every:\n  x"), "6:7-8 duration"),
            Case(task("every: &a {b: c}"), "5:15-21 type"),
            Case(task("every: {b: c,\n  d: e}"), "5:12-18 type"),
            Case(task("every: # comment\n  b: c  # comment\n  d: e"), "6:7-11 type"),
            Case(task("every:\n  - b\n  - c"), "6:7-10 type"),
            Case(task("every:\n- b"), "6:5-8 type"),
            Case(task("every:\n  - b: c"), "6:7-13 type"),
        ])
    func places(_ row: Case) throws {
        let found = try problems(row.text)
        #expect(found == row.expected)
    }

    @Test(
        "Syntax errors, with what was wrong before them",
        arguments: [
            Case("version: 1\ntasks: {}\n---\nversion: 1\n", "3:1-4 syntax"),
            Case("version: 1\ntasks: {}\n---\n", "3:1-4 syntax"),
            Case("version: 1\ntasks: {}\n...\nmore: 1\n", "4:1-2 syntax"),
            Case("version: 1\ntasks: {}\noops: 1\n---\n", "3:1-5 unknown-key", "4:1-4 syntax"),
            Case("version: 1\ntasks:\n\tt: {}\n", "3:1-2 syntax"),
            Case("version: 1\ntasks: {t: {uses: demo.echo}\n", "2:29-29 syntax"),
            Case("version: 1\ntasks: [a\n", "2:10-10 syntax"),
            Case("version: 1\ntasks: \"open\n", "2:13-13 syntax"),
            Case("version: 1\n tasks: {}\n", "2:7-8 syntax"),
            Case("version: 1: 2\n", "1:11-12 syntax"),
            Case("version: 1\ntasks: @x\n", "2:8-9 syntax"),
            Case("version: 1\ntasks: *a\n", "2:8-10 syntax"),
            Case("version: 1\ntasks: &a {t: *b}\n", "2:15-17 syntax"),
            Case("version: 1\ntasks: {}\nplugins: ]\n", "3:10-11 syntax"),
            Case("%YAML 3.0\n---\nversion: 1\ntasks: {}\n", "1:1-2 syntax"),
            Case(
                "version: 1\ntasks:\n  t:\n    uses: demo.ecko\n    every: 5x\n    cron: [\n", "4:11-20 unknown-module",
                "5:12-14 duration", "6:5-9 cadence", "6:12-12 syntax"),
            Case(with("text: {a: ${NAME}}"), "6:18-19 syntax"),
            Case("version: 1\ntasks:\n  t:\n    after: later\n    description: \"\n", "5:19-19 syntax"),
        ])
    func syntax(_ row: Case) throws {
        let result = try load(row.text)
        #expect(result.diagnostics.map(\.brief) == row.expected)
        #expect(result.manifest == nil)
    }

    @Test("The help for a syntax error names the way out")
    func syntaxHelp() throws {
        func help(_ text: String) throws -> String { try load(text).diagnostics.last?.help ?? "" }
        #expect(try help("version: 1\ntasks:\n\tt: {}\n") == "indent with spaces: YAML does not allow tabs there")
        #expect(try help("version: 1\ntasks: {a: ${X}}").contains("quote a value with ${…}"))
        #expect(try help("version: 1\ntasks: @x\n") == "quote a value that begins with \"@\"")
        #expect(try help("version: 1: 2\n").contains("quote a value that holds"))
        #expect(try help("version: 1\ntasks: {t: {}\n") == "close it, or complete the file")
        #expect(try help("version: 1\ntasks: {}\n---\n").contains("one document"))
    }

    @Test(
        "A syntax error is told in words that name what a person sees, and with the line",
        arguments: [
            ("tasks: {", "the \"{\" opened at 2:8 is not closed", "tasks: {"),
            ("tasks: {\n\n", "the \"{\" opened at 2:8 is not closed", "tasks: {"),
            ("tasks: {a: {}, b: &x [c,\n  d", "the \"[\" opened at 2:22 is not closed", "  d"),
            ("tasks: {a: 'b", "the quote ' opened at 2:12 is not closed", "tasks: {a: 'b"),
            ("tasks: \"a\n  b\n", "the quote \" opened at 2:8 is not closed", "  b"),
            (
                "tasks: {a: b\n  c: d}", "a \",\" is missing before this, or the \"}\" for the bracket opened at 2:8",
                "  c: d}"
            ),
            (
                "tasks:\n  a: {}\n b: {}",
                "this is neither another key of the map that begins at 1:1 nor a part of the value before it", " b: {}"
            ),
            (
                "tasks:\n  - a\n  b: c",
                "this is neither another item of the list that begins at 3:3 nor a part of the item before it", "  b: c"
            ),
            ("tasks: ]", "a value cannot begin here", "tasks: ]"),
        ])
    func syntaxWords(_ rest: String, _ message: String, _ line: String) throws {
        let found = try #require(try load("version: 1\n" + rest).diagnostics.first { $0.code == .syntax })
        #expect(found.message == message)
        #expect(found.sourceLine == line)
        #expect(found.help?.isEmpty == false)
    }

    @Test("Of a file that is no text the first hundred faults are told, and that there are more")
    func manyFaults() throws {
        func found(_ faults: Int) throws -> [Diagnostic] {
            try load(bytes: Array("version: 1\n".utf8) + [UInt8](repeating: 0xFF, count: faults)).diagnostics
        }
        #expect(try found(100).map(\.code) == [DiagnosticCode](repeating: .encoding, count: 100))
        let more = try found(101)
        #expect(more.count == 101)
        #expect(more.last?.code == .limit)
        #expect(more.last?.message == "only the first 100 characters that are none are listed, and there are more")
    }

    @Test(
        "Not text",
        arguments: [
            (Array("version: 1\ntasks: {}\n# caf".utf8) + [0xE9, 0x0A], ["3:6-7 encoding"]),
            ([0xFF, 0xFE, 0x76, 0x00, 0x65, 0x00], ["1:1-3 encoding"]), ([0xFE, 0xFF, 0x00, 0x76], ["1:1-3 encoding"]),
            ([0x76, 0x00, 0x65, 0x00], ["1:1-2 encoding"]), ([0x00, 0x76, 0x00, 0x65], ["1:1-2 encoding"]),
            ([0xEF, 0xBB, 0xBF] + Array("version: 1\ntasks: {}\n".utf8), ["1:1-2 encoding"]),
            (
                Array("version: 1\n".utf8) + [0xC3, 0x28, 0x20, 0x80, 0x0A, 0xED, 0xA0, 0x80],
                ["2:1-2 encoding", "2:4-5 encoding", "3:1-2 encoding", "3:2-3 encoding", "3:3-4 encoding"]
            ),
            (Array("version: 1\n# ä".utf8) + [0xF0, 0x9F, 0x98], ["2:4-5 encoding"]),
            (Array("version: \u{1}1\ntasks: \u{7F}\n".utf8), ["1:10-11 syntax", "2:8-9 syntax"]),
            (Array("version: 1\0".utf8), ["1:11-12 syntax"]), (Array("# \u{9B}\nversion: 1".utf8), ["1:3-4 syntax"]),
        ] as [([UInt8], [String])])
    func notText(_ bytes: [UInt8], _ expected: [String]) throws {
        let result = try load(bytes: bytes)
        #expect(result.diagnostics.map(\.brief) == expected)
        #expect(result.manifest == nil)
    }

    @Test(
        "Equal keys are told at the second, with the place of the first",
        arguments: [
            ("version: 1\ntasks: {}\nversion: 1", "3:1-8", "1:1"),
            ("version: 1\ntasks: {}\n\"version\": 2", "3:1-10", "1:1"),
            (tasks("a: {uses: demo.echo}\nb: {uses: demo.echo}\na: {uses: demo.keeper}"), "5:3-4", "3:3"),
            (task("every: 1h\nevery: 2h"), "6:5-10", "5:5"), (with("text: a\n\"te\\x78t\": b"), "7:7-16", "6:7"),
            (with("anything: {a: 1, b: {c: 1, c: 2}}"), "6:34-35", "6:28"),
            ("version: 1\ntasks: {}\n? tasks\n: {}", "3:3-8", "2:1"),
            (
                with("environment: {" + (0..<40).map { "k\($0): x" }.joined(separator: ", ") + ", k7: y}"), "6:331-333",
                "6:70"
            ),
        ])
    func duplicates(_ text: String, _ place: String, _ first: String) throws {
        let found = try load(text).diagnostics
        #expect(found.map(\.brief) == ["\(place) duplicate-key"])
        #expect(found.first?.message.hasSuffix("first given at \(first)") == true)
    }

    @Test("Keys that differ in bytes alone, é in one scalar or in two, are equal keys wherever keys are compared")
    func canonicallyEqual() throws {
        let (one, two) = ("\u{E9}", "e\u{301}")
        for filler in ["", (1...20).map { "k\($0): v, " }.joined()] {
            let text = with("environment: {\(filler)\(one): a, \(two): b}")
            #expect(try load(text).diagnostics.map(\.code) == [.duplicateKey])
        }
        #expect(try load(with("anything: {\(two): a, \(one): b}")).diagnostics.map(\.code) == [.duplicateKey])
        // Of a merged map the own key wins, as for any other key.
        let merged = with("anything: {<<: {\(one): a}, \(two): b}")
        #expect(try load(merged).first?.settings.parameters["anything"] == [two: "b"])
    }

    @Test(
        "Keys that are no text, and tags that ask for more than text",
        arguments: [
            Case("version: 1\ntasks: {}\n? [a]\n: b", "3:3-6 type"),
            Case("version: 1\ntasks: {}\n{a: b}: c", "3:1-7 type"),
            Case(with("environment:\n  ? - a\n  : b"), "7:11-14 type"), Case(with("text: !custom x"), "6:21-22 type"),
            Case(with("text: !!binary aGk="), "6:22-26 type"),
            Case(with("text: !<tag:example.org,1:x> y"), "6:36-37 type"),
            Case(with("names: !!set [a]"), "6:20-23 type"), Case(with("names: !!map [a]"), "6:20-23 type"),
            Case("version: !!int 1\ntasks: !!map {}"), Case(with("names: !!seq [!!str a]")),
        ])
    func keysAndTags(_ row: Case) throws {
        let found = try problems(row.text)
        #expect(found == row.expected)
    }
}
