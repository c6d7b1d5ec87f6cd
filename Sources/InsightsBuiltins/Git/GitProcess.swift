internal import InsightsPlugin
internal import Synchronization

/// Runs git so that nothing but the objects it is given, and what insights says, changes what it does.
struct GitProcess: Sendable {
    /// git's end other than success.
    struct Failed: Error {
        /// The last of what it said, as text.
        let stderr: String
    }

    /// Keeps the end of what a program says on standard error.
    private final class Words: Sendable {
        private let bytes = Mutex<[UInt8]>([])

        func take(_ piece: [UInt8]) {
            bytes.withLock { bytes in
                bytes += piece
                if bytes.count > 16 << 10 { bytes.removeFirst(bytes.count - (8 << 10)) }
            }
        }

        var text: String { bytes.withLock { repairedText($0) } }
    }

    private let commands: any CommandRunner
    private let environment: [String: String]
    private let configuration: [(key: String, value: String)]
    private let workingDirectory: String

    /// Creates a runner of git.
    ///
    /// - Parameters:
    ///   - environment: Added to what every git is given.
    ///   - configuration: Added to what every git is told by `-c`; the last of equal keys wins.
    ///   - workingDirectory: Any folder that exists.
    init(
        _ commands: any CommandRunner, environment: [String: String], configuration: [(key: String, value: String)],
        workingDirectory: String
    ) {
        self.commands = commands
        self.environment = GitProcess.commonEnvironment.merging(environment) { $1 }
        self.configuration = GitProcess.commonConfiguration + configuration
        self.workingDirectory = workingDirectory
    }

    /// Runs git to its end.
    ///
    /// - Parameters:
    ///   - arguments: The command and its arguments.
    ///   - input: For its standard input.
    ///   - timeout: `nil`: the run's own.
    ///   - onOutput: Called with each piece of standard output, in order.
    /// - Throws: ``Failed`` when git does not succeed; what the command runner throws.
    func run(
        _ arguments: [String], input: [UInt8] = [], timeout: Duration? = nil,
        onOutput: @escaping @Sendable ([UInt8]) throws -> Void = { _ in }
    ) async throws {
        let words = Words()
        let options = configuration.flatMap { ["-c", "\($0.key)=\($0.value)"] }
        let request = CommandRequest(
            ["git"] + options + arguments, workingDirectory: workingDirectory, environment: environment,
            standardInput: input, timeout: timeout)
        let exit = try await commands.run(request) { stream, bytes in
            switch stream {
            case .output: try onOutput(bytes)
            case .error: words.take(bytes)
            }
        }
        guard exit == .exited(0) else { throw Failed(stderr: words.text) }
    }

    /// Runs git and returns its standard output whole: for answers that are known to be short.
    func output(_ arguments: [String], input: [UInt8] = [], timeout: Duration? = nil) async throws -> [UInt8] {
        let gathered = Mutex<[UInt8]>([])
        try await run(arguments, input: input, timeout: timeout) { bytes in gathered.withLock { $0 += bytes } }
        return gathered.withLock { $0 }
    }

    /// No prompt, no pager, messages in English, no lock that a reader does not need, no network for a
    /// missing object (older gits do not know the name, and are stopped by `protocol.allow`), no replaced
    /// objects: what counts is what the tips name.
    private static let commonEnvironment = [
        "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "GIT_PAGER": "cat", "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_ATTR_NOSYSTEM": "1",
    ]

    /// No hook, no monitor, no password dialogue, no protocol but those that are allowed after this.
    private static let commonConfiguration: [(key: String, value: String)] = [
        ("core.hooksPath", "/dev/null"), ("core.fsmonitor", "false"), ("core.askPass", ""),
        ("core.attributesFile", "/dev/null"), ("protocol.allow", "never"), ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ]
}
