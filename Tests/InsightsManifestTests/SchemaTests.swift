import Foundation
import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

/// A validator of JSON Schema that is not ours: Python's, where it is installed.
private enum Validator {
    static let isInstalled = (try? run(["-c", "import jsonschema"], input: "").status) == 0  // not installed: skipped

    /// Checks each of `instances` against `schema`.
    ///
    /// - Returns: The first problem of each, empty where there is none; the schema's own problem, if it has one, alone.
    static func problems(_ schema: Value, _ instances: [Value]) throws -> [String] {
        let script = """
            import json, sys, jsonschema
            given = json.load(sys.stdin)
            try:
                jsonschema.Draft202012Validator.check_schema(given["schema"])
            except jsonschema.SchemaError as error:
                print(json.dumps(["schema: " + error.message])); sys.exit()
            validator = jsonschema.Draft202012Validator(given["schema"])
            answers = [next((e.json_path + ": " + e.message for e in validator.iter_errors(i)), "") for i in given["instances"]]
            print(json.dumps([a[:300] for a in answers]))
            """
        let input = Value.object(["schema": schema, "instances": .array(instances)]).json
        let output = try run(["-W", "ignore", "-c", script], input: input).output
        return try Value(json: output.utf8).array?.compactMap(\.string) ?? []
    }

    private static func run(_ arguments: [String], input: String) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = FileHandle.nullDevice
        try process.run()
        let file = stdin.fileHandleForWriting
        Thread.detachNewThread {
            // A validator that ends early is noticed by its answer.
            try? file.write(contentsOf: Data(input.utf8))
            try? file.close()  // as above
        }
        let data = try stdout.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}

@Suite("JSON Schema")
struct SchemaTests {
    /// Manifests as JSON, which is YAML: the loader and the validator read the very same text.
    private static let accepted: [String] = [
        #"{"version": 1, "tasks": {}}"#, #"{"version": "1", "tasks": null}"#,
        #"{"version": 1, "tasks": {}, "timezone": "UTC", "concurrency": "8", "defaults": null, "groups": {"g": 1}, "plugins": [], "alerts": null}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo"}, "a-b_9": {"uses": "demo.keeper", "every": "1d"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "every": 90, "starting": "2026-01-04T02:00:00Z", "enabled": "YES", "description": 5}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "cron": "0 6 * * *", "timezone": "Asia/Tokyo", "enabled": false}}}"#,
        #"{"version": 1, "tasks": {"a": {"uses": "demo.echo"}, "b": {"uses": "demo.echo", "after": "a"}, "c": {"uses": "demo.echo", "after": ["a", "b"]}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "retry": 3, "priority": "-5", "blocking": "off", "timeout": "PT1H30M", "jitter": "1.5h", "keep": "1h30m"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "retry": {"attempts": 3, "delay": "10s", "factor": "1.5", "max_delay": 60}, "overlap": "queue", "on_start": "never"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "priority": "${P}", "timeout": "${T}", "overlap": "${O}", "enabled": "${E}"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"text": 5, "count": "3", "ratio": 0.5, "loud": "on", "mood": "sad", "wait": 5, "names": ["a", 1]}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"options": {"depth": 1}, "open": {"size": 1, "x": []}, "environment": {"A": 1}, "limits": {"a": 9}, "anything": [{}]}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.command", "with": {"argv": ["a"], "token": "x"}}}}"#,
        #"{"version": 1, "tasks": {"2024": {"uses": "demo.echo"}, "true": {"uses": "demo.echo"}, "t": {"uses": "demo.echo", "after": 2024}, "u": {"uses": "demo.echo", "after": [2024, true]}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"environment": null, "open": null, "count": null, "loud": null, "mood": null, "word": null, "anything": null}}}}"#,
        #"{"version": 1, "tasks": {}, "defaults": {"timeout": "30m", "retry": {"attempts": 3}, "group": "g"}, "groups": {"g": "2"}}"#,
        #"{"version": 1, "tasks": {}, "alerts": [{"webhook": "https://example.org", "on": ["failure"], "tasks": ["*"], "secret": "s"}]}"#,
    ]

    private static let refused: [String] = [
        "{}", #"{"version": 1}"#, #"{"tasks": {}}"#, #"{"version": 2, "tasks": {}}"#, #"{"version": 1, "tasks": []}"#,
        #"{"version": 1, "tasks": {}, "oops": 1}"#, #"{"version": 1, "tasks": {}, "concurrency": 0}"#,
        #"{"version": 1, "tasks": {}, "concurrency": "many"}"#, #"{"version": 1, "tasks": {}, "groups": {"g": 0}}"#,
        #"{"version": 1, "tasks": {}, "defaults": {"uses": "demo.echo"}}"#,
        #"{"version": 1, "tasks": {"T": {"uses": "demo.echo"}}}"#,
        #"{"version": 1, "tasks": {"t": {}}}"#, #"{"version": 1, "tasks": {"t": {"uses": "demo.ecko"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "evry": 1}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "every": 1, "cron": "@daily"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "every": "1y"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "every": "-1s"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "after": []}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "after": null}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.command", "with": {"argv": null}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "enabled": "maybe"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "overlap": "Skip"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "retry": {"factor": 0.5}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "retry": 101}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "priority": 1.5}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"txt": 1}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"count": 11}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"mood": "angry"}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"names": "a"}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"names": []}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"options": {}}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"word": "ABC"}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.echo", "with": {"limits": {"a": 10}}}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.command"}}}"#,
        #"{"version": 1, "tasks": {"t": {"uses": "demo.command", "with": {}}}}"#,
        #"{"version": 1, "tasks": {}, "alerts": [{"on": ["failure"]}]}"#,
        #"{"version": 1, "tasks": {}, "alerts": [{"webhook": "http://x", "on": ["all"]}]}"#,
    ]

    /// All but the one whose pattern is none, which no schema can hold.
    private func soundModules() throws -> Registry {
        try Registry([Plugin(name: "demo", version: "1", modules: [Demo.echo, Demo.command, Demo.keeper])])
    }

    @Test("A validator and the program agree", .enabled(if: Validator.isInstalled, "needs python3 with its jsonschema"))
    func agreement() throws {
        let schema = ManifestSchema.json(for: try soundModules())
        let environment = ["P": "5", "T": "1h", "O": "skip", "E": "yes"]
        for (texts, isAccepted) in [(Self.accepted, true), (Self.refused, false)] {
            let answers = try Validator.problems(schema, texts.map { try Value(json: $0.utf8) })
            #expect(answers.count == texts.count, "\(answers)")
            for (text, answer) in zip(texts, answers) {
                #expect(answer.isEmpty == isAccepted, "schema on \(text): \(answer)")
                let result = try load(text, environment: environment)
                #expect(
                    (result.manifest != nil) == isAccepted, "program on \(text): \(result.diagnostics.map(\.message))")
            }
        }
    }

    @Test(
        "Every default and example that a module declares fits its own schema",
        .enabled(if: Validator.isInstalled, "needs python3 with its jsonschema"))
    func parameters() throws {
        for module in try soundModules().modules {
            let schema = ManifestSchema.parameters(of: module.declaration)
            for parameter in module.declaration.parameters {
                let values = parameter.examples + [parameter.defaultValue].compactMap(\.self)
                let part = try #require(schema["properties"]?[parameter.name])
                #expect(try Validator.problems(part, values) == values.map { _ in "" })
            }
        }
    }

    @Test("Every key of the manifest is there, described")
    func complete() throws {
        let schema = ManifestSchema.json(for: try soundModules())
        let task = try #require(schema["$defs"]?["task"])
        let keys = try #require(task["properties"]?.object?.keys)
        let documented = [
            "uses", "description", "enabled", "with", "every", "cron", "after", "starting", "timezone", "on_start",
            "catch_up",
            "catch_up_limit", "overlap", "jitter", "timeout", "retry", "on_lost", "priority", "group", "blocking",
            "keep", "retention",
        ]
        #expect(Set(keys) == Set(documented))
        #expect(
            Set(schema["properties"]?["defaults"]?["properties"]?.object?.keys ?? []) == Set(documented.dropFirst(9)))
        for properties in [schema["properties"], task["properties"]] {
            for (key, value) in try #require(properties?.object) where key != "alerts" {
                #expect(value["description"]?.string?.isEmpty == false, "\(key)")
            }
        }
    }

    @Test("A parameter's schema says what the module says of it")
    func declared() throws {
        let schema = ManifestSchema.parameters(of: Demo.echo.declaration)
        #expect(schema["type"] == "object")
        #expect(schema["additionalProperties"] == false)
        #expect(
            schema["properties"]?["count"] == [
                "type": "integer", "minimum": 1, "maximum": 10, "description": "How often.", "default": 3,
            ])
        #expect(
            schema["properties"]?["token"] == [
                "type": "string", "maxLength": 12, "description": "Who is asking.", "writeOnly": true,
            ])
        #expect(
            schema["properties"]?["word"] == [
                "type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$", "description": "A word.",
            ])
        #expect(schema["properties"]?["options"]?["required"] == ["depth"])
        #expect(
            schema["properties"]?["environment"] == [
                "type": "object", "additionalProperties": ["type": "string"], "description": "Names and values.",
            ])
        #expect(schema["properties"]?["at"]?["format"] == "date-time")
        let command = ManifestSchema.parameters(of: Demo.command.declaration)
        #expect(command["required"] == ["argv"])
        #expect(command["properties"]?["argv"]?["examples"] == [["true"]])
    }
}
