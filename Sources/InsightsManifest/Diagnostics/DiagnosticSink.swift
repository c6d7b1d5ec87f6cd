import InsightsEngine

/// Takes in problems by their bytes, while a manifest is checked, and gives them out by line and column.
///
/// A class, as all parts of one check report to the same place. One check, one thread.
final class DiagnosticSink {
    /// One problem as it was found.
    private struct Finding {
        var place: Place
        var severity: Diagnostic.Severity
        var code: DiagnosticCode
        var message: String
        var help: String?
    }

    /// How many problems are listed at most.
    private let limit: Int

    private var findings: [Finding] = []
    /// Whether there are more than `limit` different ones.
    private var isFull = false
    private var dropped = 0
    /// Whether any error was found, listed or not.
    private(set) var hasErrors = false

    /// Creates an empty one.
    ///
    /// - Parameter limit: How many problems are listed at most; the default is more than anyone reads, and keeps
    ///   a hostile file from filling the memory with complaints about it.
    init(limit: Int = 20_000) { self.limit = limit }

    /// Takes in an error. The same problem at the same place is told once, however often it is found.
    func error(_ code: DiagnosticCode, at place: Place, _ message: String, help: String? = nil) {
        add(.error, code, at: place, message, help: help)
    }

    /// Takes in a warning; see ``error(_:at:_:help:)``.
    func warning(_ code: DiagnosticCode, at place: Place, _ message: String, help: String? = nil) {
        add(.warning, code, at: place, message, help: help)
    }

    /// Takes in one problem; see ``error(_:at:_:help:)``.
    func add(
        _ severity: Diagnostic.Severity, _ code: DiagnosticCode, at place: Place, _ message: String, help: String?
    ) {
        if severity == .error { hasErrors = true }
        if findings.count >= 2 * limit, !isFull {
            compact()
            isFull = findings.count > limit
        }
        guard !isFull else {
            dropped += 1
            return
        }
        let finding = Finding(
            place: place, severity: severity, code: code, message: Shown.line(message), help: help.map(Shown.line))
        findings.append(finding)
    }

    /// All problems by place, each with its line.
    ///
    /// - Returns: At most `limit`; when there are more, the last one says so.
    func diagnostics(file: String, source: SourceText) -> [Diagnostic] {
        compact()
        var list = findings.prefix(limit).map { diagnostic($0, file: file, source: source) }
        let unlisted = dropped + max(0, findings.count - limit)
        if unlisted > 0, var last = list.last {
            last.code = .limit
            last.severity = hasErrors ? .error : .warning
            last.message = "\(unlisted) or more further problems are not listed"
            last.help = "mend those above and check again"
            list.append(last)
        }
        return list
    }

    /// Sorts and drops repetitions, which aliases make many of.
    private func compact() {
        findings.sort { left, right in
            if left.place != right.place {
                return (left.place.start, left.place.end) < (right.place.start, right.place.end)
            }
            // An error before the same thing as a warning, so that it is the one to stay.
            return (left.code.rawValue, left.message, left.severity.rawValue)
                < (right.code.rawValue, right.message, right.severity.rawValue)
        }
        var kept: [Finding] = []
        for finding in findings {
            let last = kept.last
            let isTold =
                last?.place == finding.place && last?.code == finding.code && last?.message == finding.message
            if !isTold { kept.append(finding) }
        }
        findings = kept
    }

    private func diagnostic(_ finding: Finding, file: String, source: SourceText) -> Diagnostic {
        let (line, column) = source.position(of: finding.place.start)
        let excerpt = source.excerpt(around: finding.place.start, column: column)
        return Diagnostic(
            file: file, line: line, column: column, endColumn: endColumn(finding.place, line, column, source),
            severity: finding.severity, code: finding.code, message: finding.message, help: finding.help,
            sourceLine: excerpt.text, sourceColumn: excerpt.column)
    }

    /// A place that goes on over several lines is shown to the end of its first.
    private func endColumn(_ place: Place, _ line: Int, _ column: Int, _ source: SourceText) -> Int {
        let length = place.end - place.start
        var end = source.lineEnd(from: place.start, limit: length)
        while end < place.end, end > place.start, source.bytes[end - 1] == 0x20 || source.bytes[end - 1] == 0x09 {
            end -= 1
        }
        let position = source.position(of: end)
        return position.line == line ? max(column, position.column) : column
    }
}
