internal import InsightsEngine
internal import InsightsPlugin

/// Writes what attempts hand over: subjects, samples and gaps in order, the task's state, the run's log.
final class PayloadWriter {
    /// How much log a run has.
    struct LogSize {
        var lines: Int64
        var bytes: Int64
        var dropped: Int64
    }

    /// What one payload left.
    struct Stored {
        /// Samples taken.
        var samples: Int64 = 0
        /// The run's log, with what came in now.
        var log: LogSize
    }

    /// A run keeps 1 MiB of log, and the lines in which the engine says how much an attempt dropped of its own.
    private static let logLimit: Int64 = (1 << 20) + 4096

    private let subjects: SubjectWriter
    private let series: SeriesWriter
    private let setState: PreparedStatement
    private let dropState: PreparedStatement
    private let addLine: PreparedStatement

    init(_ source: StatementSource) throws {
        subjects = try SubjectWriter(source)
        series = try SeriesWriter(source)
        setState = try source("INSERT OR REPLACE INTO state VALUES (?1, ?2, ?3)")
        dropState = try source("DELETE FROM state WHERE task_id = ?1 AND key = ?2")
        addLine = try source("INSERT OR REPLACE INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
    }

    /// Applies a payload of the run in `row`.
    ///
    /// - Parameters:
    ///   - log: What the run has of log so far.
    ///   - at: When it is written: decides which days are complete.
    /// - Throws: ``Rejection`` when something in it cannot be stored; its savepoint must be undone then.
    func apply(_ payload: AttemptPayload, task: TaskID, log: LogSize, row: Int64, at: Instant) throws -> Stored {
        var stored = Stored(log: log)
        if !payload.emissions.isEmpty { stored.samples = try apply(payload.emissions, payload.metrics, at: at) }
        for (key, value) in payload.state.sorted(by: { $0.key < $1.key }) { try set(value, forKey: key, of: task) }
        for line in payload.log { try append(line, to: row, &stored.log) }
        return stored
    }

    private func apply(_ emissions: [Emission], _ metrics: [MetricDeclaration], at: Instant) throws -> Int64 {
        let declared = Dictionary(metrics.map { ($0.name, $0) }) { _, last in last }
        var samples: Int64 = 0
        series.begin()
        subjects.begin(metrics)
        for emission in emissions {
            switch emission {
            case .subject(let subject):
                // What is known of series may move with a rename.
                if try subjects.apply(subject, at: at) == .moved {
                    try series.flush()
                    series.begin()
                }
            case .sample(let sample):
                let metric = try PayloadWriter.metric(of: emission, sample.metric, in: declared)
                try series.apply(sample, metric, subject: try subjects.id(of: sample.subject, at: at), at: at)
                samples += 1
            case .gap(let gap):
                let metric = try PayloadWriter.metric(of: emission, gap.metric, in: declared)
                try series.apply(gap, metric, subject: try subjects.id(of: gap.subject, at: at))
            }
        }
        try series.flush()
        return samples
    }

    private static func metric(
        of emission: Emission, _ name: String, in declared: [String: MetricDeclaration]
    ) throws -> MetricDeclaration {
        let refusal = emission.refusal { declared[$0] }
        guard let metric = declared[name], refusal == nil else {
            throw Rejection(refusal?.code ?? "undeclared_metric", StoredText.clean(refusal?.message ?? name))
        }
        return metric
    }

    private func set(_ value: Value?, forKey key: String, of task: TaskID) throws {
        let statement = value == nil ? dropState : setState
        statement.bind(1, task.value)
        statement.bind(2, StoredText.clean(key))
        if let value { statement.bind(3, value.json) }
        try statement.run()
    }

    private func append(_ line: LogLine, to row: Int64, _ size: inout LogSize) throws {
        let fields = line.fields.isEmpty ? nil : Value.object(line.fields).json
        // As the engine counts: 64 for what surrounds the text.
        let bytes = Int64(line.message.utf8.count + (fields?.utf8.count ?? 2) + 64)
        guard size.dropped == 0, size.bytes + bytes <= PayloadWriter.logLimit else {
            size.dropped += 1
            return try write(
                at: line.at, level: "warning",
                message: "\(size.dropped) more log lines were dropped: a run keeps 1 MiB",
                fields: nil, line: size.lines, of: row)
        }
        try write(at: line.at, level: line.level, message: line.message, fields: fields, line: size.lines, of: row)
        size.lines += 1
        size.bytes += bytes
    }

    private func write(at: Instant, level: String, message: String, fields: String?, line: Int64, of row: Int64) throws
    {
        addLine.bind(1, row)
        addLine.bind(2, line)
        addLine.bind(3, at.milliseconds)
        addLine.bind(4, StoredText.clean(level))
        addLine.bind(5, StoredText.clean(message))
        addLine.bind(6, fields)
        try addLine.run()
    }
}
