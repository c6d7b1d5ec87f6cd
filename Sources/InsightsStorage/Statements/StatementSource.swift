internal import InsightsEngine
internal import InsightsPlugin

/// Compiles the statements of one connection, and knows where the databases differ.
protocol StatementSource: AnyObject {
    var dialect: SQLDialect { get }
    /// `nil` where one process has every task.
    var sharing: (any BatchSharing)? { get }
    /// `nil` where writing one by one costs little.
    var bulk: (any BulkWriting)? { get }

    func callAsFunction(_ sql: String) throws -> any PreparedStatement

    /// The row number of the next run: higher than every one that this process has given before.
    func nextRow() throws -> Int64

    /// Makes ready for a batch; to be called within its transaction.
    func begin() throws

    /// Whether `error` is about one row's own values, so that others may still be written: its message then.
    func problemWithValues(_ error: any Error) -> String?
}

/// What the SQL of the shared statements cannot say in one way.
struct SQLDialect: Sendable {
    /// Whole seconds since 1970.
    var now: String
    /// The function that tells the greatest of its arguments.
    var greatest: String
    /// The bytes of a text.
    var byteCount: @Sendable (_ text: String) -> String

    static let sqlite = SQLDialect(
        now: "unixepoch()", greatest: "max", byteCount: { "length(CAST(\($0) AS BLOB))" })
    static let postgres = SQLDialect(
        now: "CAST(extract(epoch FROM now()) AS BIGINT)", greatest: "greatest", byteCount: { "octet_length(\($0))" })
}

/// What a write hands over cannot be stored: undone by itself, the rest of its batch stays.
struct Rejection: Error {
    let error: RunError

    init(_ code: String, _ message: String) {
        error = RunError(code: code, message: message, isRetryable: false)
    }
}
