internal import InsightsEngine
internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// Where log lines go: standard error, for people or as JSON, never with a secret in them.
final class LogSink: Sendable {
    private struct Knowledge {
        var secrets: Set<String> = []
        var redactor = Redactor([])
        var presentation = Presentation()
    }

    private let console: Console
    private let isJSON: Bool
    private let knowledge = Mutex(Knowledge())

    init(console: Console, format: LogFormat) {
        self.console = console
        isJSON = format == .json || (format == .auto && !console.terminal.isTerminal)
    }

    /// Learns what must never be shown, and the zone that people read times in.
    ///
    /// What was secret stays so: after a reload, runs of the former manifest still go on.
    func learn(secrets: Set<String>, zone: Zone) {
        knowledge.withLock { knowledge in
            knowledge.presentation.zone = zone
            guard !secrets.isSubset(of: knowledge.secrets) else { return }
            knowledge.secrets.formUnion(secrets)
            knowledge.redactor = Redactor(Array(knowledge.secrets))
        }
    }

    /// Writes one line.
    func write(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata, at: Instant) {
        let (redactor, presentation) = knowledge.withLock { ($0.redactor, $0.presentation) }
        let message = redactor.clean(message)
        let metadata = LogLayout.ordered(metadata, for: isJSON ? nil : presentation)
            .map { ($0.name, redactor.clean($0.value)) }
        console.line(
            isJSON
                ? LogLayout.json(level, message, metadata, at: at)
                : LogLayout.text(
                    level, message, metadata, at: presentation.text(at), isColored: console.terminal.isLively))
    }
}

/// The two forms of a log line.
enum LogLayout {
    private static let leading = ["task", "run", "attempt"]

    /// `{"at","level","message","task","run","attempt","fields"}`; the last four only where there are any.
    static func json(_ level: Logger.Level, _ message: String, _ metadata: [(String, Value)], at: Instant) -> String {
        var line: ValueObject = ["at": Value(at), "level": .string(level.rawValue), "message": .string(message)]
        var fields = ValueObject()
        for (name, value) in metadata {
            if leading.contains(name) { line[name] = value } else { fields[name] = value }
        }
        if !fields.isEmpty { line["fields"] = .object(fields) }
        return Value.object(line).json
    }

    /// `2026-01-04T02:00:00Z warning message  task=backup run=… key=value`.
    static func text(
        _ level: Logger.Level, _ message: String, _ metadata: [(String, Value)], at: String, isColored: Bool
    ) -> String {
        let paint: Paint =
            switch level {
            case .trace, .debug: .dim
            case .info, .notice: .blue
            case .warning: .yellow
            case .error, .critical: .red
            }
        let word = level.rawValue + String(repeating: " ", count: max(0, 7 - level.rawValue.utf8.count))
        var line = Paint.dim(at, if: isColored) + " " + paint(word, if: isColored) + " " + CellText.safe(message)
        if !metadata.isEmpty {
            let pairs = metadata.map { "\($0.0)=\(CellText.safe($0.1.string ?? $0.1.json))" }
            line += "  " + Paint.dim(pairs.joined(separator: " "), if: isColored)
        }
        return line
    }

    /// Task, run and attempt first, the others by name.
    ///
    /// - Parameter presentation: How people read instants; `nil` for programs.
    static func ordered(
        _ metadata: Logger.Metadata, for presentation: Presentation? = nil
    ) -> [(name: String, value: Value)] {
        metadata.map { (name: $0.key, value: value(of: $0.value, for: presentation)) }.sorted { left, right in
            let ranks = (leading.firstIndex(of: left.name) ?? 9, leading.firstIndex(of: right.name) ?? 9)
            return ranks.0 == ranks.1 ? left.name < right.name : ranks.0 < ranks.1
        }
    }

    private static func value(of field: Logger.MetadataValue, for presentation: Presentation?) -> Value {
        if let presentation, case .stringConvertible(let value) = field, let instant = value as? Instant {
            return .string(presentation.text(instant))
        }
        return Value(field)
    }
}
