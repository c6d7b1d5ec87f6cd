internal import Glibc
internal import InsightsEngine
internal import InsightsStorage

extension CommandContext {
    /// Opens the database, and makes it when there is none.
    ///
    /// - Throws: 69 when it is out of reach.
    func openStore(_ mode: SQLiteStore.Mode = .create) throws(CommandFailure) -> any Store {
        do throws(StoreError) {
            switch database {
            case .sqlite(let path): return try SQLiteStore.open(path: path, mode: mode)
            case .postgres(let uri):
                return try PostgresStore.open(
                    uri, mode: mode == .create ? .create : .existing, notifies: settings.notifies)
            }
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Opens the database; `nil` when there is none, and none is made.
    ///
    /// - Parameter isAsking: Whether requests are to be left in it; otherwise it is opened for reading only, as
    ///   looking changes nothing.
    func existingStore(asking isAsking: Bool = false) throws(CommandFailure) -> (any Store)? {
        let databasePath: String
        switch database {
        case .sqlite(let path): databasePath = path
        case .postgres(let uri):
            do throws(StoreError) {
                return try PostgresStore.openIfThere(uri, notifies: settings.notifies)
            } catch {
                throw CommandFailure(error)
            }
        }
        var status = stat()
        let isThere = stat(databasePath, &status) == 0
        if !isThere, errno == ENOENT { return nil }
        // A process that is about to make its tables has made the file first.
        if isThere, status.st_mode & S_IFMT == S_IFREG, status.st_size == 0 { return nil }
        if isAsking { return try openStore(.readWrite) }
        let isWithoutTables = CommandContext.isWithoutTables(databasePath)
        do throws(StoreError) {
            return try SQLiteStore.open(path: databasePath, mode: .readOnly)
        } catch {
            if isWithoutTables, error.kind == .unavailable { return nil }
            throw CommandFailure(error)
        }
    }

    /// Opens the database of a command that has nothing to do without one.
    ///
    /// - Throws: 69 when there is none.
    func requireStore(asking isAsking: Bool = false) throws(CommandFailure) -> any Store {
        if let store = try existingStore(asking: isAsking) { return store }
        throw CommandFailure(
            .unavailable, "there is no database at \(database.text) yet",
            help: "`insights serve` or `insights run` makes it; --database or DATABASE_URL names another")
    }

    /// Says that an empty answer has a reason.
    func tellNoDatabase() {
        console.line("there is no database at \(database.text) yet: nothing has run")
    }

    /// The process that serves this database.
    ///
    /// - Throws: 69 when none does.
    func requireServe(_ store: any Store) async throws(CommandFailure) -> NodeIdentity {
        switch try await stored({ () async throws(StoreError) in try await store.holder() }) {
        case .serve(let node): return node
        case .nobody: throw noServe
        case .oneshot(let node):
            throw CommandFailure(
                .unavailable,
                "`insights run` (\(holderWords(node))) has \(database.text), and it takes no requests",
                help: "try again when it has ended")
        case .unknown:
            throw CommandFailure(
                .unavailable, "a process that has left no word of itself has \(database.text)",
                help: "try again; if it stays so, `fuser \(database.text.dropFirst("sqlite:".count)).lock` tells which")
        }
    }

    /// Which process that is, for people: on a server it may be one of another machine.
    func holderWords(_ node: NodeIdentity) -> String {
        switch database {
        case .sqlite: "process \(node.processID)"
        case .postgres: "node \(node.name), process \(node.processID)"
        }
    }

    /// That no process serves the database.
    var noServe: CommandFailure {
        CommandFailure(
            .unavailable, "no `insights serve` runs on \(database.text)",
            help: "start one, or use `insights run` to run tasks without it")
    }

    /// Whether the file has no version of the tables yet: a process that makes them sets it when they are there.
    ///
    /// - SeeAlso: <https://sqlite.org/fileformat2.html>, 1.3: "user version".
    private static func isWithoutTables(_ path: String) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var header = [UInt8](repeating: 0, count: 64)
        return read(file, &header, header.count) == header.count && header[60...].allSatisfy { $0 == 0 }
    }
}

extension StoreURL {
    /// As `--database` takes it.
    var text: String {
        switch self {
        case .sqlite(let path): "sqlite:\(path)"
        case .postgres(let uri): uri.description
        }
    }
}
