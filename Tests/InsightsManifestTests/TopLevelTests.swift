import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("The top level of a manifest")
struct TopLevelTests {
    @Test("What is left out has the documented value")
    func defaults() throws {
        let result = try load("version: 1\ntasks: {}\n")
        #expect(result.diagnostics.isEmpty)
        let manifest = try #require(result.manifest)
        #expect(manifest.zone == .utc)
        #expect(manifest.concurrency == 8)
        #expect(manifest.groups.isEmpty)
        #expect(manifest.tasks.isEmpty)
    }

    @Test("What is given is taken")
    func given() throws {
        let text = """
            version: 1
            timezone: Europe/Berlin
            concurrency: 3
            groups: {forge-api: 2, disk: 1}
            defaults: {priority: 5}
            tasks:
              b: {uses: demo.echo}
              a: {uses: demo.echo, priority: 7}
            """
        let result = try load(text)
        let manifest = try #require(result.manifest)
        #expect(manifest.zone.identifier == "Europe/Berlin")
        #expect(manifest.concurrency == 3)
        #expect(manifest.groups == ["forge-api": 2, "disk": 1])
        #expect(manifest.tasks.map(\.name) == ["a", "b"])
        #expect(manifest.tasks.map(\.settings.policy.priority) == [7, 5])
    }

    @Test(
        "Accepted",
        arguments: [
            "version: 1\ntasks:\n", "version: \"1\"\ntasks: {}", "version: 1\ntasks: ~", "tasks: {}\nversion: 01",
            "# comment\n---\nversion: 1\ntasks: {}\n...\n", "%YAML 1.2\n---\nversion: 1\ntasks: {}",
            "version: 1\ntasks: {}\nconcurrency: 1", "version: 1\ntasks: {}\nconcurrency: \"10000\"",
            "version: 1\ntasks: {}\ndefaults:\ngroups:\nplugins:\nalerts:\n", "{version: 1, tasks: {}}",
            "{\"version\": 1, \"tasks\": {}}", "version: 1\ntasks: {}\nplugins: []\nalerts: []",
            "version: 1\r\ntasks: {}\r\n", "version: 1\rtasks: {}\r",
        ])
    func accepted(_ text: String) throws {
        let result = try load(text)
        #expect(result.diagnostics.map(\.brief) == [])
        #expect(result.manifest != nil)
    }

    @Test(
        "Refused, with the place",
        arguments: [
            Case("", "1:1-1 missing-key", "1:1-1 missing-key"),
            Case("# nothing\n\n", "1:1-1 missing-key", "1:1-1 missing-key"),
            Case("---\n", "1:1-1 missing-key", "1:1-1 missing-key"),
            Case("version: 1\n", "1:1-1 missing-key"),
            Case("tasks: {}\n", "1:1-1 missing-key"),
            Case("- version: 1\n", "1:1-13 type"),
            Case("just text\n", "1:1-10 type"),
            Case("version: 2\ntasks: {}", "1:10-11 version"),
            Case("version: 0\ntasks: {}", "1:10-11 version"),
            Case("version: 99999999999999999999\ntasks: {}", "1:10-30 version"),
            Case("version: one\ntasks: {}", "1:10-13 type"),
            Case("version: 1.0\ntasks: {}", "1:10-13 type"),
            Case("version: [1]\ntasks: {}", "1:10-13 type"),
            Case("version:\ntasks: {}", "1:1-8 type"),
            Case("version: 1\ntasks: []", "2:8-10 type"),
            Case("version: 1\ntasks: none", "2:8-12 type"),
            Case("version: 1\ntasks: {}\ntimezone: Europe/Berln", "3:11-23 timezone"),
            Case("version: 1\ntasks: {}\ntimezone: \"\"", "3:11-13 timezone"),
            Case("version: 1\ntasks: {}\ntimezone: {}", "3:11-13 type"),
            Case("version: 1\ntasks: {}\nconcurrency: 0", "3:14-15 range"),
            Case("version: 1\ntasks: {}\nconcurrency: 10001", "3:14-19 range"),
            Case("version: 1\ntasks: {}\nconcurrency: -1", "3:14-16 range"),
            Case("version: 1\ntasks: {}\nconcurrency: many", "3:14-18 type"),
            Case("version: 1\ntasks: {}\nconcurrency: 1.5", "3:14-17 type"),
            Case("version: 1\ntasks: {}\nconcurency: 5", "3:1-11 unknown-key"),
            Case("version: 1\ntasks: {}\ngroups: [a]", "3:9-12 type"),
            Case("version: 1\ntasks: {}\ngroups: {a: 0}", "3:13-14 range"),
            Case("version: 1\ntasks: {}\ngroups: {a: two, b: 1}", "3:13-16 type"),
            Case("version: 1\ntasks: {}\ndefaults: 5", "3:11-12 type"),
            Case(
                "version: 1\ntasks: {}\ndefaults: {timeout: x, uses: demo.echo}", "3:21-22 duration",
                "3:24-28 unknown-key"),
            Case("version: 1\ntasks: {}\nplugins: hello", "3:10-15 type"),
            Case("version: 1\ntasks: {}\nalerts: {}", "3:9-11 type"),
            // What is wrong as a whole is told once, and not again by all who refer to it.
            Case("groups: [g]\n" + task("group: g"), "1:9-12 type"),
            Case("groups: {g: 0}\n" + task("group: g"), "1:13-14 range"),
            Case(
                "version: 1\ntasks: 5\nalerts: [{webhook: \"http://x\", tasks: [t]}]", "2:8-9 type",
                "3:1-7 warning not-yet"),
        ])
    func refused(_ row: Case) throws {
        let result = try load(row.text)
        #expect(result.diagnostics.map(\.brief) == row.expected)
        #expect(result.manifest == nil)
    }

    @Test("All problems are told at once, in the order of the file")
    func allAtOnce() throws {
        let text = """
            version: 3
            timezone: Nowhere
            concurrency: -2
            oops: 1
            tasks:
              One: {uses: demo.ecko}
              two: {every: 5x, timeout: never}
            """
        #expect(
            try problems(text) == [
                "1:10-11 version", "2:11-18 timezone", "3:14-16 range", "4:1-5 unknown-key", "6:3-6 name",
                "6:15-24 unknown-module", "7:3-6 missing-key", "7:16-18 duration", "7:29-34 duration",
            ])
    }

    @Test("Unknown words are answered with the nearest known one")
    func suggestions() throws {
        func help(_ text: String) throws -> String? { try load(text).diagnostics.first?.help }
        #expect(try help("version: 1\ntasks: {}\ntimezon: UTC") == "did you mean \"timezone\"?")
        #expect(try help("version: 1\ntasks: {}\nTasks: {}") == "did you mean \"tasks\"?")
        #expect(try help("version: 1\ntasks: {}\ntimezone: Europe/Berln") == "did you mean \"Europe/Berlin\"?")
        #expect(try help(tasks("a: {use: demo.echo, uses: demo.echo}")) == "did you mean \"uses\"?")
        #expect(try help(tasks("a: {uses: demo.ehco}")) == "did you mean \"demo.echo\"?")
        #expect(try help(tasks("a: {uses: keeper}")) == "did you mean \"demo.keeper\"?")
        #expect(try help(tasks("a: {uses: demo.echo, catchup: all}")) == "did you mean \"catch_up\"?")
        #expect(
            try help(tasks("alpha: {uses: demo.echo}\nb: {uses: demo.echo, after: alhpa}")) == "did you mean \"alpha\"?"
        )
        #expect(
            try help("groups: {forge-api: 1}\n" + tasks("a: {uses: demo.echo, group: forge_api}"))
                == "did you mean \"forge-api\"?")
        #expect(try help(tasks("a: {uses: demo.echo, with: {mod: sad}}")) == "did you mean \"mood\"?")
        #expect(
            try help("version: 1\ntasks: {}\nwholly-different: 1")
                == "known keys: version, timezone, concurrency, defaults, groups, plugins, alerts, tasks")
    }
}
