internal import InsightsPlugin
internal import Logging

/// Writes a run's log lines into the attempt and, with task, run and attempt as metadata, into the daemon's log.
struct RunLogHandler: LogHandler {
    private let attempt: Attempt
    private let daemon: Logger
    var metadata: Logger.Metadata = [:]
    /// What the run's log keeps; the daemon's logger has its own level.
    var logLevel: Logger.Level = .debug

    init(attempt: Attempt, daemon: Logger) {
        self.attempt = attempt
        self.daemon = daemon
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let line = attempt.record(
            level: RunLogHandler.name(of: event.level), message: event.message.description,
            fields: RunLogHandler.fields(metadata.merging(event.metadata ?? [:]) { _, new in new }))
        if let line { tellDaemon(line, event.level) }
    }

    /// What a run's log keeps of a line that was heard before.
    func line(_ heard: HeardLine) -> LogLine {
        LogLine(
            at: heard.at, level: RunLogHandler.name(of: heard.level), message: heard.message,
            fields: RunLogHandler.fields(heard.metadata))
    }

    /// Writes a line without secrets into the daemon's log.
    func tellDaemon(_ line: LogLine, _ level: Logger.Level) {
        guard level >= daemon.logLevel else { return }
        var metadata = attempt.logMetadata
        for (key, value) in line.fields { metadata[key] = value.metadata }
        daemon.log(level: level, "\(line.message)", metadata: metadata)
    }

    private static func fields(_ metadata: Logger.Metadata) -> ValueObject {
        let pairs = metadata.sorted { $0.key < $1.key }.map { (key: $0.key, value: Value($0.value)) }
        return ValueObject(distinct: pairs)
    }

    /// The contract's words: `trace debug info warning error`.
    private static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace: "trace"
        case .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warning"
        case .error, .critical: "error"
        }
    }
}
