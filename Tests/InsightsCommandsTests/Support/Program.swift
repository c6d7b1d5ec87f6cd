import Foundation
import Glibc
import InsightsPlugin
import Synchronization
import Testing

/// The built program, run as a process in a place of its own, with its output in files; killed when its test forgets it.
///
/// No process that has ended may be left unasked after: the exit tests of Swift Testing wait for whichever child ends next,
/// see the same one again and again, and never hear of their own.
final class Program: Sendable {
    /// How a program ended, by itself or by a signal, and all it said.
    struct Ended: Sendable {
        /// As a shell tells it: 128 and the number when a signal ended it.
        let status: Int32
        let output: String
        let complaints: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
        var json: Value { get throws { try Value(json: output.utf8) } }
    }

    let pid: pid_t
    /// As `waitpid` told it; `nil` until somebody asked after its end.
    private let endStatus = Mutex<Int32?>(nil)
    private let outputPath: String
    private let complaintsPath: String

    /// Beside the test bundle, where the build puts it.
    static let path: String = {
        let bundle = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let folder = ((bundle ?? CommandLine.arguments[0]) as NSString).deletingLastPathComponent
        return folder + "/insights"
    }()

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - arguments: The program first.
    ///   - environment: All of it; nothing is inherited but `PATH`.
    init(_ arguments: [String], in folder: String, environment: [String: String] = [:]) throws {
        let id = UUID().uuidString
        outputPath = folder + "/.\(id).out"
        complaintsPath = folder + "/.\(id).err"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, complaintsPath, flags, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The test runner may ignore or block what these tests send.
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var variables = environment
        variables["PATH"] = environment["PATH"] ?? ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        // Glibc's way to start in another folder is not visible to Swift; a shell that is replaced by the program does.
        let command = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder] + arguments
        let argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        let envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let problem = posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, envp)
        try #require(problem == 0, "cannot start \(arguments[0]): \(String(cString: strerror(problem)))")
        self.pid = pid
    }

    deinit {
        guard !hasEnded() else { return }
        kill(pid, SIGKILL)
        while waitpid(pid, nil, 0) < 0, errno == EINTR {}
    }

    var output: String { Program.text(outputPath) }
    var complaints: String { Program.text(complaintsPath) }

    /// The end of all it said, for whoever reads of a test that failed.
    private var lastWords: String { "output: \(output.suffix(4000))\ncomplaints: \(complaints.suffix(4000))" }

    func send(_ signal: Int32) { kill(pid, signal) }

    func hasEnded() -> Bool { reap(WNOHANG) != nil }

    /// Asks after its end, and takes it off the system's list when it has come.
    private func reap(_ options: Int32) -> Int32? {
        endStatus.withLock { known in
            var status: Int32 = 0
            if known == nil, waitpid(pid, &status, options) != 0 { known = status }
            return known
        }
    }

    /// Waits for the program's end.
    ///
    /// - Parameter patience: Seconds, after which it is killed and the test fails.
    func ended(within patience: Double = 120) async throws -> Ended {
        let deadline = ContinuousClock.now + .seconds(patience)
        while !hasEnded() {
            if ContinuousClock.now > deadline {
                kill(pid, SIGKILL)
                Issue.record("still running after \(patience) s\n\(lastWords)")
                break
            }
            try await Task.sleep(for: .milliseconds(4))
        }
        let status = reap(0) ?? 0
        let signal = status & 0x7F
        return Ended(
            status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, output: output, complaints: complaints)
    }

    /// Waits until `condition` holds.
    func wait(
        _ what: Comment, within patience: Double = 120, sourceLocation: SourceLocation = #_sourceLocation,
        until condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(patience)
        while try await !condition() {
            if ContinuousClock.now > deadline {
                Issue.record(
                    "\(what): not within \(patience) s\n\(lastWords)",
                    sourceLocation: sourceLocation)
                throw CancellationError()
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Waits until a run is going, one of `task` if that is given.
    func waitForRun(
        in place: Place, of task: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await wait("a run of \(task ?? "any task")", sourceLocation: sourceLocation) {
            try await place.history("--status", "running").contains { task == nil || $0["task"]?.string == task }
        }
    }

    /// Waits until standard error has `text`.
    func waitForComplaint(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await wait("\(text) on standard error", sourceLocation: sourceLocation) { complaints.contains(text) }
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
