/// What a connection met; ``PostgresFailure`` says what it means to those who asked.
struct PostgresError: Error {
    enum Kind: Hashable {
        /// The server's own error, with its SQLSTATE; the connection is still good.
        case server(state: String)
        /// The connection could not be made, or is gone.
        case connection(state: String?)
        /// No answer within the time there was.
        case deadline
    }

    var kind: Kind
    /// One line, without secrets.
    var message: String

    /// The five characters that tell errors apart.
    ///
    /// - SeeAlso: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    var state: String? {
        switch kind {
        case .server(let state): state
        case .connection(let state): state
        case .deadline: nil
        }
    }

    /// Whether the same transaction may well succeed when it is made again: a deadlock, or a row that another
    /// transaction has made meanwhile.
    var isRetryable: Bool {
        guard case .server(let state) = kind else { return false }
        return ["40001", "40P01", "23505"].contains(state)
    }
}
