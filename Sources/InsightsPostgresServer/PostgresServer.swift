internal import CSpawn
internal import Foundation
internal import Glibc
internal import Synchronization

/// A throw-away PostgreSQL server: made with `initdb` in a folder of its own, on a free port of the loopback interface,
/// never as root, and gone with the process that started it, however that ends.
///
/// For tests and measurements only; `insights` never links it. Its clients come over a Unix socket without a password,
/// or over TCP with ``password``.
package final class PostgresServer: Sendable {
    /// Why there is no server, for people.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Of the superuser ``user``, over TCP.
    package static let user = "postgres"
    package static let password = "p4ss:w0rd"

    /// Where everything of it is; short, as a socket's path may have 107 bytes.
    package let folder: String
    package let port: Int
    private let programs: Programs
    private let databases = Mutex<Set<String>>([])

    /// The server that all tests of a process share: started by the first who asks.
    package static func shared() throws -> PostgresServer { try sharedServer.get() }

    private static let sharedServer = Result {
        // Lost at a crash of the machine, and nobody minds.
        try PostgresServer(settings: ["fsync": "off", "full_page_writes": "off", "max_connections": "600"])
    }

    /// Makes and starts a server, and waits until it takes connections.
    ///
    /// - Parameters:
    ///   - settings: For `postgresql.conf`.
    ///   - host: Whom its certificate is for, if it is to have one: of the authority `server` (``authority(_:)``).
    /// - Throws: ``Failure``, which says what is missing.
    package init(settings: [String: String] = [:], certifiedAs host: String? = nil) throws {
        programs = try Programs.find()
        port = try PostgresServer.freePort()
        folder = try PostgresServer.makeFolder()
        let file = folder + "/password"
        try PostgresServer.password.write(toFile: file, atomically: false, encoding: .utf8)
        try programs.own(folder)
        try programs.own(file)
        try programs.run(
            "initdb",
            [
                "-D", folder + "/data", "-U", PostgresServer.user, "--auth-local=trust", "--auth-host=scram-sha-256",
                "--pwfile", file, "-E", "UTF8", "--locale=C", "--no-sync",
            ])
        var settings = settings
        if let host {
            try certify(host)
            settings["ssl"] = "on"
        }
        try configure(settings)
        try watch()
        try start()
    }

    /// Makes and starts a standby that streams from `primary`, and waits until it takes reads.
    ///
    /// - Parameter name: Under which the primary knows it (`synchronous_standby_names`).
    package init(replicating primary: PostgresServer, as name: String) throws {
        programs = primary.programs
        port = try PostgresServer.freePort()
        folder = try PostgresServer.makeFolder()
        try programs.own(folder)
        // The copied configuration is the primary's, and what stands last in it wins.
        try programs.run(
            "pg_basebackup",
            [
                "-D", folder + "/data", "-R", "-X", "stream", "-c", "fast", "-d",
                "host=\(primary.folder) port=\(primary.port) user=\(PostgresServer.user) application_name=\(name)",
            ])
        try configure(["synchronous_standby_names": ""])
        try watch()
        try start()
    }

    private static func makeFolder() throws -> String {
        var template = Array("/tmp/insights-pg-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure(description: "no folder for a server in /tmp") }
        return String(cString: made)
    }

    private func configure(_ settings: [String: String]) throws {
        var lines = ["port = \(port)", "listen_addresses = '127.0.0.1'", "unix_socket_directories = '\(folder)'"]
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) { lines.append("\(name) = '\(value)'") }
        let configuration = folder + "/data/postgresql.conf"
        let former = try String(contentsOfFile: configuration, encoding: .utf8)
        try (former + lines.joined(separator: "\n") + "\n").write(
            toFile: configuration, atomically: false, encoding: .utf8)
    }

    // MARK: Certificates

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]

    /// Makes an authority for certificates.
    ///
    /// - Returns: The path of its own certificate, for `sslrootcert`.
    @discardableResult
    package func authority(_ name: String) throws -> String {
        let path = folder + "/" + name
        try programs.run(
            "openssl",
            ["req", "-x509", "-subj", "/CN=\(name)", "-keyout", path + ".key", "-out", path + ".pem"]
                + PostgresServer.newKey)
        return path + ".pem"
    }

    private func certify(_ host: String) throws {
        let authority = try authority("server")
        try programs.run(
            "openssl",
            [
                "req", "-x509", "-subj", "/CN=\(host)", "-addext", "subjectAltName=DNS:\(host)", "-CA", authority,
                "-CAkey", folder + "/server.key", "-keyout", folder + "/data/server.key", "-out",
                folder + "/data/server.crt",
            ] + PostgresServer.newKey)
    }

    // MARK: Its life

    package func start() throws {
        try programs.run("pg_ctl", ["-D", folder + "/data", "-l", folder + "/log", "-w", "-t", "60", "start"])
    }

    package enum StopMode: String, Sendable {
        case smart
        case fast
        /// As a crash: no checkpoint, no goodbye.
        case immediate
    }

    package func stop(_ mode: StopMode = .fast) throws {
        try programs.run("pg_ctl", ["-D", folder + "/data", "-m", mode.rawValue, "-w", "-t", "60", "stop"])
    }

    /// Makes a standby the primary.
    package func promote() throws { try programs.run("pg_ctl", ["-D", folder + "/data", "-w", "-t", "60", "promote"]) }

    /// Stops it and clears up when this process is no more.
    private func watch() throws {
        let script = """
            while kill -0 \(getpid()) 2>/dev/null; do sleep 0.3; done
            \(programs.shell("pg_ctl", ["-D", folder + "/data", "-m", "immediate", "-w", "stop"])) >/dev/null 2>&1
            rm -rf '\(folder)'
            """
        _ = try Programs.spawn(["/bin/sh", "-c", script], output: nil)
    }

    // MARK: Clients

    /// The URI of a database over the socket, as the superuser; the database is made if there is none of that name.
    package func database(_ name: String) throws -> String {
        let isNew = databases.withLock { $0.insert(name).inserted }
        if isNew { try query("CREATE DATABASE \"\(name)\"", in: "postgres") }
        return socketURI(name)
    }

    /// Over the socket; the database need not exist.
    package func socketURI(_ database: String, user: String = PostgresServer.user) -> String {
        "postgres://\(user)@/\(database)?host=\(folder)&port=\(port)"
    }

    /// Over TCP, with a password.
    package func tcpURI(
        _ database: String, user: String = PostgresServer.user, password: String = PostgresServer.password
    ) -> String {
        "postgres://\(user):\(password.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")@127.0.0.1:\(port)/\(database)"
    }

    /// Runs SQL with `psql` as the superuser.
    ///
    /// - Returns: Rows as lines, columns parted by `|`.
    /// - Throws: ``Failure`` with the server's error.
    @discardableResult
    package func query(_ sql: String, in database: String) throws -> String {
        try programs.run(
            "psql",
            [
                "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", "\(port)", "-U",
                PostgresServer.user, "-d", database, "-c", sql,
            ]
        ).trimmingCharacters(in: .newlines)
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7f00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let code = bind(descriptor, address, length)
                return code == 0 ? getsockname(descriptor, address, &length) : code
            }
        }
        guard code == 0 else { throw Failure(description: "no free port on 127.0.0.1") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// The server's programs, and the user that may run them.
private struct Programs {
    let folder: String
    /// `nil`: as whoever runs this process.
    let user: String?

    static func find() throws -> Programs {
        let files = FileManager.default
        var folders = ProcessInfo.processInfo.environment["INSIGHTS_TEST_POSTGRES"].map { [$0] } ?? []
        // Where Debian puts them; elsewhere there is no such folder, and the next places are looked at.
        let versions = (try? files.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        folders += versions.compactMap { Int($0) }.sorted(by: >).map { "/usr/lib/postgresql/\($0)/bin" }
        folders += (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        guard let folder = folders.first(where: { files.isExecutableFile(atPath: $0 + "/initdb") }) else {
            throw PostgresServer.Failure(
                description: "PostgreSQL's server programs are missing (initdb): `apt-get install postgresql`, "
                    + "or say in INSIGHTS_TEST_POSTGRES which folder they are in")
        }
        guard getuid() == 0 else { return Programs(folder: folder, user: nil) }
        // The server refuses to run as root.
        guard let user = (["postgres", "nobody"] as [String]).first(where: { getpwnam($0) != nil }) else {
            throw PostgresServer.Failure(
                description: "a server does not run as root, and there is no user postgres or nobody")
        }
        return Programs(folder: folder, user: user)
    }

    func own(_ path: String) throws {
        guard let user, let entry = getpwnam(user) else { return }
        guard chown(path, entry.pointee.pw_uid, entry.pointee.pw_gid) == 0 else {
            throw PostgresServer.Failure(description: "cannot give \(path) to \(user)")
        }
    }

    private func command(_ program: String, _ arguments: [String]) -> [String] {
        let path = folder + "/" + program
        let whole = [FileManager.default.isExecutableFile(atPath: path) ? path : "/usr/bin/" + program] + arguments
        guard let user else { return whole }
        return ["/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups"] + whole
    }

    func shell(_ program: String, _ arguments: [String]) -> String {
        command(program, arguments).map { "'\($0)'" }.joined(separator: " ")
    }

    /// Runs a program to its end.
    ///
    /// - Returns: What it wrote to its output.
    @discardableResult
    func run(_ program: String, _ arguments: [String]) throws -> String {
        let command = command(program, arguments)
        // Files, as a pipe would stay open with the server that `pg_ctl` starts.
        var template = Array("/tmp/insights-pg-out-XXXXXX".utf8CString)
        close(mkstemp(&template))
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        let process = try Programs.spawn(command, output: path)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        // The file is our own; one that cannot be read is no output, which whoever asked for some notices.
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        guard status == 0 else { throw PostgresServer.Failure(description: "\(program) failed: \(text)") }
        return text
    }

    /// Starts a program in a session of its own, with none of this process's files.
    ///
    /// Not Foundation's `Process`: that takes a server which its child has started for the child itself.
    static func spawn(_ command: [String], output: String?) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        posix_spawn_file_actions_addchdir_np(&actions, "/")
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // POSIX_SPAWN_SETSID, a macro that is not imported.
        posix_spawnattr_setflags(&attributes, 0x80)
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, command[0], &actions, &attributes, &arguments, environ)
        guard code == 0 else {
            throw PostgresServer.Failure(description: "cannot start \(command[0]): \(String(cString: strerror(code)))")
        }
        return process
    }
}
