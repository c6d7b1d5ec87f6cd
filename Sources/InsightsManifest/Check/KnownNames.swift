/// Names that other keys refer to: of groups, of tasks.
struct KnownNames {
    /// Also those of what is wrong itself.
    let sorted: [String]
    /// Whether the names can be known at all: not when the map that they are keys of is missing or no map,
    /// which was told.
    let isKnown: Bool
    private let all: Set<String>

    /// Creates the names of a map; `nil` when they cannot be known.
    init(_ names: [String]?) {
        sorted = names?.sorted() ?? []
        all = Set(sorted)
        isKnown = names != nil
    }

    func contains(_ name: String) -> Bool { all.contains(name) }
}
