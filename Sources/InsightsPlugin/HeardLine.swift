public import Logging

/// A line that a module heard some time ago and hands over only now, such as the end of a program's output.
public struct HeardLine: Sendable {
    /// When it was heard.
    public var at: Instant
    /// How loud.
    public var level: Logger.Level
    /// What.
    public var message: String
    /// The fields beside it.
    public var metadata: Logger.Metadata

    /// Creates a line.
    public init(at: Instant, level: Logger.Level, _ message: String, metadata: Logger.Metadata = [:]) {
        self.at = at
        self.level = level
        self.message = message
        self.metadata = metadata
    }
}

extension RunHost {
    /// Logs them one by one, at the time of the call.
    public func log(end lines: [HeardLine]) {
        for line in lines { logger.log(level: line.level, "\(line.message)", metadata: line.metadata) }
    }
}

extension RunContext {
    /// Logs the end of something too long to be logged whole, each line with the instant at which it was heard.
    ///
    /// It has room of its own, 1 MiB an attempt beside that of ``logger``, and what a run's log held before makes way
    /// for it: the end of what is said is what a person looks for.
    public func log(end lines: [HeardLine]) { host.log(end: lines) }
}
