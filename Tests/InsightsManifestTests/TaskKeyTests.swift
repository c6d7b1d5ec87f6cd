import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("The keys of a task")
struct TaskKeyTests {
    @Test(
        "Names",
        arguments: [
            ("a", true), ("0", true), ("a-b_c9", true), (String(repeating: "a", count: 64), true),
            (String(repeating: "a", count: 65), false), ("-a", false), ("a-", false), ("_a", false), ("a_", false),
            ("A", false), ("a b", false), ("a.b", false), ("ä", false), ("\"\"", false), ("~", false),
        ])
    func names(_ name: String, _ isValid: Bool) throws {
        let length = name.unicodeScalars.count
        let expected = isValid ? [] : ["3:3-\(3 + length) name"]
        #expect(try problems(tasks("\(name): {uses: demo.echo}")) == expected)
    }

    @Test(
        "Task, module, description, enabled",
        arguments: [
            Case(tasks("a:"), "3:3-4 missing-key"),
            Case(tasks("a: {}"), "3:3-4 missing-key"),
            Case(tasks("a: demo.echo"), "3:6-15 type"),
            Case(tasks("a: [demo.echo]"), "3:6-17 type"),
            Case(tasks("a: {uses: git.activty}"), "3:13-24 unknown-module"),
            Case(tasks("a: {uses: 'git.activty'}"), "3:13-26 unknown-module"),
            Case(tasks("a: {uses: }"), "3:7-11 unknown-module"),
            Case(tasks("a: {uses: [demo.echo]}"), "3:13-24 type"),
            Case(task("evry: 5m"), "5:5-9 unknown-key"),
            Case(task("enabled: maybe"), "5:14-19 type"),
            Case(task("enabled: 1"), "5:14-15 type"),
            Case(task("enabled:"), "5:5-12 type"),
            Case(task("description: {a: b}"), "5:18-24 type"),
            Case(task("description: [a]\nevery: x"), "5:18-21 type", "6:12-13 duration"),
            Case(task("\"uses\": demo.echo"), "5:5-11 duplicate-key"),
        ])
    func refused(_ row: Case) throws {
        let found = try problems(row.text)
        #expect(found == row.expected)
    }

    @Test(
        "Booleans, any case, with quotes or without",
        arguments: ["true", "false", "yes", "no", "on", "off", "TRUE", "No", "oN", "\"off\"", "'Yes'"])
    func booleans(_ text: String) throws {
        let expected = ["true", "yes", "on"].contains(text.lowercased().filter(\.isLetter))
        #expect(try load(task("enabled: \(text)")).first?.settings.isEnabled == expected)
    }

    @Test("A scalar is read by the type that its key asks for")
    func typesByKey() throws {
        func summary(_ text: String) throws -> String? {
            try load(task("description: \(text)")).first?.settings.summary
        }
        for text in ["NO", "5", "1.0", "0x1F", "2026-01-04", "~", "null", "true"] {
            #expect(try summary(text) == text)
            #expect(try summary("\"\(text)\"") == text)
        }
        #expect(try summary("") == "Says it again.")
        #expect(try load(task("priority: \"-7\"")).first?.settings.policy.priority == -7)
        #expect(try load(task("priority: +7")).first?.settings.policy.priority == 7)
    }

    @Test(
        "Policy keys: accepted",
        arguments: [
            ("on_start: always", \Policy.onStart == OnStart.always), ("on_start: never", \Policy.onStart == .never),
            ("on_start: overdue", \Policy.onStart == .overdue), ("catch_up: all", \Policy.catchUp == .all),
            ("catch_up: none", \Policy.catchUp == .none), ("catch_up: \"latest\"", \Policy.catchUp == .latest),
            ("catch_up_limit: 1", \Policy.catchUpLimit == 1), ("catch_up_limit: 10000", \Policy.catchUpLimit == 10_000),
            ("overlap: skip", \Policy.overlap == .skip), ("overlap: queue", \Policy.overlap == .queue),
            ("overlap: replace", \Policy.overlap == .replace), ("overlap: allow", \Policy.overlap == .allow),
            ("jitter: 0", \Policy.jitter == .zero), ("jitter: 1h30m", \Policy.jitter == .seconds(5400)),
            ("timeout: 90", \Policy.timeout == .seconds(90)), ("timeout: PT1H", \Policy.timeout == .seconds(3600)),
            ("timeout: 500ms", \Policy.timeout == .milliseconds(500)),
            ("timeout: 1.5h", \Policy.timeout == .seconds(5400)),
            ("retry: 100", \Policy.retry == Retry(attempts: 100)), ("retry: {}", \Policy.retry == Retry()),
            ("retry:", \Policy.retry == Retry()),
            (
                "retry: {attempts: 3, delay: 1s, factor: 1.5, max_delay: 1m}",
                \Policy.retry == Retry(attempts: 3, delay: .seconds(1), factor: 1.5, maxDelay: .seconds(60))
            ),
            ("retry: {factor: 1}", \Policy.retry == Retry(factor: 1)),
            ("on_lost: fail", \Policy.onLost == .fail), ("on_lost: restart", \Policy.onLost == .restart),
            ("priority: -100", \Policy.priority == -100), ("priority: 100", \Policy.priority == 100),
            ("blocking: yes", \Policy.isBlocking == true), ("keep: 2w", \Policy.keep == .seconds(14 * 86_400)),
            ("retention: P14D", \Policy.retention == .seconds(14 * 86_400)),
        ] as [(String, PolicyCheck)])
    func policyAccepted(_ text: String, _ check: PolicyCheck) throws {
        let result = try load(task("every: 1h\n\(text)"))
        #expect(result.diagnostics.isEmpty)
        #expect(check.holds(try #require(result.first).settings.policy))
        // The same keys stand under `defaults`.
        let inherited = try load("defaults:\n  \(text)\n" + task("every: 1h"))
        #expect(check.holds(try #require(inherited.first).settings.policy))
    }

    @Test(
        "Policy keys: refused",
        arguments: [
            ("on_start: sometimes", 15, 24, "type"), ("catch_up: newest", 15, 21, "type"),
            ("catch_up_limit: 0", 21, 22, "range"), ("catch_up_limit: 10001", 21, 26, "range"),
            ("catch_up_limit: all", 21, 24, "type"), ("overlap: Skip", 14, 18, "type"),
            ("jitter: -1s", 13, 16, "duration"),
            ("jitter: [1s]", 13, 17, "type"), ("timeout: 0", 14, 15, "range"), ("timeout: 1mo", 14, 17, "duration"),
            ("timeout: 1 h", 14, 17, "duration"), ("timeout: P1Y", 14, 17, "duration"),
            ("timeout: soon", 14, 18, "duration"),
            ("timeout: \"\"", 14, 16, "duration"), ("timeout:", 5, 12, "duration"), ("retry: 0", 12, 13, "range"),
            ("retry: 101", 12, 15, "range"), ("retry: often", 12, 17, "type"), ("retry: [3]", 12, 15, "type"),
            ("retry: {attempts: 0}", 23, 24, "range"), ("retry: {delay: x}", 20, 21, "duration"),
            ("retry: {factor: 0.5}", 21, 24, "range"), ("retry: {factor: two}", 21, 24, "type"),
            ("retry: {factor: .inf}", 21, 25, "type"), ("retry: {max: 1m}", 13, 16, "unknown-key"),
            ("on_lost: ignore", 14, 20, "type"), ("priority: 101", 15, 18, "range"),
            ("priority: -101", 15, 19, "range"),
            ("priority: high", 15, 19, "type"), ("priority: 99999999999999999999", 15, 35, "range"),
            ("group: nobody", 12, 18, "unknown-group"), ("group: [a]", 12, 15, "type"), ("blocking: 2", 15, 16, "type"),
            ("keep: for ever", 11, 19, "duration"), ("retention: 0s", 16, 18, "range"),
            ("retention: P1M", 16, 19, "duration"),
        ])
    func policyRefused(_ text: String, _ column: Int, _ end: Int, _ code: String) throws {
        #expect(try problems(task(text)) == ["5:\(column)-\(end) \(code)"])
        // Under `defaults` the same text begins two columns before.
        #expect(try problems("defaults:\n  \(text)\n" + task("")) == ["2:\(column - 2)-\(end - 2) \(code)"])
    }

    @Test("A task's own key wins over defaults, and these over the module's wish, whole key by whole key")
    func precedence() throws {
        let text = """
            version: 1
            defaults: {timeout: 1m, retry: {attempts: 3, delay: 1s}, retention: 30d, blocking: false}
            tasks:
              a: {uses: demo.keeper, every: 1d}
              b: {uses: demo.keeper, every: 1d, timeout: 2m, retry: {factor: 3}, blocking: true}
            """
        let policies = try #require(try load(text).manifest).tasks.map(\.settings.policy)
        #expect(policies[0].timeout == .seconds(60))
        #expect(policies[0].retry == Retry(attempts: 3, delay: .seconds(1)))
        #expect(policies[0].retention == .seconds(30 * 86_400))
        #expect(policies[0].isBlocking == false)
        #expect(policies[1].timeout == .seconds(120))
        #expect(policies[1].retry == Retry(factor: 3))
        #expect(policies[1].isBlocking == true)

        let own = try #require(try load(tasks("a: {uses: demo.keeper, every: 1d}")).first).settings.policy
        #expect(own.timeout == .seconds(300))
        #expect(own.isBlocking == true)
        #expect(own.retention == .seconds(14 * 86_400))
        var program = Policy()
        program.group = "g"
        #expect(try load("groups: {g: 1}\n" + task("group: g")).first?.settings.policy == program)
    }

    @Test("Tasks with equal settings share one object; others do not")
    func sharing() throws {
        let text = tasks(
            """
            a: {uses: demo.echo, every: 1h, with: {text: x}}
            b: {uses: demo.echo, every: 2h, with: {text: x}}
            c: {uses: demo.echo, every: 2h, with: {text: y}}
            """)
        let found = try #require(try load(text).manifest).tasks.map(\.settings)
        #expect(found[0] === found[1])
        #expect(found[1] !== found[2])
    }
}

/// One fact about a policy.
struct PolicyCheck: Sendable {
    let holds: @Sendable (Policy) -> Bool
}

func == <Value: Equatable & Sendable>(path: any KeyPath<Policy, Value> & Sendable, value: Value) -> PolicyCheck {
    PolicyCheck { $0[keyPath: path] == value }
}
