internal import InsightsEngine

/// Why a command ends without success: the exit status, what happened, and the way out.
struct CommandFailure: Error, Sendable, CustomStringConvertible {
    let status: ExitStatus
    /// For people, one sentence without a full stop; empty when everything has been said already.
    let message: String
    /// The way out.
    let help: String?

    init(_ status: ExitStatus, _ message: String, help: String? = nil) {
        self.status = status
        self.message = message
        self.help = help
    }

    /// Of a store: a second process that runs tasks is 75, a wrong URL or query is usage, all else is out of reach.
    init(_ error: StoreError) {
        let status: ExitStatus =
            switch error.kind {
            case .alreadyRunning: .alreadyRunning
            case .invalid: .usage
            case .unavailable, .damaged, .schemaTooNew, .leaseLost: .unavailable
            }
        self.init(status, error.message, help: error.help)
    }

    /// An end whose reason has been told already.
    static func told(_ status: ExitStatus) -> CommandFailure { CommandFailure(status, "") }

    /// `error: …`, and `help: …` on a line of its own.
    var description: String {
        if message.isEmpty { return "" }
        // Several errors are a line each; what a name or a path holds must not act on the terminal all the same.
        let lines = ("error: \(message)" + (help.map { "\n  help: \($0)" } ?? "")).split(
            separator: "\n", omittingEmptySubsequences: false)
        return lines.map { CellText.safe(String($0)) }.joined(separator: "\n")
    }
}

/// Asks a store, with its errors as failures of the command.
func stored<T: Sendable>(_ ask: () async throws(StoreError) -> T) async throws(CommandFailure) -> T {
    do throws(StoreError) {
        return try await ask()
    } catch {
        throw CommandFailure(error)
    }
}
