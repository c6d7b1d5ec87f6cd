internal import CLibPQ
internal import InsightsEngine

/// Where a PostgreSQL database is: a libpq URI, read, checked, and told without its secrets.
///
/// - SeeAlso: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>
struct PostgresAddress: Sendable {
    typealias Options = [(name: String, value: String)]

    /// One host's options each, in the order in which they are tried.
    let candidates: [Options]
    /// For people: hosts, ports and database, no user, no password.
    let label: String
    let database: String

    /// - Parameter uri: `postgres://…` or `postgresql://…`.
    /// - Throws: ``StoreError`` `invalid`: it is malformed, or goes off this machine without checking who answers.
    init(_ uri: String) throws(StoreError) {
        guard !uri.utf8.contains(0), let given = PostgresAddress.parse(uri) else {
            throw StoreError(
                .invalid, "the URL of the PostgreSQL database is malformed",
                help:
                    "use postgres://USER:PASSWORD@HOST:PORT/DATABASE, with percent escapes for what is special in a URL"
            )
        }
        let defaults = PostgresAddress.defaults()
        func value(_ name: String) -> String? { given[name] ?? defaults[name] }
        let hosts = PostgresAddress.list(value("host"))
        let addresses = PostgresAddress.list(value("hostaddr"))
        let ports = PostgresAddress.list(value("port"))
        let count = max(hosts.count, addresses.count, 1)
        guard ports.count <= 1 || ports.count == count,
            addresses.isEmpty || hosts.isEmpty || hosts.count == addresses.count
        else {
            throw StoreError(
                .invalid, "the URL of the PostgreSQL database names \(count) hosts and \(ports.count) ports",
                help: "give one port for all, or one for each")
        }
        var places: [(host: String, address: String, port: String)] = []
        for index in 0..<count {
            places.append(
                (
                    host: index < hosts.count ? hosts[index] : "",
                    address: index < addresses.count ? addresses[index] : "",
                    port: ports.isEmpty ? "" : ports[ports.count == 1 ? 0 : index]
                ))
        }
        let remote = places.first { !PostgresAddress.isLocal($0.address.isEmpty ? $0.host : $0.address) }
        if let remote {
            try PostgresAddress.check(
                sslMode: value("sslmode"), isInWords: given["sslmode"] != nil,
                host: remote.host.isEmpty ? remote.address : remote.host)
        }
        database = value("dbname") ?? value("user") ?? ""
        let names = places.map { place in
            let host = place.host.isEmpty ? (place.address.isEmpty ? "localhost" : place.address) : place.host
            let shown = host.hasPrefix("/") ? "[\(host)]" : host
            return place.port.isEmpty ? shown : "\(shown):\(place.port)"
        }
        label = "postgres://\(names.joined(separator: ","))/\(database)"
        let common = PostgresAddress.common.filter { given[$0.name] == nil }
        candidates = places.map { place in
            var options = given.filter { !["host", "hostaddr", "port"].contains($0.key) }.map {
                (name: $0.key, value: $0.value)
            }
            for (name, value) in [("host", place.host), ("hostaddr", place.address), ("port", place.port)]
            where !value.isEmpty {
                options.append((name: name, value: value))
            }
            return options + common
        }
    }

    /// What a connection has unless the URL says otherwise: a peer that fell silent is noticed within 10 s.
    private static let common: Options = [
        ("fallback_application_name", "insights"), ("client_encoding", "UTF8"), ("keepalives_idle", "5"),
        ("keepalives_interval", "2"), ("keepalives_count", "2"), ("tcp_user_timeout", "10000"),
    ]

    // MARK: Reading

    private static func parse(_ uri: String) -> [String: String]? {
        var problem: UnsafeMutablePointer<CChar>?
        // The message repeats the URL, and with it the password: it is not shown.
        defer { PQfreemem(problem) }
        guard let options = PQconninfoParse(uri, &problem) else { return nil }
        defer { PQconninfoFree(options) }
        return values(options)
    }

    /// From the environment: `PGHOST` and the like.
    private static func defaults() -> [String: String] {
        guard let options = PQconndefaults() else { return [:] }
        defer { PQconninfoFree(options) }
        return values(options)
    }

    private static func values(_ options: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var values: [String: String] = [:]
        var next = options
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        return values
    }

    private static func list(_ text: String?) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    // MARK: Checking

    private static func isLocal(_ host: String) -> Bool {
        if host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") { return true }
        if host == "localhost" || host == "::1" { return true }
        // As numbers only: 127.example.org is somebody else's.
        return host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// Refuses to send anything to a machine whose name is not checked, unless the URL itself says that nothing is.
    private static func check(sslMode: String?, isInWords: Bool, host: String) throws(StoreError) {
        if sslMode == "verify-full" || sslMode == "verify-ca" { return }
        if sslMode == "disable", isInWords { return }
        throw StoreError(
            .invalid,
            "the PostgreSQL server \(host) is not on this machine, and sslmode=\(sslMode ?? "prefer") would not check who it is",
            help: "add ?sslmode=verify-full (with sslrootcert=FILE for a certificate of your own), "
                + "or say sslmode=disable in the URL if the network between is trusted")
    }
}
