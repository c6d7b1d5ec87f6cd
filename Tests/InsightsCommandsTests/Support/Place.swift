import Foundation
import Glibc
import InsightsPlugin
import Testing

/// A folder of its own for one test, with a manifest in it; gone when the test is.
final class Place: Sendable {
    /// A shell script that goes on until there is a file `go`, or the place is gone: no test leaves it behind.
    static let hold = "until [ -e go ] || [ ! -e tasks.yaml ]; do sleep 0.02; done"

    let path: String

    /// - Parameter tasks: The lines below `tasks:`, indented by two.
    init(_ tasks: String = "", top: String = "") throws {
        path = (NSTemporaryDirectory() as NSString).appendingPathComponent("insights-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try manifest(tasks, top: top)
    }

    deinit {
        // A file that cannot be removed fails no test.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes the manifest anew, at once.
    func manifest(_ tasks: String, top: String = "") throws {
        try write("tasks.yaml", "version: 1\n\(top)tasks:\(tasks.isEmpty ? " {}" : "")\n\(tasks)\n")
    }

    /// Writes a file by replacing it.
    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

    func text(_ name: String) -> String {
        FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Starts `insights`.
    func start(_ arguments: String..., environment: [String: String] = [:]) throws -> Program {
        try Program([Program.path] + arguments, in: path, environment: environment)
    }

    /// Runs `insights` to its end.
    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> Program.Ended {
        try await Program([Program.path] + arguments, in: path, environment: environment).ended()
    }

    /// Runs `insights` to its end with a terminal of 100 columns as all of its standard streams.
    ///
    /// - Parameter typed: Sent to the terminal once `afterSeeing` has appeared, e.g. Ctrl-C.
    func runOnTerminal(
        _ arguments: String..., environment: [String: String] = [:], typed: String = "", afterSeeing: String = ""
    ) async throws -> Program.Ended {
        try write("terminal.py", Place.terminalScript)
        var environment = environment
        environment["TERM"] = environment["TERM"] ?? "xterm"
        let command = ["python3", path + "/terminal.py", typed, afterSeeing, Program.path] + arguments
        return try await Program(command, in: path, environment: environment).ended()
    }

    /// Starts `insights serve` on a port that the system chooses, and waits until it is ready.
    ///
    /// - Returns: The program and its port.
    func serve(
        _ arguments: String..., environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> (program: Program, port: UInt16) {
        let program = try Program(
            [Program.path, "serve", "--port", "0"] + arguments, in: path, environment: environment)
        try await program.waitForComplaint("ready: ", sourceLocation: sourceLocation)
        let line = try #require(program.complaints.split(separator: "\n").first { $0.contains("ready: ") })
        let digits = line.split(separator: "ready: ")[1].drop { $0 != "1" }.split(separator: ":")
        let port = digits.count > 1 ? UInt16(digits[1].prefix { $0.isNumber }) : nil
        return (program, port ?? 0)
    }

    /// Runs of a task as `history --json` tells them, newest first.
    func history(_ arguments: String...) async throws -> [Value] {
        let command = [Program.path, "history", "--json", "--limit", "10000"] + arguments
        let ended = try await Program(command, in: path).ended()
        try #require(ended.status == 0, "\(ended.complaints)")
        return try #require(ended.json.array)
    }

    private static let terminalScript = """
        import fcntl, os, pty, select, struct, sys, termios
        typed, after, command = sys.argv[1], sys.argv[2], sys.argv[3:]
        pid, terminal = pty.fork()
        if pid == 0:
            # The window has its size before the program looks.
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            os.execv(command[0], command)
        seen = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
            if typed and after.encode() in seen:
                os.write(terminal, typed.encode())
                typed = ""
        os.write(1, seen.replace(b"\\r\\n", b"\\n"))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.exit(status if status >= 0 else 128 - status)
        """
}
