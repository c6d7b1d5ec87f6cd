import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsTesting
import Logging
import Testing

@testable import InsightsBuiltins

/// A host whose programs are real.
func realHost(_ module: some TaskModule, in folder: String = "/") -> RecordingHost {
    let environment = ProcessInfo.processInfo.environment
    return RecordingHost(
        module.declaration, commands: ProcessRunner(workingDirectory: folder, environment: environment))
}

@Suite("command.run")
struct CommandRunTests {
    private let module = CommandRun()

    /// Runs a shell script, as a program like any other.
    private func shell(
        _ script: String, _ parameters: ValueObject = [:], host: RecordingHost? = nil
    ) async -> (result: Result<String?, any Error>, host: RecordingHost) {
        let host = host ?? realHost(module)
        var parameters = parameters
        parameters["argv"] = ["sh", "-c", .string(script)]
        do {
            return (.success(try await host.run(module, with: .object(parameters))), host)
        } catch {
            return (.failure(error), host)
        }
    }

    private func failure(_ script: String, _ parameters: ValueObject = [:]) async -> RunFailure? {
        if case .failure(let error) = await shell(script, parameters).result { error as? RunFailure } else { nil }
    }

    @Test("It passes the exam of every module")
    func exam() async {
        let points = await ModuleExam(module) { _ in realHost(CommandRun()) }.points()
        #expect(points.filter { !$0.passed } == [])
    }

    @Test("What a program prints is in the run's log, line by line, with its stream")
    func output() async throws {
        let (result, host) = await shell("echo one; echo; echo two; printf three; echo four >&2")
        #expect(try result.get() == "5 lines of output")
        let byStream = Dictionary(grouping: host.lines) { $0.fields["stream"] ?? "" }.mapValues { $0.map(\.message) }
        #expect(byStream == ["stdout": ["one", "", "two", "three"], "stderr": ["four"]])
        #expect(host.lines.allSatisfy { $0.level == .info })
    }

    @Test("What is not UTF-8, and NUL, becomes U+FFFD")
    func encoding() async {
        let (_, host) = await shell(#"printf 'a\377b\000c\n'"#)
        #expect(host.lines.map(\.message) == ["a\u{FFFD}b\u{FFFD}c"])
    }

    @Test("Standard input, folder and environment arrive; the run is named in the environment")
    func surroundings() async throws {
        let clock = ManualClock(Instant(seconds: 1_767_225_600))
        let host = RecordingHost(
            module.declaration, clock: clock,
            commands: ProcessRunner(workingDirectory: "/", environment: ["PATH": "/usr/bin:/bin", "OTHER": "1"]))
        let script = "cat; pwd; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort"
        _ = await shell(
            script, ["stdin": "in\n", "cwd": "/tmp", "environment": ["A": "b c", "INSIGHTS_TASK": "forged"]], host: host
        )
        #expect(
            host.lines.map(\.message) == [
                "in", "/tmp", "A=b c", "INSIGHTS_ATTEMPT=1", "INSIGHTS_RUN_ID=01900000-0000-7000-8000-000000000000",
                "INSIGHTS_SCHEDULED_AT=2026-01-01T00:00:00.000Z", "INSIGHTS_TASK=test", "PATH=/usr/bin:/bin",
            ])
    }

    @Test("A status that does not mean success is a failure with the status and the last words")
    func status() async {
        let failure = await failure("echo why >&2; echo ' ' >&2; exit 3")
        #expect(failure == RunFailure("command_failed", "\"sh\" exited with 3: why", retryable: true))
    }

    @Test("A signal is named")
    func signal() async {
        let failure = await failure("kill -KILL $$")
        #expect(failure == RunFailure("command_failed", "\"sh\" was ended by SIGKILL", retryable: true))
    }

    @Test("The statuses that mean success are the task's choice")
    func success() async {
        #expect(await failure("exit 3", ["success": [0, 3]]) == nil)
        #expect(await failure("exit 0", ["success": [3]])?.code == "command_failed")
    }

    @Test("A program that is not there, or may not be run, is no reason to try again")
    func refused() async {
        for (program, code) in [("/no/such", "command_not_found"), ("/etc/passwd", "command_not_permitted")] {
            let failure = await #expect(throws: RunFailure.self) {
                try await realHost(module).run(module, with: ["argv": [.string(program)]])
            }
            #expect(failure?.code == code)
            #expect(failure?.isRetryable == false)
        }
    }

    @Test("Of a long output the beginning and the end are kept, each within the limit; the rest is counted and told")
    func limit() async throws {
        let (result, host) = await shell("seq 1 1000", ["output_limit": 20])
        #expect(try result.get() == "1000 lines of output")
        let beginning = (1...14).map(String.init)
        #expect(host.lines.prefix(14).map(\.message) == beginning)
        #expect(host.lines.dropFirst(15).map(\.message) == ["995", "996", "997", "998", "999", "1000"])
        #expect(host.lines[14].level == .warning)
        #expect(host.lines[14].message.contains("980 whole lines"))
    }

    @Test("A line is in the log while its program goes on")
    func live() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "insights-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let host = realHost(module, in: folder.path)
        let deadline = ContinuousClock.now + .seconds(60)
        async let ended = shell("echo begun; until [ -e go ]; do sleep 0.02; done; echo done", host: host)
        while host.lines.isEmpty, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(host.lines.map(\.message) == ["begun"])
        try Data().write(to: folder.appending(path: "go"))
        #expect(try await ended.result.get() == "2 lines of output")
        #expect(host.lines.map(\.message) == ["begun", "done"])
    }

    @Test("However much is printed, the log stays within what a run keeps, and ends with the end")
    func flood() async throws {
        let (_, host) = await shell("seq 1 300000; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last")
        func size(_ host: RecordingHost) -> Int { host.lines.reduce(0) { $0 + max(8, $1.message.utf8.count) } }
        #expect(size(host) <= (2 << 20) + 200)
        #expect(host.lines.last?.message == "last")
        let (_, many) = await shell("yes | head -n 500000; echo last")
        #expect(size(many) <= (2 << 20) + 200)
        #expect(many.lines.last?.message == "last")
    }

    @Test("1 MiB of short lines is kept whole")
    func wholeMebibyte() async throws {
        let (result, host) = await shell("seq -f %09.0f 1 104857")
        #expect(try result.get() == "104857 lines of output")
        #expect(host.lines.count == 104_857)
        #expect(host.lines.first?.message == "000000001")
    }

    @Test("Nothing is kept where nothing is asked for, and that is told")
    func keepsNothing() async {
        let (_, host) = await shell("echo; echo word", ["output_limit": 0])
        #expect(host.lines.map(\.level) == [.warning])
        #expect(host.lines.first?.message.hasPrefix("4 bytes of output") == true)
    }

    @Test("A program that fails within a line is told by its status and its words, not by the line")
    func cutShort() async {
        let cut = #"printf '{"kind":"disk","ke'; printf 'no disk' >&2; "#
        for (end, message) in [("exit 3", "exited with 3"), ("kill -KILL $$", "was ended by SIGKILL")] {
            let (result, host) = await shell(cut + end, ["samples": "json"])
            let failure = #expect(throws: RunFailure.self) { try result.get() }
            #expect(failure == RunFailure("command_failed", "\"sh\" \(message): no disk", retryable: true))
            #expect(host.lines.map(\.message) == ["no disk"])
        }
        let (result, host) = await shell(cut, ["samples": "json"])
        let failure = #expect(throws: RunFailure.self) { try result.get() }
        #expect(failure?.code == "bad_output")
        #expect(host.lines.map(\.message) == ["no disk"])
    }

    @Test("What no program can be given is found before anything runs")
    func problems() {
        func paths(_ parameters: Value) -> [[ParameterProblem.Step]] { module.problems(in: parameters).map(\.path) }
        #expect(paths(["argv": ["true", ""], "environment": ["A": "b=c"]]) == [])
        #expect(paths(["argv": ["", "x"]]) == [[.key("argv"), .index(0)]])
        #expect(paths(["argv": ["sh", "a\0"]]) == [[.key("argv"), .index(1)]])
        #expect(
            paths(["argv": ["sh"], "environment": ["A=B": "x", "": "y", "C": "\0", "D": "ok"]]) == [
                [.key("environment"), .key("A=B")], [.key("environment"), .key("")], [.key("environment"), .key("C")],
            ])
    }

    @Test("What a program printed is told also when it is ended")
    func toldAtTheEnd() async {
        let scripted = ScriptedCommands { _ in
            var answer = ScriptedCommands.Answer(failure: RunFailure("command_timeout", "slow", retryable: true))
            answer.pieces = [(.output, Array("so far\n".utf8))]
            return answer
        }
        let host = RecordingHost(module.declaration, commands: scripted)
        #expect(await shell("", host: host).host.lines.map(\.message) == ["so far"])
    }

    @Test("Lines of JSON are subjects and samples, and their metrics are declared as they come")
    func samples() async throws {
        let lines = """
            {"kind":"disk","key":"sda","name":"Disk A","url":null,"parent":{"kind":"host","key":"h"},"state":"archived"}
            {"subject":{"kind":"disk","key":"sda"},"metric":"free","at":"2026-01-04T02:00:00Z","value":12.5,"unit":"bytes"}
            {"subject":{"kind":"disk","key":"sda"},"metric":"reads","at":"2026-01-04T00:00:00Z","value":7,"shape":"daily","additive":false}
            {"subject":{"kind":"disk","key":"sda"},"metric":"top","at":"2026-01-04T00:00:00Z","shape":"ranking","value":[{"label":"a","value":2}]}
            """
        let (result, host) = await shell("cat; echo log >&2", ["stdin": .string(lines), "samples": "json"])
        #expect(try result.get() == "3 samples")
        let disk = SubjectReference(kind: "disk", key: "sda")
        let parent = SubjectReference(kind: "host", key: "h")
        let day = Instant(seconds: 1_767_484_800)
        #expect(
            host.emissions == [
                .subject(Subject(kind: "disk", key: "sda", name: "Disk A", parent: parent, state: .archived)),
                .sample(Sample(disk, "free", at: day.advanced(by: .seconds(7200)), 12.5)),
                .sample(Sample(disk, "reads", at: day, 7)),
                .sample(Sample(disk, "top", at: day, ranking: [RankedValue(label: "a", value: 2)])),
            ])
        #expect(host.lines.map(\.message) == ["log"])
    }

    @Test("Samples of a program that fails do not count")
    func samplesOfAFailure() async {
        let line = #"{"kind":"disk","key":"sda"}"#
        let (result, host) = await shell("cat; exit 1", ["stdin": .string(line), "samples": "json"])
        #expect(throws: RunFailure.self) { try result.get() }
        #expect(host.emissions.isEmpty)
    }

    static let badLines = [
        "", "hello", "[]", "1", "{", #"{"kind":"disk"}"#, #"{"kind":"disk","key":""}"#, #"{"kind":"disk","key":"SDA"}"#,
        #"{"kind":"my disk","key":"a"}"#, #"{"kind":"disk","key":"a\nb"}"#,
        #"{"kind":"disk","key":"a","external_id":""}"#,
        #"{"kind":"disk","key":"a","parent":{"kind":"disk","key":"a"}}"#,
        #"{"subject":{"kind":"my disk","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":1}"#,
        #"{"kind":"disk","key":"a","nmae":"x"}"#, #"{"kind":"disk","key":"a","name":1}"#,
        #"{"kind":"disk","key":"a","state":"asleep"}"#, #"{"kind":"disk","key":"a","parent":"x"}"#,
        #"{"kind":"disk","key":"a","parent":{"kind":"host"}}"#,
        #"{"metric":"m","at":"2026-01-04T00:00:00Z","value":1}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"M","at":"2026-01-04T00:00:00Z","value":1}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","value":1}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"yesterday","value":1}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z"}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":"1"}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":1e999}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":1,"shape":"round"}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":1,"additive":"yes"}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":1,"unti":"s"}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T02:00:00Z","value":1,"shape":"daily"}"#,
        #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":1,"shape":"ranking"}"#,
    ]

    @Test("Anything else on a line is bad output, told with its number", arguments: badLines)
    func badLine(line: String) async {
        let input = #"{"kind":"d","key":"a"}"# + "\n" + line + "\n"
        let failure = await failure("cat", ["stdin": .string(input), "samples": "json"])
        #expect(failure?.code == "bad_output")
        #expect(failure?.message.hasPrefix("line 2 ") == true, "\(failure?.message ?? "")")
        #expect(failure?.isRetryable == false)
    }

    @Test("A line that nests without end is bad output, and ends nothing but the run", arguments: [500, 200_000])
    func nested(depth: Int) async {
        let line = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(await failure("cat", ["stdin": .string(line), "samples": "json"])?.code == "bad_output")
    }

    @Test("A metric that changes its unit within a run is bad output")
    func changedMetric() async {
        func sample(_ rest: String) -> String {
            #"{"subject":{"kind":"d","key":"a"},"metric":"m","at":"2026-01-04T00:00:00Z","value":1"# + rest + "}\n"
        }
        let input = #"{"kind":"d","key":"a"}"# + "\n" + sample("") + sample(#","unit":"s""#)
        #expect(await failure("cat", ["stdin": .string(input), "samples": "json"])?.code == "bad_output")
    }

    @Test("A line of more than 1 MiB is bad output, and ends the program")
    func overlongLine() async {
        let failure = await failure("yes | tr -d '\\n'", ["samples": "json"])
        #expect(failure?.code == "bad_output")
    }
}
