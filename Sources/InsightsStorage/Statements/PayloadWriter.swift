internal import InsightsEngine
internal import InsightsPlugin

/// Writes what attempts hand over: subjects, samples and gaps in order, the task's state, the run's log.
final class PayloadWriter {
    /// How much log a run has.
    struct LogSize {
        /// Lines that ever came in: the number of the next one.
        var lines: Int64
        /// What those that are kept count.
        var bytes: Int64
        /// How many of the first are gone.
        var dropped: Int64
    }

    /// What one payload left.
    struct Stored {
        /// Samples taken.
        var samples: Int64 = 0
        /// The run's log, with what came in now.
        var log: LogSize
    }

    /// A run keeps 1 MiB of log; the rest is for what a host says of it, so that what one attempt hands over always
    /// fits.
    private static let logLimit: Int64 = (1 << 20) + (20 << 10)
    /// More than is needed is made room for, as a log that is full would be gone through for every line.
    private static let roomBeyond: Int64 = 64 << 10

    private let subjects: SubjectWriter
    private let series: SeriesWriter
    private let rollUps: RollUpWriter
    private let setState: any PreparedStatement
    private let dropState: any PreparedStatement
    private let addLine: any PreparedStatement
    private let lineSizes: any PreparedStatement
    private let dropLines: any PreparedStatement

    init(_ source: any StatementSource) throws {
        let marks = try RollUpMarks(source)
        let series = try SeriesWriter(source, marks)
        self.series = series
        subjects = try SubjectWriter(source, marks) { try series.flush() }
        rollUps = try RollUpWriter(source, marks)
        setState = try source(
            "INSERT INTO state VALUES (?1, ?2, ?3) ON CONFLICT (task_id, key) DO UPDATE SET value = excluded.value")
        dropState = try source("DELETE FROM state WHERE task_id = ?1 AND key = ?2")
        addLine = try source(
            """
            INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (run_row, line) DO UPDATE
            SET at = excluded.at, level = excluded.level, message = excluded.message, fields = excluded.fields
            """)
        // As LogLine.size.
        let dialect = source.dialect
        lineSizes = try source(
            """
            SELECT \(dialect.greatest)(\(LogLine.leastSize), \(dialect.byteCount("message"))
                + \(dialect.greatest)(0, \(dialect.byteCount("coalesce(fields, '')")) - \(LogLine.freeFields)))
            FROM log WHERE run_row = ?1 AND line >= ?2 ORDER BY line
            """)
        dropLines = try source("DELETE FROM log WHERE run_row = ?1 AND line < ?2")
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
        if !payload.log.isEmpty { try append(payload.log, to: row, &stored.log) }
        return stored
    }

    private func apply(_ emissions: [Emission], _ metrics: [MetricDeclaration], at: Instant) throws -> Int64 {
        let declared = Dictionary(metrics.map { ($0.name, $0) }) { _, last in last }
        var samples: Int64 = 0
        try series.begin()
        subjects.begin(metrics)
        for emission in emissions {
            switch emission {
            case .subject(let subject):
                // What is known of series may move with a rename.
                if try subjects.apply(subject, at: at) == .moved {
                    try series.flush()
                    try series.begin()
                }
            case .sample(let sample):
                let metric = try PayloadWriter.metric(of: emission, sample.metric, in: declared)
                try series.apply(sample, metric, subject: try subjects.id(of: sample.subject, at: at), at: at)
                samples += 1
            case .gap(let gap):
                let metric = try PayloadWriter.metric(of: emission, gap.metric, in: declared)
                try series.apply(gap, metric, subject: try subjects.id(of: gap.subject, at: at))
            case .rollUp(let rollUp):
                let declared = try rollUp.metrics.map { try PayloadWriter.metric(of: emission, $0, in: declared) }
                let subject = try subjects.id(of: rollUp.subject, at: at)
                // It reads what is stored.
                try series.flush()
                for metric in declared {
                    samples += try rollUps.apply(metric, to: subject, from: rollUp.from, series, at: at)
                }
                try series.begin()
            }
        }
        try series.flush()
        return samples
    }

    /// The metric of a sample, gap or roll-up. Hosts have checked that already; this is the last line.
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
        try statement.post()
    }

    /// Adds lines, for which those of earlier attempts make room: a run's last words are what a person looks for.
    private func append(_ lines: [LogLine], to row: Int64, _ size: inout LogSize) throws {
        var first = lines.endIndex
        var needed: Int64 = 0
        while first > 0, needed + Int64(lines[first - 1].size) <= PayloadWriter.logLimit {
            first -= 1
            needed += Int64(lines[first].size)
        }
        let before = size.dropped
        if size.bytes + needed > PayloadWriter.logLimit || first > 0 {
            try makeRoom(for: needed, in: row, &size)
        }
        if first > 0 {
            // More at once than a log holds, which no host lets through.
            size.lines += Int64(first)
            size.dropped = size.lines
            size.bytes = 0
        }
        if size.dropped > before {
            dropLines.bind(1, row)
            dropLines.bind(2, size.dropped)
            try dropLines.post()
            try write(
                at: lines[first].at, level: "warning",
                message: "\(size.dropped) earlier log lines were dropped: a run keeps 1 MiB", fields: nil,
                line: size.dropped - 1, of: row)
        }
        for line in lines[first...] {
            let fields = line.fields.isEmpty ? nil : Value.object(line.fields).json
            try write(at: line.at, level: line.level, message: line.message, fields: fields, line: size.lines, of: row)
            size.lines += 1
        }
        size.bytes += needed
    }

    /// Counts how many of the first lines have to go.
    private func makeRoom(for needed: Int64, in row: Int64, _ size: inout LogSize) throws {
        let most = max(0, PayloadWriter.logLimit - needed - PayloadWriter.roomBeyond)
        lineSizes.bind(1, row)
        lineSizes.bind(2, size.dropped)
        for bytes in try lineSizes.all({ $0.integer(0) }) {
            guard size.bytes > most else { break }
            size.bytes = max(0, size.bytes - bytes)
            size.dropped += 1
        }
    }

    private func write(at: Instant, level: String, message: String, fields: String?, line: Int64, of row: Int64) throws
    {
        addLine.bind(1, row)
        addLine.bind(2, line)
        addLine.bind(3, at.milliseconds)
        addLine.bind(4, StoredText.clean(level))
        addLine.bind(5, StoredText.clean(message))
        addLine.bind(6, fields)
        try addLine.post()
    }
}
