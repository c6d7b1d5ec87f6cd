internal import InsightsEngine

/// Checks names of tasks that a user gave.
enum TaskNames {
    /// The named tasks, each once, in the order given.
    ///
    /// - Throws: 64 that names every unknown one with its nearest.
    static func find(_ names: [String], in manifest: Manifest) throws(CommandFailure) -> [TaskDefinition] {
        try check(names, known: manifest.tasks.map(\.name))
        let wanted = Set(names)
        let found = Dictionary(
            manifest.tasks.lazy.filter { wanted.contains($0.name) }.map { ($0.name, $0) }
        ) { first, _ in first }
        return unique(names).compactMap { found[$0] }
    }

    /// - Throws: 64 that names every unknown one with its nearest.
    static func check(_ names: [String], known: [String]) throws(CommandFailure) {
        let known = Set(known)
        let unknown = unique(names).filter { !known.contains($0) }
        guard let first = unknown.first else { return }
        let sorted = known.sorted()
        let help: String =
            if let nearest = NearestName.nearest(to: first, among: sorted) ?? lenient(first, sorted) {
                "did you mean \"\(nearest)\"?"
            } else if sorted.isEmpty {
                "the manifest has no tasks"
            } else {
                "`insights list` shows the tasks"
            }
        let quoted = unknown.map { "\"\($0)\"" }.joined(separator: ", ")
        throw CommandFailure(.usage, "unknown task\(unknown.count > 1 ? "s" : "") \(quoted)", help: help)
    }

    /// The names without repetitions.
    static func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    /// Of short names, one edit is not yet a different name.
    private static func lenient(_ name: String, _ known: [String]) -> String? {
        NearestName.nearest(to: name, among: known, atMost: 1)
    }
}
