package import InsightsEngine
package import InsightsPlugin

/// What came of reading a manifest.
package struct ManifestResult: Sendable {
    /// `nil` when there is any error: nothing is started from such a manifest.
    package let manifest: Manifest?
    /// All problems, by place; at most some ten thousand, and then the last one says so.
    package let diagnostics: [Diagnostic]
}

/// Reads a manifest: bytes → `Manifest`, or every diagnostic with its line.
///
/// Everything that can be wrong with a manifest is found here, and all of it at once; what a loader gives out
/// cannot be wrong any more.
package struct ManifestLoader: Sendable {
    private let registry: Registry
    private let environment: [String: String]
    private let defaultInterval: Duration
    private let processorCount: Int
    private let now: Instant

    /// Creates a loader.
    ///
    /// - Parameters:
    ///   - registry: The modules that `uses` can name.
    ///   - environment: What `${NAME}` stands for.
    ///   - defaultInterval: The cadence of a task that names none: `TASK_SCHEDULER_INTERVAL`; at least 100 ms.
    ///   - processorCount: Four times this is the default of `concurrency`.
    ///   - now: From when on clock changes are coming.
    package init(
        registry: Registry, environment: [String: String], defaultInterval: Duration, processorCount: Int,
        now: Instant
    ) {
        self.registry = registry
        self.environment = environment
        self.defaultInterval = defaultInterval
        self.processorCount = processorCount
        self.now = now
    }

    /// Reads and checks the manifest in a file.
    ///
    /// - Parameter path: As the user gave it; relative paths in the manifest count from its folder.
    /// - Returns: A diagnostic with code `file` when it cannot be read, saying how to make one if there is none.
    package func load(path: String) -> ManifestResult {
        do throws(ManifestFileError) {
            return load(bytes: try ManifestFile.read(path), file: path)
        } catch {
            let diagnostic = Diagnostic(
                file: path, line: 1, column: 1, endColumn: 1, severity: .error, code: error.code,
                message: error.message, help: error.help, sourceLine: "")
            return ManifestResult(manifest: nil, diagnostics: [diagnostic])
        }
    }

    /// Checks the manifest in `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: At most 64 MiB of UTF-8.
    ///   - file: What diagnostics call it; relative paths in the manifest count from its folder.
    /// - Complexity: O(bytes + nodes after aliases are expanded), the latter at most 4 000 000.
    package func load(bytes: [UInt8], file: String) -> ManifestResult {
        let sink = DiagnosticSink()
        guard bytes.count <= TreeLimits.fileBytes else {
            sink.error(.limit, at: Place(start: 0, end: 0), ManifestFile.tooLarge, help: ManifestFile.tooLargeHelp)
            return result(nil, sink, SourceText([]), file)
        }
        let source = SourceText(bytes)
        guard EncodingChecker(source: source, sink: sink).check() else { return result(nil, sink, source, file) }
        let tree = TreeBuilder.build(source, sink: sink)
        if tree.isOverLimit { return result(nil, sink, source, file) }
        let checker = ManifestChecker(
            values: ValueReader(tree: tree, sink: sink, environment: environment), registry: registry,
            defaultInterval: defaultInterval, processorCount: processorCount, now: now,
            folder: ManifestFolder.of(file))
        return result(checker.check(), sink, source, file)
    }

    private func result(
        _ manifest: Manifest?, _ sink: DiagnosticSink, _ source: SourceText, _ file: String
    ) -> ManifestResult {
        ManifestResult(
            manifest: sink.hasErrors ? nil : manifest, diagnostics: sink.diagnostics(file: file, source: source))
    }
}
