internal import Glibc
package import InsightsPlugin

/// Runs programs for task modules: each in a process group of its own, without a shell.
///
/// Written on `posix_spawn` and not on swift-subprocess, because that library (1.0) tells its caller of the
/// end of a program's *output* and not of the program: a grandchild that keeps the pipe open would hang the
/// run, and the group of a leader that ended by itself would never be ended. Here a thread per program polls
/// its pipes, its end, the deadline and cancellation alike.
///
/// Of each program: it inherits no descriptor but 0, 1 and 2, no signal mask and no ignored signal; its
/// output is read 64 KiB at a time, so that memory stays bounded whatever it prints; once its leader has
/// ended, what is left of the group gets SIGTERM and, 5 s later, SIGKILL. A descendant that made a session
/// of its own has left the group and is not followed.
package struct ProcessRunner: CommandRunner {
    /// Waiting times, which tests shorten.
    struct Patience: Sendable {
        /// From SIGTERM to SIGKILL.
        var killAfter: Duration = .seconds(5)
        /// How long output is still read once the leader ended, when a descendant holds the pipe.
        var drain: Duration = .milliseconds(250)
    }

    /// What a program is given of the host's environment, as far as the host has it.
    static let inheritedNames = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"]

    private let workingDirectory: String
    private let environment: [String: String]
    private let patience: Patience

    /// Creates a runner.
    ///
    /// - Parameters:
    ///   - workingDirectory: The manifest's folder, absolute.
    ///   - environment: The host's; only `PATH HOME LANG LC_ALL TZ TMPDIR` of it are passed on.
    package init(workingDirectory: String, environment: [String: String]) {
        self.init(workingDirectory: workingDirectory, environment: environment, patience: Patience())
    }

    init(workingDirectory: String, environment: [String: String], patience: Patience) {
        self.workingDirectory = workingDirectory
        self.environment = environment.filter { ProcessRunner.inheritedNames.contains($0.key) }
        self.patience = patience
    }

    /// Runs a program to its end, as ``CommandRunner`` says, on two threads of its own.
    ///
    /// Besides the contract's codes: `bad_command` (an argument or variable that no program can be given),
    /// `bad_working_directory` (both not retryable), `command_not_started` (the system lacks processes,
    /// memory or descriptors; retryable).
    package func run(
        _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
    ) async throws -> CommandExit {
        try Task.checkCancellation()
        let wakeup = try Wakeup()
        let directory = request.workingDirectory.map { ProgramLookup.absolute($0, in: workingDirectory) }
        let launch = ProgramLaunch(
            arguments: request.arguments, workingDirectory: directory ?? workingDirectory,
            environment: environment.merging(request.environment) { $1 },
            path: environment["PATH"] ?? ProgramLookup.defaultPath)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let started = DetachedThread.start {
                    continuation.resume(
                        with: Result {
                            var supervision = try ProcessSupervision(
                                launch, input: request.standardInput, timeout: request.timeout,
                                patience: patience, wakeup: wakeup)
                            return try supervision.run(onOutput)
                        })
                }
                if !started { continuation.resume(throwing: RunFailure.notStarted(launch.name, EAGAIN)) }
            }
        } onCancel: {
            wakeup.post(.cancelled)
        }
    }
}

extension RunFailure {
    /// The system could not start a program now.
    static func notStarted(_ name: String, _ code: Int32) -> RunFailure {
        RunFailure(
            "command_not_started", "the system cannot start \"\(name)\" now: \(String(cString: strerror(code)))",
            retryable: true)
    }
}
