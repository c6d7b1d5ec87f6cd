import Foundation
import Glibc
import InsightsPlugin
import Synchronization
import Testing

@testable import InsightsEngine

/// What a program printed, gathered from whatever thread hands it over.
final class Gathered: Sendable {
    private let pieces = Mutex<(output: [UInt8], error: [UInt8])>(([], []))

    func take(_ stream: CommandStream, _ bytes: [UInt8]) {
        pieces.withLock { pieces in
            switch stream {
            case .output: pieces.output += bytes
            case .error: pieces.error += bytes
            }
        }
    }

    var output: String { pieces.withLock { String(decoding: $0.output, as: UTF8.self) } }
    var error: String { pieces.withLock { String(decoding: $0.error, as: UTF8.self) } }
}

extension ProcessRunner {
    /// A runner whose waits are short.
    static func quick(
        in folder: String = "/", environment: [String: String] = ["PATH": "/usr/bin:/bin"],
        killAfter: Duration = .milliseconds(300)
    ) -> ProcessRunner {
        ProcessRunner(
            workingDirectory: folder, environment: environment,
            patience: Patience(killAfter: killAfter, drain: .milliseconds(50)))
    }

    func shell(_ script: String, input: String = "", timeout: Duration? = nil) async throws -> (CommandExit, Gathered) {
        let gathered = Gathered()
        let exit = try await run(
            CommandRequest(["sh", "-c", script], standardInput: Array(input.utf8), timeout: timeout),
            onOutput: gathered.take)
        return (exit, gathered)
    }
}

/// Whether a process still runs; a zombie does not.
func isRunning(_ pid: String) -> Bool {
    guard let file = fopen("/proc/\(pid.trimmingPrefix { $0 == " " })/stat", "r") else { return false }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    guard fgets(&line, 512, file) != nil else { return false }
    let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    return !text.contains(") Z") && !text.contains(") X")
}

/// A folder of its own, removed with the value.
final class CommandFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/insights-commands-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    func write(_ name: String, _ text: String, mode: mode_t = 0o644) -> String {
        let file = path + "/" + name
        let handle = fopen(file, "w")!
        fputs(text, handle)
        fclose(handle)
        chmod(file, mode)
        return file
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)  // a folder left in /tmp fails no test
    }
}

@Suite("Running programs")
struct ProcessRunnerTests {
    @Test("A program's output comes apart by stream, and its status is told")
    func statusAndStreams() async throws {
        let (exit, printed) = try await ProcessRunner.quick().shell("echo out; echo err >&2; exit 7")
        #expect(exit == .exited(7))
        #expect(printed.output == "out\n")
        #expect(printed.error == "err\n")
    }

    @Test("A program that a signal ends says which")
    func signal() async throws {
        let (exit, _) = try await ProcessRunner.quick().shell("kill -SEGV $$")
        #expect(exit == .signalled(SIGSEGV))
    }

    @Test("A program gets the named variables of the host, its own, and no other")
    func environment() async throws {
        let runner = ProcessRunner.quick(environment: [
            "PATH": "/usr/bin:/bin", "HOME": "/h", "TZ": "UTC", "SECRET": "no", "LD_PRELOAD": "",
        ])
        let gathered = Gathered()
        let request = CommandRequest(["env"], environment: ["GREETING": "a=b", "TZ": "Europe/Berlin"])
        _ = try await runner.run(request, onOutput: gathered.take)
        #expect(
            gathered.output.split(separator: "\n").sorted() == [
                "GREETING=a=b", "HOME=/h", "PATH=/usr/bin:/bin", "TZ=Europe/Berlin",
            ])
    }

    @Test("Arguments arrive as they are: no shell sees them")
    func arguments() async throws {
        let gathered = Gathered()
        let arguments = ["$HOME", "a b", "*", "", "'\"\\", "ä\n"]
        _ = try await ProcessRunner.quick().run(
            CommandRequest(["printf", "<%s>"] + arguments), onOutput: gathered.take)
        #expect(gathered.output == arguments.map { "<\($0)>" }.joined())
    }

    @Test("A relative folder and a relative program count from the runner's folder")
    func workingDirectory() async throws {
        let folder = CommandFolder()
        mkdir(folder.path + "/inner", 0o755)
        _ = folder.write("inner/tell", "#!/bin/sh\npwd\n", mode: 0o755)
        let gathered = Gathered()
        let exit = try await ProcessRunner.quick(in: folder.path).run(
            CommandRequest(["./tell"], workingDirectory: "inner"), onOutput: gathered.take)
        #expect(exit == .exited(0))
        #expect(gathered.output == folder.path + "/inner\n")
    }

    @Test("Input larger than any pipe arrives whole while the program prints as much")
    func largeInput() async throws {
        let text = String(repeating: "0123456789abcdef", count: 1 << 16)
        let (exit, printed) = try await ProcessRunner.quick().shell("cat", input: text)
        #expect(exit == .exited(0))
        #expect(printed.output == text)
    }

    @Test("A program that does not read its input is no failure")
    func unreadInput() async throws {
        let text = String(repeating: "x", count: 1 << 20)
        let (exit, _) = try await ProcessRunner.quick().shell("exec 0<&-; exit 3", input: text)
        #expect(exit == .exited(3))
    }

    @Test("Without input a program reads its end at once")
    func noInput() async throws {
        let (exit, printed) = try await ProcessRunner.quick().shell("wc -c")
        #expect(exit == .exited(0))
        #expect(printed.output == "0\n")
    }

    @Test("A program waits for a slow consumer instead of filling the memory")
    func backpressure() async throws {
        let seen = Mutex((bytes: 0, largest: 0))
        let exit = try await ProcessRunner.quick().run(
            CommandRequest(["head", "-c", "67108864", "/dev/zero"])
        ) { _, bytes in
            seen.withLock {
                $0.bytes += bytes.count
                $0.largest = max($0.largest, bytes.count)
            }
        }
        #expect(exit == .exited(0))
        #expect(seen.withLock { $0.bytes } == 64 << 20)
        #expect(seen.withLock { $0.largest } <= 64 << 10)
    }

    @Test("A program inherits no descriptor, however many the daemon holds", arguments: [false, true])
    func descriptors(withInput: Bool) async throws {
        let held = (0..<20).map { _ in open("/dev/null", O_RDONLY) }
        defer { held.forEach { close($0) } }
        let (_, printed) = try await ProcessRunner.quick().shell("ls /proc/$$/fd", input: withInput ? "x" : "")
        #expect(printed.output.split(separator: "\n").sorted() == ["0", "1", "2"])
    }

    @Test("A program starts with every signal at its default and none blocked")
    func signals() async throws {
        let (_, printed) = try await ProcessRunner.quick().shell("grep -E '^Sig(Blk|Ign)' /proc/self/status")
        // 32 and 33 are the C library's own.
        let masks = printed.output.split(separator: "\n").map {
            UInt64($0.suffix(16), radix: 16).map { $0 & 0x7fff_ffff }
        }
        #expect(masks == [0, 0])
    }
}
