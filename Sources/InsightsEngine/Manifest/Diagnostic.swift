package import InsightsPlugin

/// The word a program finds a manifest's problem by; exact, others rely on it.
package enum DiagnosticCode: String, Sendable, CaseIterable {
    case file
    case encoding
    case syntax
    case limit
    case duplicateKey = "duplicate-key"
    case unknownKey = "unknown-key"
    case missingKey = "missing-key"
    case type
    case range
    case name
    case version
    case cadence
    case duration
    case timezone
    case cron
    case instant
    case unknownModule = "unknown-module"
    case parameter
    case unknownTask = "unknown-task"
    case unknownGroup = "unknown-group"
    case cycle
    case unsetVariable = "unset-variable"
    case plugin
    case retention
    case clockChange = "clock-change"
    case neverStarts = "never-starts"
    /// A key that this version checks but does not act on yet.
    case notYet = "not-yet"
}

/// One problem of a manifest, at its place.
package struct Diagnostic: Error, Hashable, Sendable {
    /// Whether the manifest can be used all the same.
    package enum Severity: String, Sendable {
        case error
        case warning
    }

    /// The manifest's path as the user gave it.
    package var file: String
    /// From 1.
    package var line: Int
    /// From 1, in Unicode scalars.
    package var column: Int
    /// The first column past the place, on the same line.
    package var endColumn: Int
    package var severity: Severity
    package var code: DiagnosticCode
    package var message: String
    /// The way out, if there is one to name.
    package var help: String?
    /// The text of the line, for people; cut when it is very long.
    package var sourceLine: String
    /// The column of the first character of `sourceLine`: 1 unless a very long line was cut at its left.
    package var sourceColumn: Int

    package init(
        file: String, line: Int, column: Int, endColumn: Int, severity: Severity, code: DiagnosticCode,
        message: String, help: String?, sourceLine: String, sourceColumn: Int = 1
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.endColumn = endColumn
        self.severity = severity
        self.code = code
        self.message = message
        self.help = help
        self.sourceLine = sourceLine
        self.sourceColumn = sourceColumn
    }

    /// `{"file","line","column","end_column","severity","code","message","help"}`.
    package var json: Value {
        .object([
            "file": .string(file), "line": .integer(Int64(line)), "column": .integer(Int64(column)),
            "end_column": .integer(Int64(endColumn)), "severity": .string(severity.rawValue),
            "code": .string(code.rawValue), "message": .string(message), "help": Value(help),
        ])
    }
}
