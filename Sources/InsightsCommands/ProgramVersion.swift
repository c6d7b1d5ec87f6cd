/// The program's version, told by `--version`, to the store, and over HTTP.
enum ProgramVersion {
    /// As in `Semantic Versioning 2.0`.
    static let current = "0.1.0"
}
