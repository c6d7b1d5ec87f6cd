import Foundation
import Glibc
import InsightsPlugin
import Synchronization
import Testing

@testable import InsightsEngine

@Suite("Programs that cannot be run")
struct ProcessRunnerRefusalTests {
    private func failure(_ request: CommandRequest, in folder: String = "/") async -> RunFailure? {
        await #expect(throws: RunFailure.self) {
            try await ProcessRunner.quick(in: folder).run(request) { _, _ in }
        }
    }

    @Test(
        "A program that is not there is told with its place",
        arguments: [["no-such-program"], ["/no/such/program"], ["./no-such-program"], ["no-such-folder/x"]])
    func missing(arguments: [String]) async {
        let failure = await failure(CommandRequest(arguments))
        #expect(failure?.code == "command_not_found")
        #expect(failure?.isRetryable == false)
        #expect(failure?.message.contains(arguments[0].split(separator: "/").last!) == true)
    }

    @Test("A file that is no program is told with the reason")
    func notExecutable() async {
        let folder = CommandFolder()
        let plain = folder.write("plain", "#!/bin/sh\n")
        let shapeless = folder.write("shapeless", "neither\n", mode: 0o755)
        for (program, word) in [
            (plain, "chmod"), (folder.path, "folder"), (shapeless, "#!"), ("/dev/null", "ordinary"),
        ] {
            let failure = await failure(CommandRequest([program]))
            #expect(failure?.code == "command_not_permitted", "\(program)")
            #expect(failure?.isRetryable == false)
            #expect(failure?.message.contains(word) == true, "\(failure?.message ?? "")")
        }
    }

    @Test("A script whose interpreter is not there says so")
    func missingInterpreter() async {
        let folder = CommandFolder()
        let failure = await failure(CommandRequest([folder.write("script", "#!/no/such/interpreter\n", mode: 0o755)]))
        #expect(failure?.code == "command_not_found")
        #expect(failure?.message.contains("interpreter") == true)
    }

    @Test("A working directory that is not there is told, not taken for a missing program")
    func missingFolder() async {
        let failure = await failure(CommandRequest(["true"], workingDirectory: "/no/such/folder"))
        #expect(failure?.code == "bad_working_directory")
        #expect(failure?.message.contains("/no/such/folder") == true)
    }

    @Test("What no program can be given is refused before it starts")
    func unpassable() async {
        let requests = [
            CommandRequest([]), CommandRequest([""]), CommandRequest(["true", "a\0b"]),
            CommandRequest(["true"], environment: ["A=B": "x"]), CommandRequest(["true"], environment: ["": "x"]),
            CommandRequest(["true"], environment: ["A": "x\0"]),
            CommandRequest(["true", String(repeating: "x", count: 4 << 20)]),
        ]
        for request in requests {
            #expect(await failure(request)?.code == "bad_command")
        }
    }

    @Test("A program of a later folder of PATH is found behind one that may not be run")
    func pathOrder() async throws {
        let folder = CommandFolder()
        mkdir(folder.path + "/a", 0o755)
        mkdir(folder.path + "/b", 0o755)
        _ = folder.write("a/tool", "#!/bin/sh\nexit 1\n")
        _ = folder.write("b/tool", "#!/bin/sh\nexit 42\n", mode: 0o755)
        let runner = ProcessRunner.quick(environment: ["PATH": ":\(folder.path)/a:\(folder.path)/b"])
        #expect(try await runner.run(CommandRequest(["tool"])) { _, _ in } == .exited(42))
    }
}

@Suite("Programs that are ended")
struct ProcessRunnerEndingTests {
    @Test("A program that takes too long is ended, with its children, and says so")
    func timeout() async throws {
        let gathered = Gathered()
        let failure = await #expect(throws: RunFailure.self) {
            try await ProcessRunner.quick().run(
                CommandRequest(["sh", "-c", "sleep 60 & echo $!; wait"], timeout: .milliseconds(200)),
                onOutput: gathered.take)
        }
        #expect(failure?.code == "command_timeout")
        #expect(failure?.isRetryable == true)
        #expect(!gathered.output.isEmpty)
        #expect(!isRunning(gathered.output.filter(\.isNumber)))
    }

    @Test("A group that ignores SIGTERM gets SIGKILL, and what it prints meanwhile is still handed over")
    func stubborn() async throws {
        let gathered = Gathered()
        let script = "trap 'echo asked' TERM; sh -c 'trap \"\" TERM; echo $$; sleep 60' & while :; do sleep 0.05; done"
        let failure = await #expect(throws: RunFailure.self) {
            try await ProcessRunner.quick().run(
                CommandRequest(["sh", "-c", script], timeout: .milliseconds(300)), onOutput: gathered.take)
        }
        #expect(failure?.code == "command_timeout")
        #expect(gathered.output.contains("asked"))
        #expect(!isRunning(gathered.output.filter(\.isNumber)))
    }

    @Test("Cancelling the run ends the whole group before the call returns")
    func cancellation() async throws {
        let gathered = Gathered()
        let (started, signal) = AsyncStream<Void>.makeStream()
        let task = Task {
            try await ProcessRunner.quick().run(CommandRequest(["sh", "-c", "sleep 60 & echo $!; wait"])) {
                gathered.take($0, $1)
                signal.yield()
            }
        }
        for await _ in started { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(!isRunning(gathered.output.filter(\.isNumber)))
    }

    @Test("A run that is cancelled beforehand starts nothing")
    func cancelledBefore() async {
        let folder = CommandFolder()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await ProcessRunner.quick().run(CommandRequest(["touch", folder.path + "/made"])) { _, _ in }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(access(folder.path + "/made", F_OK) != 0)
    }

    @Test("A consumer's failure ends the program and comes out as it is")
    func consumerFailure() async {
        struct Enough: Error {}
        let calls = Mutex(0)
        await #expect(throws: Enough.self) {
            try await ProcessRunner.quick().run(CommandRequest(["yes"])) { _, _ in
                calls.withLock { $0 += 1 }
                throw Enough()
            }
        }
        #expect(calls.withLock { $0 } == 1)
    }

    @Test("A child that keeps the output open neither hangs the run nor outlives it")
    func grandchild() async throws {
        let (exit, printed) = try await ProcessRunner.quick().shell("sleep 60 & echo $!; exit 4")
        #expect(exit == .exited(4))
        #expect(!isRunning(printed.output.filter(\.isNumber)))
    }

    @Test("A child that closed its output and ignores SIGTERM does not outlive the run either")
    func silentGrandchild() async throws {
        let script = "sh -c 'trap \"\" TERM; while :; do sleep 1; done' >/dev/null 2>&1 & echo $!; sleep 0.1"
        let (exit, printed) = try await ProcessRunner.quick().shell(script)
        #expect(exit == .exited(0))
        #expect(!isRunning(printed.output.filter(\.isNumber)))
    }

    @Test("A child in a session of its own that holds the output does not hang the run")
    func ownSession() async throws {
        let (exit, printed) = try await ProcessRunner.quick().shell("setsid sleep 60 & echo $!; exit 0")
        #expect(exit == .exited(0))
        if let pid = pid_t(printed.output.filter(\.isNumber)) { kill(pid, SIGKILL) }
    }

    @Test("Output of the last moment is not lost")
    func lastOutput() async throws {
        for _ in 0..<50 {
            let (_, printed) = try await ProcessRunner.quick().shell("head -c 60000 /dev/zero | tr '\\0' x")
            #expect(printed.output.utf8.count == 60000)
        }
    }

    @Test("Hundreds of programs at once leave no descriptor and no zombie behind")
    func leaks() async throws {
        /// The pipes this process holds, by inode: other suites run in it too, so only what stays is a leak.
        func pipes() -> Set<String> {
            var found: Set<String> = []
            // A descriptor may be closed by others while it is looked at: then it is no leak.
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(entry)")
                if let target, target.hasPrefix("pipe:") { found.insert(target) }
            }
            return found
        }
        let runner = ProcessRunner.quick()
        let before = pipes()
        try await withThrowingTaskGroup(of: CommandExit.self) { group in
            for index in 0..<200 {
                group.addTask { try await runner.shell("exit \(index % 100)", input: "x").0 }
            }
            for try await exit in group { #expect(exit != .signalled(SIGKILL)) }
        }
        var left = pipes().subtracting(before)
        for _ in 0..<500 where left.count >= 100 {
            _ = try await runner.shell("true")
            left.formIntersection(pipes())
        }
        #expect(left.count < 100)
    }
}
