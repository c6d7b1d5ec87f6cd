public import InsightsPlugin
internal import Synchronization

/// A command runner that runs nothing: it answers as a test wrote down, and remembers what it was asked.
public final class ScriptedCommands: CommandRunner {
    /// What a program does when it is run.
    public struct Answer: Sendable {
        /// What it prints, piece by piece.
        public var pieces: [(stream: CommandStream, bytes: [UInt8])]
        /// How it ends, or why it cannot be run.
        public var end: Result<CommandExit, RunFailure>

        /// Creates an answer that prints whole texts.
        public init(output: String = "", error: String = "", exit: CommandExit = .exited(0)) {
            pieces = []
            if !output.isEmpty { pieces.append((.output, Array(output.utf8))) }
            if !error.isEmpty { pieces.append((.error, Array(error.utf8))) }
            end = .success(exit)
        }

        /// Creates an answer of pieces, as a pipe may cut them.
        public init(pieces: [(stream: CommandStream, bytes: [UInt8])], exit: CommandExit = .exited(0)) {
            self.pieces = pieces
            end = .success(exit)
        }

        /// Creates the answer of a program that cannot be run.
        public init(failure: RunFailure) {
            pieces = []
            end = .failure(failure)
        }
    }

    private let answer: @Sendable (CommandRequest) -> Answer?
    private let asked = Mutex<[CommandRequest]>([])

    /// Creates a runner.
    ///
    /// - Parameter answer: Called for each request; `nil` is a program that is not there.
    public init(_ answer: @escaping @Sendable (CommandRequest) -> Answer? = { _ in nil }) { self.answer = answer }

    /// Every request so far, in order.
    public var requests: [CommandRequest] { asked.withLock { $0 } }

    /// Answers as scripted.
    public func run(
        _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
    ) async throws -> CommandExit {
        try Task.checkCancellation()
        asked.withLock { $0.append(request) }
        guard let answer = answer(request) else {
            let name = request.arguments.first ?? ""
            throw RunFailure("command_not_found", "the test scripts no program \"\(name)\"", retryable: false)
        }
        for piece in answer.pieces { try onOutput(piece.stream, piece.bytes) }
        return try answer.end.get()
    }
}
