public import Logging
internal import Synchronization

/// A line that a module logged.
public struct RecordedLine: Hashable, Sendable {
    /// How loud.
    public var level: Logger.Level
    /// What.
    public var message: String
    /// The metadata, as text.
    public var fields: [String: String]
}

/// Keeps what is logged, in order.
final class RecordedLog: Sendable {
    private let kept = Mutex<[RecordedLine]>([])

    var lines: [RecordedLine] { kept.withLock { $0 } }

    func clear() { kept.withLock { $0 = [] } }

    func append(_ line: RecordedLine) { kept.withLock { $0.append(line) } }
}

/// Writes into a ``RecordedLog``.
struct RecordedLogHandler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues(\.description)
        log.append(RecordedLine(level: event.level, message: event.message.description, fields: fields))
    }
}
