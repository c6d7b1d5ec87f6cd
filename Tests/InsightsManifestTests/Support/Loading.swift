import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

/// 2026-01-15: before both clock changes of that year in Europe.
let testNow = Instant(seconds: 1_768_435_200)

func loader(environment: [String: String] = [:]) throws -> ManifestLoader {
    ManifestLoader(
        registry: try Demo.registry(), environment: environment, defaultInterval: .seconds(1_209_600),
        processorCount: 2, now: testNow)
}

/// Loads a manifest as `/srv/tasks.yaml`.
func load(_ text: String, environment: [String: String] = [:]) throws -> ManifestResult {
    try loader(environment: environment).load(bytes: Array(text.utf8), file: "/srv/tasks.yaml")
}

func load(bytes: [UInt8]) throws -> ManifestResult { try loader().load(bytes: bytes, file: "/srv/tasks.yaml") }

/// The diagnostics of a manifest, each as `line:column-end code`, with `warning` before a warning's code.
func problems(_ text: String, environment: [String: String] = [:]) throws -> [String] {
    try load(text, environment: environment).diagnostics.map(\.brief)
}

/// A manifest whose tasks are `text`, indented by two spaces; the first of them stands at line 3.
func tasks(_ text: String) -> String {
    "version: 1\ntasks:\n" + text.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)\n" }.joined()
}

/// A manifest with one task `t` of `demo.echo`; `text` is the rest of it, from line 5 on, at column 5.
func task(_ text: String, uses: String = "demo.echo") -> String {
    "version: 1\ntasks:\n  t:\n    uses: \(uses)\n"
        + text.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)\n" }.joined()
}

/// A manifest with one task and these parameters, from line 6 on, at column 7.
func with(_ text: String, uses: String = "demo.echo") -> String {
    task(
        "with:\n"
            + text.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n"),
        uses: uses)
}

extension Diagnostic {
    var brief: String {
        "\(line):\(column)-\(endColumn) \(severity == .warning ? "warning " : "")\(code.rawValue)"
    }
}

extension ManifestResult {
    /// The first task, of a manifest without errors.
    var first: TaskDefinition? { manifest?.tasks.first }
}

/// One row of a table: a manifest and what it is told.
struct Case: Sendable, CustomTestStringConvertible {
    var text: String
    var expected: [String]
    var environment: [String: String] = [:]

    init(_ text: String, _ expected: String..., environment: [String: String] = [:]) {
        self.text = text
        self.expected = expected
        self.environment = environment
    }

    var testDescription: String { text }
}
