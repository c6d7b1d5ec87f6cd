internal import InsightsEngine

/// What PostgreSQL's errors mean to those who asked, and the way out of each.
enum PostgresFailure {
    /// The oldest server that has all that the statements use.
    static let oldestServer = 14

    /// Translates an error met on the database that `label` names.
    static func storeError(_ error: any Error, _ label: String) -> StoreError {
        switch error {
        case let error as StoreError: error
        case let error as PostgresError: storeError(error, label)
        case let error as UnreadableValue:
            StoreError(
                .damaged, "\(label) is damaged (\(error.column) is \(error.value))", help: "restore a backup")
        default: StoreError(.unavailable, "\(label): \(error)")
        }
    }

    private static func storeError(_ error: PostgresError, _ label: String) -> StoreError {
        switch error.kind {
        case .deadline:
            StoreError(
                .unavailable, "\(label) did not answer in time",
                help: "look whether it is up and reachable, and what it waits for (pg_stat_activity)")
        case .connection(let state): connection(state, error.message, label)
        case .server(let state): server(state, error.message, label)
        }
    }

    // MARK: Connecting

    /// The server tells why it refuses a connection in words alone; libpq passes no code on.
    private static func connection(_ state: String?, _ message: String, _ label: String) -> StoreError {
        func told(_ words: String...) -> Bool { words.contains { message.contains($0) } }
        if state == "57P01" || state == "57P02" || state == "57P03"
            || told("is starting up", "is shutting down", "in recovery mode")
        {
            return StoreError(
                .unavailable, "\(label) is starting or stopping (\(message))",
                help: "work resumes by itself when it is up")
        }
        if told("password authentication failed", "no password supplied", "authentication failed") {
            return StoreError(
                .unavailable, "\(label) refuses the user or the password (\(message))",
                help: "check user and password in the URL, PGPASSWORD or ~/.pgpass")
        }
        if told("no pg_hba.conf entry") {
            return StoreError(
                .unavailable, "\(label) admits no such connection (\(message))",
                help:
                    "add a line for this user, database and address to the server's pg_hba.conf, or use TLS if it demands that"
            )
        }
        if told("database \"") && told("does not exist") {
            return StoreError(
                .unavailable, "there is no such database at \(label) (\(message))",
                help: "make it with `createdb`, or name another in the URL")
        }
        if told("role \"") && told("does not exist") {
            return StoreError(
                .unavailable, "\(label) knows no such user (\(message))", help: "make it with `createuser`")
        }
        if told("could not translate host name") {
            return StoreError(
                .unavailable, "the host of \(label) cannot be found (\(message))",
                help: "check its name in the URL, and the name service; work then resumes by itself")
        }
        if told("server does not support SSL", "SSL error", "certificate", "SSL was required", "SSL connection") {
            return StoreError(
                .unavailable, "no trusted TLS connection to \(label) (\(message))",
                help: "check the server's certificate and sslrootcert, or whether it has TLS at all; "
                    + "sslmode=disable in the URL goes without")
        }
        if told("too many clients", "remaining connection slots", "too many connections") {
            return StoreError(
                .unavailable, "\(label) has no connection left (\(message))",
                help: "raise max_connections, or end what holds them; work then resumes by itself")
        }
        if told("session is read-only", "server is in hot standby mode") { return standby(label) }
        return StoreError(
            .unavailable, "no connection to \(label) (\(message))",
            help: "look whether the server runs and is reachable; work then resumes by itself")
    }

    static func tooOld(_ version: String, _ label: String) -> StoreError {
        StoreError(
            .unavailable, "\(label) is PostgreSQL \(version); this program needs \(oldestServer) or newer",
            help: "upgrade the server")
    }

    static func standby(_ label: String) -> StoreError {
        StoreError(
            .unavailable, "\(label) is a standby, which takes no writes",
            help:
                "name the primary, or all hosts with target_session_attrs=read-write; work resumes when one is promoted"
        )
    }

    // MARK: Statements

    private static func server(_ state: String, _ message: String, _ label: String) -> StoreError {
        switch state {
        case "57014":
            StoreError(
                .unavailable, "a statement on \(label) took too long and was stopped", help: "ask for less at a time")
        case "55P03":
            StoreError(
                .unavailable, "rows of \(label) are locked by another session (\(message))",
                help: "find it in pg_stat_activity; work then resumes by itself")
        case "25006": standby(label)
        case "42501":
            StoreError(
                .unavailable, "the user may not do that at \(label) (\(message))",
                help: "let the owner of the schema grant it: see \"Roles\" in Documentation/PostgreSQL.md")
        case "3F000", "42P01":
            StoreError(
                .unavailable, "\(label) has no tables of this program (\(message))",
                help: "`insights migrate`, `insights serve` or `insights run` makes them")
        case "53100", "53000", "53200":
            StoreError(
                .unavailable, "\(label) has no room left (\(message))",
                help: "make room on the server's disk; work then resumes by itself")
        case "40001", "40P01", "23505":
            StoreError(.unavailable, "\(label): \(message)", help: "it is tried again")
        default:
            switch state.prefix(2) {
            case "57", "08", "53", "55": StoreError(.unavailable, "\(label): \(message) (\(state))")
            case "XX": StoreError(.damaged, "\(label) is damaged (\(message))", help: "restore a backup")
            default: StoreError(.unavailable, "\(label): \(message) (\(state))")
            }
        }
    }
}
