/// How a metric's samples relate to time, which decides how they are stored and summed.
public enum MetricShape: String, Sendable, Codable, CaseIterable {
    /// A reading now; may fall. One row per reading, kept when it changed or once a day.
    case gauge
    /// A count for one UTC day that the source may still revise: a later reading of a day replaces it.
    case daily
    /// The source's own lifetime figure; stored as a gauge is.
    case total
    /// A dated list of (label, value); the whole list is replaced per UTC day.
    case ranking
}

/// What a module says of a metric it emits.
public struct MetricDeclaration: Hashable, Sendable {
    /// `[a-z][a-z0-9_]*`.
    public var name: String
    /// The unit of a value, e.g. `commits`, `bytes`, `1` for a bare number.
    public var unit: String
    /// How samples relate to time.
    public var shape: MetricShape
    /// Whether values may be summed over subjects and, for `daily`, over days. Unique counts may not.
    public var additive: Bool
    /// Whether the source may lower a completed day (a rewritten git history does); otherwise a
    /// completed day of a `daily` metric never falls.
    public var rewritable: Bool
    /// One sentence that says what is counted.
    public var summary: String

    /// Creates a declaration.
    public init(
        _ name: String, unit: String, shape: MetricShape, additive: Bool, rewritable: Bool = false, summary: String
    ) {
        self.name = name
        self.unit = unit
        self.shape = shape
        self.additive = additive
        self.rewritable = rewritable
        self.summary = summary
    }

    /// Whether `name` is a metric's name: `[a-z][a-z0-9_]*`, at most 63 characters.
    public static func isValid(name: String) -> Bool {
        guard let first = name.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return name.utf8.count <= 63
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "_")
            }
    }
}
