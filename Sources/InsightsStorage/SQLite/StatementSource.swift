internal import InsightsEngine

/// Compiles the statements of one connection and frees them all before it closes.
final class StatementSource {
    private let connection: OpaquePointer
    private var statements: [PreparedStatement] = []

    init(_ connection: OpaquePointer) { self.connection = connection }

    func callAsFunction(_ sql: String) throws -> PreparedStatement {
        let statement = try PreparedStatement(connection, sql)
        statements.append(statement)
        return statement
    }

    func finalize() {
        for statement in statements { statement.finalize() }
        statements = []
    }
}

/// What a write hands over cannot be stored: undone by itself, the rest of its batch stays.
struct Rejection: Error {
    let error: RunError

    init(_ code: String, _ message: String) {
        error = RunError(code: code, message: message, isRetryable: false)
    }
}
