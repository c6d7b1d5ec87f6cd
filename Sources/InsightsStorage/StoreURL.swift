package import InsightsEngine

/// Where a store is, as `--database` and `DATABASE_URL` name it.
package enum StoreURL: Hashable, Sendable {
    /// `sqlite:PATH`: a file, relative to the working directory or absolute.
    case sqlite(path: String)
    /// `postgres://…` or `postgresql://…`: any libpq URI.
    case postgres(PostgresURI)

    /// Reads a store's URL.
    ///
    /// - Parameter text: `sqlite:PATH`, of which what follows the first colon is taken as it is: no percent escapes, no
    ///   query; or a URI of libpq's.
    /// - Throws: ``StoreError`` `invalid`, naming the value (without the password that a URL of a server may hold)
    ///   and the forms there are.
    package init(_ text: String) throws(StoreError) {
        guard let colon = text.firstIndex(of: ":") else {
            throw StoreURL.refusal("\"\(text)\" is no database URL")
        }
        let scheme = text[..<colon].lowercased()
        let rest = String(text[text.index(after: colon)...])
        switch scheme {
        case "sqlite":
            self = .sqlite(path: try StoreURL.path(rest, of: text))
        case "postgres", "postgresql":
            self = .postgres(try PostgresURI(text))
        default:
            throw StoreURL.refusal("\"\(scheme):…\" is no database URL this program knows")
        }
    }

    private static func path(_ path: String, of text: String) throws(StoreError) -> String {
        guard !path.isEmpty else { throw refusal("\"\(text)\" names no file") }
        guard !path.utf8.contains(0) else { throw refusal("the path of a database has no NUL in it") }
        // `sqlite://name` would be the file /name, which nobody who writes it means.
        if path.hasPrefix("//"), !path.hasPrefix("///") {
            throw refusal("\"\(text)\" names a host, and SQLite has none")
        }
        guard !path.hasPrefix(":memory:") else { throw refusal("\"\(text)\" would forget everything at exit") }
        return path
    }

    private static func refusal(_ message: String) -> StoreError {
        StoreError(
            .invalid, message,
            help:
                "use sqlite:PATH, such as sqlite:insights.db or sqlite:/var/lib/insights.db, or postgres://HOST/DATABASE"
        )
    }
}

/// A URI of a PostgreSQL database, which may hold a password: whoever prints it sees hosts and database alone.
package struct PostgresURI: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    /// With its secrets: for opening the database only.
    let text: String
    package let description: String

    /// - Throws: ``StoreError`` `invalid`: it is malformed, or goes off this machine without checking who answers.
    package init(_ text: String) throws(StoreError) {
        self.text = text
        description = try PostgresAddress(text).label
    }

    package var debugDescription: String { description }

    package var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
