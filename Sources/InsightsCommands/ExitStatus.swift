/// How the program ends, after `sysexits(3)` where it has a word for it.
package enum ExitStatus: Int32, Sendable {
    /// Done; also a `serve` that was asked to stop.
    case success = 0
    /// A task did not succeed.
    case taskFailed = 1
    /// A wrong flag or value, an unknown task or run.
    case usage = 64
    /// The database or the server is out of reach.
    case unavailable = 69
    /// Another process runs tasks on the database.
    case alreadyRunning = 75
    /// The manifest, the environment or `.env` is wrong.
    case configuration = 78
    /// Ended by SIGHUP: the terminal is gone.
    case hungUp = 129
    /// Ended by SIGINT.
    case interrupted = 130
    /// Ended by SIGTERM.
    case terminated = 143

    /// The end that a signal makes, 128 and its number as shells tell it.
    package static func signalled(_ signal: Int32) -> ExitStatus {
        ExitStatus(rawValue: 128 + signal) ?? .terminated
    }
}
