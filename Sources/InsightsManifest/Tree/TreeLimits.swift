/// How large a manifest may be. Past one of these an error names it.
struct TreeLimits {
    /// The file, in bytes: 64 MiB.
    static let fileBytes = 64 << 20

    /// Collections within collections, with aliases expanded.
    var depth = 64
    /// Scalars, lists and maps together, with aliases expanded.
    var nodes = 4_000_000
}
