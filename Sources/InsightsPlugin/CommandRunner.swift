/// A program to run: no shell, a clean environment, a deadline.
public struct CommandRequest: Sendable {
    /// The program (looked up in the host's `PATH` when it holds no `/`) and its arguments; never empty.
    public var arguments: [String]
    /// The working directory; `nil` is the manifest's folder.
    public var workingDirectory: String?
    /// Added to the clean environment: `PATH HOME LANG LC_ALL TZ TMPDIR` of the host.
    public var environment: [String: String]
    /// Given to the program's standard input; empty closes it at once.
    public var standardInput: [UInt8]
    /// Ended (SIGTERM to the process group, SIGKILL 5 s later) when it takes longer; `nil`: the run's deadline.
    public var timeout: Duration?

    /// Creates a request.
    public init(
        _ arguments: [String], workingDirectory: String? = nil, environment: [String: String] = [:],
        standardInput: [UInt8] = [], timeout: Duration? = nil
    ) {
        self.arguments = arguments
        self.workingDirectory = workingDirectory
        self.environment = environment
        self.standardInput = standardInput
        self.timeout = timeout
    }
}

/// How a program ended.
public enum CommandExit: Hashable, Sendable {
    /// By itself, with this status.
    case exited(Int32)
    /// By this signal.
    case signalled(Int32)
}

/// Where a piece of a program's output came from.
public enum CommandStream: Sendable {
    /// Standard output.
    case output
    /// Standard error.
    case error
}

/// Runs programs for a run.
public protocol CommandRunner: Sendable {
    /// Runs a program to its end and hands over what it prints, piece by piece.
    ///
    /// - Parameter onOutput: Called with each piece as it comes, never from two threads at once; the
    ///   program waits (its pipe is full) while this works. Throwing ends the program's process group.
    /// - Returns: How it ended.
    /// - Throws: ``RunFailure`` `command_not_found`, `command_not_permitted` (neither retryable) or
    ///   `command_timeout` (retryable); `CancellationError` when the run is cancelled; what `onOutput`
    ///   throws. In every case the process group has ended before this returns.
    func run(
        _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
    ) async throws -> CommandExit
}
