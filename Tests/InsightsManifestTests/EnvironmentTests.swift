import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Variables of the environment")
struct EnvironmentTests {
    private static let environment = [
        "NAME": "value", "EMPTY": "", "NUMBER": "5", "_x9": "odd", "YAML": "a: [b, {c: d}]\n- e", "DOLLAR": "${NAME}",
    ]

    @Test(
        "Replaced after parsing, in one pass",
        arguments: [
            ("${NAME}", "value"), ("a ${NAME} b ${NAME}", "a value b value"), ("${EMPTY}", ""),
            ("${NAME:-other}", "value"),
            ("${EMPTY:-other}", "other"), ("${UNSET:-other}", "other"), ("${UNSET:-}", ""), ("${UNSET:-a:-b}", "a:-b"),
            ("$${NAME}", "${NAME}"), ("$$${NAME}", "$${NAME}"), ("$NAME", "$NAME"), ("$", "$"), ("$$", "$$"),
            ("100$ {NAME}", "100$ {NAME}"), ("${_x9}", "odd"), ("${YAML}", "a: [b, {c: d}]\n- e"),
            ("${DOLLAR}", "${NAME}"),
            ("${UNSET:-$NAME}", "$NAME"), ("ä${NAME}😀", "ävalue😀"), ("}${NAME}}", "}value}"),
        ])
    func replaced(_ text: String, _ expected: String) throws {
        for quoted in ["'\(text)'", "\"\(text)\"", "|-\n    \(text)"] {
            let result = try load(with("text: \(quoted)"), environment: Self.environment)
            #expect(result.diagnostics.map(\.brief) == [])
            #expect(result.first?.settings.parameters["text"] == .string(expected))
        }
    }

    @Test(
        "What is no variable is refused at its scalar",
        arguments: [
            "${}", "${NAME", "${1A}", "${NA ME}", "${NAME:+x}", "${NAME-x}", "${A:-${B}}", "${NAME:}", "${Ä}",
            "${#NAME}",
        ])
    func malformed(_ text: String) throws {
        let found = try load(with("text: '\(text)'"), environment: Self.environment).diagnostics
        #expect(found.map(\.brief) == ["6:13-\(15 + text.unicodeScalars.count) syntax"])
        #expect(found.first?.help == "write ${NAME} or ${NAME:-default}, and $${ for a literal ${")
    }

    @Test(
        "A name that is unset and has no default is told at its scalar, each name once",
        arguments: [
            Case(with("text: ${GONE}"), "6:13-20 unset-variable"),
            Case(with("text: \"${GONE} ${GONE} ${AWAY}\""), "6:13-38 unset-variable", "6:13-38 unset-variable"),
            Case(with("count: ${GONE}"), "6:14-21 unset-variable"),
            Case(with("names: [a, \"${GONE}\"]"), "6:18-27 unset-variable"),
            Case(task("every: ${GONE}"), "5:12-19 unset-variable"),
            Case(task("enabled: ${GONE}"), "5:14-21 unset-variable"),
            Case(task("after: ${GONE}"), "5:12-19 unset-variable"),
            Case(task("uses2: ${GONE}"), "5:5-10 unknown-key", "5:12-19 unset-variable"),
            Case(tasks("a: {uses: \"${GONE}\"}"), "3:13-22 unset-variable"),
            Case("timezone: ${GONE}\n" + task(""), "1:11-18 unset-variable"),
            Case("defaults:\n  timeout: ${GONE}\n" + task("enabled: false"), "2:12-19 unset-variable"),
        ])
    func unset(_ row: Case) throws {
        let result = try load(row.text)
        #expect(result.diagnostics.map(\.brief) == row.expected)
        #expect(result.manifest == nil)
    }

    @Test("In a disabled task it is a warning, and what it is for has its default")
    func disabled() throws {
        let text = task(
            "enabled: no\ntimeout: ${GONE}\nevery: ${GONE}\nwith:\n  text: ${GONE}\n  count: ${GONE}\n  names: [a]\n  anything: ${GONE}"
        )
        let result = try load(text)
        #expect(
            result.diagnostics.map(\.brief) == [
                "6:14-21 warning unset-variable", "7:12-19 warning unset-variable", "9:13-20 warning unset-variable",
                "10:14-21 warning unset-variable", "12:17-24 warning unset-variable",
            ])
        let definition = try #require(result.first)
        #expect(definition.settings.policy.timeout == .seconds(3600))
        #expect(definition.settings.parameters["text"] == "")
    }

    @Test(
        "Started by hand such a task fails with the names, and is not tried again",
        arguments: [
            (with("text: ${GONE} ${AWAY}"), "variables \"GONE\", \"AWAY\" are not set"),
            (task("timeout: ${GONE}"), "variable \"GONE\" is not set"),
            (task("every: ${GONE}\nwith: {count: \"${GONE}\"}"), "variable \"GONE\" is not set"),
        ])
    func started(_ text: String, _ words: String) async throws {
        let text = text.replacing("    uses:", with: "    enabled: false\n    uses:")
        let settings = try #require(try load(text).first?.settings)
        let failure = await #expect(throws: RunFailure.self) { try await settings.module.run(.nowhere) }
        #expect(failure?.code == "unset_variable")
        #expect(failure?.isRetryable == false)
        #expect(failure?.message.hasPrefix(words) == true)
        let set = try #require(try load(text, environment: ["GONE": "5", "AWAY": "6"]).first?.settings)
        #expect(try await set.module.run(.nowhere) == nil)
    }

    @Test("Of tasks that share parameters each names what it lacks")
    func shared() async throws {
        let text = tasks(
            "a: {uses: demo.echo, enabled: no, with: &w {text: \"${GONE}\"}}\n"
                + "b: {uses: demo.echo, enabled: no, description: \"${AWAY}\", with: *w}\nc: {uses: demo.echo}")
        let all = try #require(try load(text).manifest?.tasks)
        var messages: [String] = []
        for task in all {
            do { _ = try await task.settings.module.run(.nowhere) } catch let failure as RunFailure {
                messages.append(String(failure.message.prefix { $0 != ":" }))
            }
        }
        #expect(messages == ["variable \"GONE\" is not set", "variables \"AWAY\", \"GONE\" are not set"])
    }

    @Test("A required parameter whose variable is unset is told once")
    func requiredAndUnset() throws {
        #expect(try problems(with("argv: [\"${GONE}\"]", uses: "demo.command")) == ["6:14-23 unset-variable"])
    }

    @Test("Values are read by the type that the key asks for, and checked")
    func typed() throws {
        let environment = Self.environment
        #expect(try load(with("count: ${NUMBER}"), environment: environment).first?.settings.parameters["count"] == 5)
        #expect(try load(task("priority: ${NUMBER}"), environment: environment).first?.settings.policy.priority == 5)
        #expect(try problems(task("priority: ${NAME}"), environment: environment) == ["5:15-22 type"])
        #expect(
            try load(with("anything: ${NUMBER}"), environment: environment).first?.settings.parameters["anything"]
                == "5")
    }

    @Test("Keys are not looked at")
    func keys() throws {
        let result = try load(with("environment: {\"${NAME}\": x}"), environment: Self.environment)
        #expect(result.first?.settings.parameters["environment"] == ["${NAME}": "x"])
    }
}
