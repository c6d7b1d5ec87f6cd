import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("The parameters of a task")
struct ParameterTests {
    /// The parameters of a manifest's only task.
    private func parameters(_ text: String, environment: [String: String] = [:]) throws -> Value {
        let result = try load(text, environment: environment)
        #expect(result.diagnostics.map(\.brief) == [])
        return try #require(result.first).settings.parameters
    }

    @Test("What is not given is filled in, as far as it has a default")
    func defaults() throws {
        let expected: Value = ["count": 3, "loud": false, "wait": "60", "file": "/srv"]
        #expect(try parameters(task("")) == expected)
        #expect(try parameters(task("with:")) == expected)
        #expect(try parameters(task("with: {}")) == expected)
        #expect(try parameters(with("count:\nloud: ~\ntext:\nnames:\noptions:\nanything:")) == expected)
        #expect(try parameters(with("options: {depth: 1}"))["options"] == ["depth": 1, "label": "none"])
    }

    @Test(
        "Accepted, as the module is given it",
        arguments: [
            ("text", "NO", "NO"), ("text", "\"\"", ""), ("text", "5", "5"), ("text", "~", "~"),
            ("text", "|\n    a\n    b", "a\nb\n"),
            ("count", "1", 1), ("count", "\"10\"", 10), ("count", "+4", 4), ("ratio", "0.5", .number(0.5)),
            ("ratio", "1", .number(1)), ("ratio", "\".5\"", .number(0.5)), ("ratio", "5e-1", .number(0.5)),
            ("loud", "ON", true), ("loud", "'no'", false), ("mood", "happy", "happy"), ("mood", "\"sad\"", "sad"),
            ("wait", "1h30m", "5400"), ("wait", "90", "90"), ("wait", "1.5s", "1.5"), ("wait", "250ms", "0.25"),
            ("wait", "0", "0"), ("at", "2026-01-04T02:00:00Z", "2026-01-04T02:00:00Z"), ("file", ".", "/srv"),
            ("file", "a/./b//c", "/srv/a/b/c"), ("file", "/x/", "/x"), ("file", "../up", "/srv/../up"),
            ("word", "abc", "abc"), ("token", "geheim", "geheim"), ("names", "[a, 2, \"no\"]", ["a", "2", "no"]),
            ("names", "\n    - a\n    - b", ["a", "b"]),
            ("options", "{depth: -5, label: x}", ["depth": -5, "label": "x"]),
            ("open", "{size: 1, more: 2, list: [a]}", ["size": 1, "more": 2, "list": ["a"]]),
            ("environment", "{A: 1, b: no, C: ~}", ["A": "1", "b": "no", "C": "~"]), ("environment", "", nil),
            ("limits", "{x: 9}", ["x": 9]), ("anything", "5", 5), ("anything", "\"5\"", "5"),
            ("anything", "0.5", .number(0.5)),
            ("anything", "true", true), ("anything", "[null, ~, text, {a: 1}]", [nil, nil, "text", ["a": 1]]),
        ] as [(String, String, Value?)])
    func accepted(_ name: String, _ text: String, _ expected: Value?) throws {
        #expect(try parameters(with("\(name): \(text)"))[name] == expected)
    }

    @Test(
        "Refused at its own line, with the code `parameter`",
        arguments: [
            ("txt: hello", 7, 10), ("text: [a]", 13, 16), ("text: {a: b}", 13, 19), ("count: 0", 14, 15),
            ("count: 11", 14, 16),
            ("count: many", 14, 18), ("count: 1.5", 14, 17), ("count: 99999999999999999999", 14, 34),
            ("count: [1]", 14, 17),
            ("ratio: 1.5", 14, 17), ("ratio: half", 14, 18), ("ratio: .nan", 14, 18), ("ratio: 0x1", 14, 17),
            ("loud: 1", 13, 14),
            ("mood: angry", 13, 18), ("mood: Happy", 13, 18), ("wait: 1y", 13, 15), ("wait: \"\"", 13, 15),
            ("wait: -1s", 13, 16),
            ("at: 2026-01-04", 11, 21), ("at: now", 11, 14), ("file: \"\"", 13, 15), ("file: ~/x", 13, 16),
            ("file: ~", 13, 14),
            ("word: a", 13, 14), ("word: abcdef", 13, 19), ("word: ABC", 13, 16), ("word: \"ab\\n\"", 13, 19),
            ("names: a", 14, 15), ("names: []", 14, 16), ("names: [a, b, c, d]", 14, 26), ("names: [[a]]", 15, 18),
            ("names: {a: b}", 14, 20), ("options: 5", 16, 17), ("options: {}", 7, 14), ("options: {label: x}", 7, 14),
            ("options: {depth: x}", 24, 25), ("options: {depth: 1, dept: 2}", 27, 31), ("options: {depth: }", 17, 22),
            ("open: {size: x}", 20, 21), ("environment: [A]", 20, 23), ("environment: {A: [b]}", 24, 27),
            ("environment: {A: {b: c}}", 24, 30), ("limits: {x: 10}", 19, 21), ("limits: {x: y}", 19, 20),
        ])
    func refused(_ text: String, _ column: Int, _ end: Int) throws {
        #expect(try problems(with(text)) == ["6:\(column)-\(end) parameter"])
    }

    @Test("Of a list over several lines its items are told, each at its own")
    func itemsOnTheirLines() throws {
        let text = with("names:\n  - [a]\n  - b\n  - {c: d}\nlimits:\n  x: 1\n  y: 11\n  z: -1")
        #expect(
            try problems(text) == [
                "7:11-14 parameter", "9:11-17 parameter", "12:12-14 parameter", "13:12-14 parameter",
            ])
    }

    @Test(
        "A missing parameter is told at the name of what lacks it",
        arguments: [
            Case(task("", uses: "demo.command"), "3:3-4 parameter"),
            Case(task("with: {}", uses: "demo.command"), "5:5-9 parameter"),
            Case(task("with:", uses: "demo.command"), "5:5-9 parameter"),
            Case(with("argv:", uses: "demo.command"), "6:7-11 parameter"),
            Case(with("token: x", uses: "demo.command"), "5:5-9 parameter"),
            Case(with("options:\n  label: x"), "6:7-14 parameter"),
            Case(task("with: text", uses: "demo.command"), "5:11-15 parameter"),
            Case(task("with: [a]", uses: "demo.command"), "5:11-14 parameter"),
            Case(task("with: {argv: []}", uses: "demo.command"), "5:18-20 parameter"),
        ])
    func missing(_ row: Case) throws {
        let found = try problems(row.text)
        #expect(found == row.expected)
    }

    @Test("What a module finds is told beside what does not fit the schema, and not of what is told already")
    func modulesOwnBeside() throws {
        func found(_ parameters: String) throws -> [String] { try problems(with(parameters, uses: "demo.command")) }
        #expect(
            try found("argv: [a, [x], a, {y: z}, a]\ntok: x") == [
                "6:17-20 parameter", "6:22-23 parameter", "6:25-31 parameter", "6:33-34 parameter",
                "7:7-10 parameter",
            ])
        #expect(try found("argv: [leak]\ntoken: [x]") == ["7:14-17 parameter"])
        #expect(try found("argv: [lost]\ntoken: [x]") == ["7:14-17 parameter"])
        #expect(try found("token: [x]") == ["5:5-9 parameter", "6:14-17 parameter"])
    }

    @Test("An item of the wrong type is said to be an item")
    func items() throws {
        func message(_ parameters: String) throws -> String? { try load(with(parameters)).diagnostics.first?.message }
        #expect(try message("names: [[a]]") == "each of \"names\" must be text, not a list")
        #expect(try message("names: a") == "\"names\" must be a list, not \"a\"")
        #expect(try message("limits: {x: y}") == "\"x\" must be a whole number, not \"y\"")
    }

    @Test("What a module finds is told where its path leads")
    func modulesOwn() throws {
        let twice = with("argv:\n  - a\n  - b\n  - a", uses: "demo.command")
        let found = try load(twice).diagnostics
        #expect(found.map(\.brief) == ["9:11-12 parameter"])
        #expect(found[0].message == "said twice")
        #expect(found[0].help == "say it once")
        #expect(
            try problems(with("argv: [a, a]\nx: 1", uses: "demo.command")) == ["6:17-18 parameter", "7:7-8 parameter"])
        #expect(try problems(with("argv: [lost]", uses: "demo.command")) == ["5:5-9 parameter"])
    }

    @Test("A pattern that cannot be read is the module's fault, and is said to be")
    func faultyPattern() throws {
        let found = try load(with("text: x", uses: "demo.faulty")).diagnostics
        #expect(found.map(\.brief) == ["6:13-14 parameter"])
        #expect(found[0].help == "this is a fault of the module, not of the manifest")
    }

    @Test("Of an unknown module the parameters are left alone, but not their variables")
    func unknownModule() throws {
        let text = with("text: ${NOBODY}\nwhatever: 1", uses: "demo.nothing")
        #expect(try problems(text) == ["4:11-23 unknown-module", "6:13-22 unset-variable"])
    }

    @Test("Values of secret parameters are collected, and no message shows one")
    func secrets() throws {
        let text = with("token: ${TOKEN}\ntokens: [one, \"\", ${TOKEN}]\noptions: {depth: 1, pin: 1234}")
        let environment = ["TOKEN": "s3cret"]
        #expect(try load(text, environment: environment).diagnostics.map(\.brief).isEmpty == false)
        let quoted = with("token: ${TOKEN}\ntokens: [one, \"\", \"${TOKEN}\"]\noptions: {depth: 1, pin: 1234}")
        let settings = try #require(try load(quoted, environment: environment).first).settings
        #expect(Set(settings.secrets) == ["s3cret", "one", "1234"])
        #expect(settings.parameters["token"] == "s3cret")

        for (text, value) in [
            ("token: ${TOKEN}", "much-too-long-a-secret"), ("options: {depth: 1, pin: \"${TOKEN}\"}", "not-a-number"),
            ("tokens: literal-secret", "literal-secret"),
        ] {
            let found = try load(with(text), environment: ["TOKEN": value]).diagnostics
            #expect(found.map(\.code) == [.parameter])
            #expect(!found[0].message.contains(value))
            #expect(!(found[0].help ?? "").contains(value))
        }
        let leak = try load(with("argv: [leak]\ntoken: ${TOKEN}", uses: "demo.command"), environment: environment)
        #expect(leak.diagnostics.map(\.message) == ["cannot use ***"])
    }

    @Test("Relative paths count from the manifest's folder")
    func paths() throws {
        func file(_ manifest: String) throws -> String? {
            try loader().load(bytes: Array(with("file: x/y").utf8), file: manifest).first?.settings.parameters["file"]?
                .string
        }
        #expect(try file("/srv/insights/tasks.yaml") == "/srv/insights/x/y")
        #expect(try file("/tasks.yaml") == "/x/y")
        let relative = try #require(try file("folder/tasks.yaml"))
        #expect(relative.hasPrefix("/") && relative.hasSuffix("/folder/x/y"))
        let bare = try #require(try file("tasks.yaml"))
        #expect(bare.hasPrefix("/") && bare.hasSuffix("/x/y") && !bare.contains("//"))
    }
}
