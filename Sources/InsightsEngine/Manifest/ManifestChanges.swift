/// What another manifest changes: names of tasks, sorted.
struct ManifestChanges: Equatable {
    var added: [String] = []
    var removed: [String] = []
    /// Those whose text changed.
    var changed: [String] = []

    /// Of each kind so many names are logged.
    private static let namesShown = 10

    init(from old: Manifest, to new: Manifest) {
        // Both are sorted by name.
        var (before, after) = (old.tasks[...], new.tasks[...])
        while let first = before.first, let second = after.first {
            if first.name == second.name {
                if first.hash != second.hash { changed.append(first.name) }
                before.removeFirst()
                after.removeFirst()
            } else if first.name < second.name {
                removed.append(first.name)
                before.removeFirst()
            } else {
                added.append(second.name)
                after.removeFirst()
            }
        }
        removed += before.map(\.name)
        added += after.map(\.name)
    }

    /// The kinds of which there are any, each with its names, of many the first ones and how many more there are.
    var fields: [(key: String, value: String)] {
        [("added", added), ("removed", removed), ("changed", changed)].filter { !$0.1.isEmpty }.map { key, names in
            let more = names.count - ManifestChanges.namesShown
            let shown = names.prefix(ManifestChanges.namesShown).joined(separator: ", ")
            return (key, more > 0 ? "\(shown) and \(more) more" : shown)
        }
    }
}
