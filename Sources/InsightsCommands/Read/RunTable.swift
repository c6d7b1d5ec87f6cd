internal import InsightsEngine

/// Runs as tables.
enum RunTable {
    /// As `history` shows them.
    static func history(_ runs: [RunRecord], _ presentation: Presentation) -> Table {
        var table = Table([
            .init("SCHEDULED AT"), .init("TASK"), .init("STATUS"), .pipeOnly("REASON"),
            .init("TRIGGER", lesser: true), .init("ATTEMPT", lesser: true), .init("TOOK", numeric: true, lesser: true),
            .init("SAMPLES", numeric: true, lesser: true), .init("RUN", lesser: true, rank: 1, whole: true),
            .init("SUMMARY"),
        ])
        table.rows = runs.map { run in
            [
                presentation.cell(run.scheduledAt), .init(run.task), presentation.cell(run.status, reason: run.reason),
                .init(run.reason), .init(run.trigger.rawValue),
                .init(run.attempt == 0 ? "" : "\(run.attempt)/\(run.attempts)", plain: "\(run.attempt)"),
                presentation.cell(run.duration), .init(String(run.samples)), .init(run.id.description),
                .init(summary(of: run, presentation)),
            ]
        }
        return table
    }

    /// As `run` and `trigger --wait` show them at their end.
    static func outcomes(_ runs: [RunRecord], _ presentation: Presentation) -> Table {
        var table = Table([
            .init("TASK"), .init("STATUS"), .init("TOOK", numeric: true), .init("RUN", lesser: true, whole: true),
            .init("SUMMARY"),
        ])
        table.rows = runs.map { run in
            [
                .init(run.task), presentation.cell(run.status, reason: run.reason), presentation.cell(run.duration),
                .init(run.id.description), .init(summary(of: run, presentation)),
            ]
        }
        return table
    }

    /// The module's own words, or what went wrong, or how many were skipped.
    static func summary(of run: RunRecord, _ presentation: Presentation) -> String {
        if let error = run.error { return "\(error.code): \(error.message)" }
        if let summary = run.summary { return summary }
        guard run.count > 1, let until = run.until else { return "" }
        return "\(run.count) occurrences until \(presentation.text(until))"
    }
}
