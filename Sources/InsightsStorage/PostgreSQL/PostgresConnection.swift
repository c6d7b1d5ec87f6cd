internal import CLibPQ
internal import Dispatch
internal import Glibc
internal import InsightsEngine
internal import InsightsPlugin

/// One connection to a server, without a call that blocks for longer than its ``deadline``.
///
/// libpq in its non-blocking mode, driven by `poll(2)` on the queue of the lane that owns it: never on a thread of the
/// cooperative pool. Statements whose outcome nobody waits for are sent one after the other (libpq's pipeline mode) and
/// settled together. Whoever gets a `connection` or `deadline` error has a connection that is no more use.
///
/// - SeeAlso: <https://www.postgresql.org/docs/current/libpq-async.html>, <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>
final class PostgresConnection {
    /// Statements on their way at most: what the server answers meanwhile must fit into libpq's buffer.
    private static let postedLimit = 256

    private let handle: OpaquePointer
    /// When to give up on what is being done.
    var deadline: ContinuousClock.Instant
    /// Whether it can be used no more.
    private(set) var isBroken = false
    private var preparedCount = 0
    private var isPiping = false
    private var posted: [PostgresStatement?] = []
    private var bytes: [UInt8] = []

    /// Connects.
    ///
    /// - Parameter options: libpq's, by name; of one host only, as libpq's own way to the next host has no deadline.
    init(_ options: [(name: String, value: String)], deadline: ContinuousClock.Instant) throws {
        self.deadline = deadline
        var names: [UnsafePointer<CChar>?] = options.map { UnsafePointer(strdup($0.name)) }
        var values: [UnsafePointer<CChar>?] = options.map { UnsafePointer(strdup($0.value)) }
        defer {
            for pointer in names + values { free(UnsafeMutableRawPointer(mutating: pointer)) }
        }
        names.append(nil)
        values.append(nil)
        guard let handle = PQconnectStartParams(names, values, 0) else {
            throw PostgresError(kind: .connection(state: nil), message: "no memory left for a connection")
        }
        self.handle = handle
        // From here on the end of the object, also by a throw, ends the connection.
        try connect()
        PQsetnonblocking(handle, 1)
    }

    deinit { PQfinish(handle) }

    private func connect() throws {
        guard PQstatus(handle) != CONNECTION_BAD else { throw lost(state: nil) }
        var next = PGRES_POLLING_WRITING
        while next != PGRES_POLLING_OK {
            guard next != PGRES_POLLING_FAILED else { throw lost(state: nil) }
            try wait(for: next == PGRES_POLLING_READING ? POLLIN : POLLOUT)
            next = PQconnectPoll(handle)
        }
    }

    // MARK: What is known of it

    /// As 150018 for 15.18.
    var serverVersion: Int { Int(PQserverVersion(handle)) }

    /// A setting that the server reports by itself.
    func parameter(_ name: String) -> String? { PQparameterStatus(handle, name).map { String(cString: $0) } }

    /// The user it is connected as.
    var user: String { PQuser(handle).map { String(cString: $0) } ?? "" }

    /// Whether a transaction is open, or what state it is in cannot be told.
    var isInTransaction: Bool { PQtransactionStatus(handle) != PQTRANS_IDLE }

    // MARK: Statements

    /// Runs one statement without parameters, or several, that are run once.
    @discardableResult
    func run(_ sql: String) throws -> PostgresResult {
        try drain()
        guard PQsendQuery(handle, sql) == 1 else { throw lost(state: nil) }
        return try receive()
    }

    /// Runs a statement with parameters `$1`, `$2` … that is compiled for this once.
    func run(_ sql: String, _ values: [PostgresValue]) throws -> PostgresResult {
        try drain()
        let types = values.map(\.type)
        let isSent = withParameters(values) { count, pointers, lengths, formats in
            PQsendQueryParams(handle, sql, count, types, pointers, lengths, formats, 0)
        }
        guard isSent == 1 else { throw lost(state: nil) }
        return try receive()
    }

    /// Runs a prepared statement.
    func run(name: String, _ values: [PostgresValue]) throws -> PostgresResult {
        try drain()
        guard send(name, values) == 1 else { throw lost(state: nil) }
        return try receive()
    }

    /// Compiles a statement.
    ///
    /// - Returns: The name it has from now on.
    func prepare(_ sql: String, _ types: [Oid]) throws -> String {
        try drain()
        preparedCount += 1
        let name = "s\(preparedCount)"
        guard PQsendPrepare(handle, name, sql, Int32(types.count), types) == 1 else { throw lost(state: nil) }
        _ = try receive()
        return name
    }

    /// Sends a prepared statement whose outcome ``drain()`` tells.
    ///
    /// - Parameter statement: To be told how many rows were changed.
    func post(name: String, _ values: [PostgresValue], for statement: PostgresStatement?) throws {
        if !isPiping {
            guard PQenterPipelineMode(handle) == 1 else { throw lost(state: nil) }
            isPiping = true
        }
        guard send(name, values) == 1 else { throw lost(state: nil) }
        posted.append(statement)
        if posted.count >= PostgresConnection.postedLimit { try drain() }
    }

    /// Waits for what was posted.
    ///
    /// - Throws: The first error among it; all that came after it was not run.
    func drain() throws {
        guard isPiping else { return }
        guard PQpipelineSync(handle) == 1 else { throw lost(state: nil) }
        try flush()
        var first: PostgresError?
        for statement in posted {
            do {
                let result = try nextResult()
                statement?.note(result?.changedRows ?? 0)
                // The end of this statement's results.
                if result != nil { _ = try nextResult() }
            } catch let error as PostgresError {
                guard case .server = error.kind else { throw error }
                first = first ?? error
                _ = try nextResult()
            }
        }
        _ = try nextResult()
        posted.removeAll(keepingCapacity: true)
        isPiping = false
        guard PQexitPipelineMode(handle) == 1 else { throw lost(state: nil) }
        if let first { throw first }
    }

    /// Waits for what was posted, whatever became of it: it is about to be undone.
    func drainFailed() throws {
        do {
            try drain()
        } catch let error as PostgresError {
            guard case .server = error.kind else { throw error }
        }
    }

    // MARK: Waiting for news

    /// Waits until the server says something, or `deadline` has come.
    ///
    /// - Returns: The names of the channels that were notified.
    func waitForNotices() throws -> [String] {
        do {
            try wait(for: POLLIN)
        } catch let error as PostgresError where error.kind == .deadline {
            isBroken = false
            return []
        }
        return try notices()
    }

    /// What has come in so far.
    func notices() throws -> [String] {
        guard PQconsumeInput(handle) == 1 else { throw lost(state: nil) }
        var payloads: [String] = []
        while let notice = PQnotifies(handle) {
            payloads.append(notice.pointee.extra.map { String(cString: $0) } ?? "")
            PQfreemem(notice)
        }
        return payloads
    }

    // MARK: Plumbing

    /// Asks the server to stop what it does for this connection, from a thread of its own, as that takes a connection.
    func cancel() {
        guard let request = PQgetCancel(handle) else { return }
        // A C handle that only the block below uses from here on.
        nonisolated(unsafe) let shared = request
        DispatchQueue.global(qos: .utility).async {
            var buffer = [CChar](repeating: 0, count: 256)
            PQcancel(shared, &buffer, 256)
            PQfreeCancel(shared)
        }
    }

    private func send(_ name: String, _ values: [PostgresValue]) -> Int32 {
        withParameters(values) { count, pointers, lengths, formats in
            PQsendQueryPrepared(handle, name, count, pointers, lengths, formats, 0)
        }
    }

    private func withParameters(
        _ values: [PostgresValue],
        _ body: (Int32, [UnsafePointer<CChar>?], [Int32], [Int32]) -> Int32
    ) -> Int32 {
        bytes.removeAll(keepingCapacity: true)
        var offsets: [Int] = []
        var lengths: [Int32] = []
        for value in values {
            offsets.append(bytes.count)
            value.append(to: &bytes)
            lengths.append(Int32(clamping: bytes.count - offsets[offsets.count - 1]))
        }
        // So that an empty text at the end has an address.
        bytes.append(0)
        let formats = [Int32](repeating: 1, count: values.count)
        return bytes.withUnsafeBytes { buffer in
            let start = buffer.bindMemory(to: CChar.self).baseAddress
            let pointers = zip(values, offsets).map { value, offset -> UnsafePointer<CChar>? in
                if case .null = value { nil } else { start?.advanced(by: offset) }
            }
            return body(Int32(values.count), pointers, lengths, formats)
        }
    }

    /// The last result of what was sent.
    private func receive() throws -> PostgresResult {
        try flush()
        var last: PostgresResult?
        var first: PostgresError?
        while true {
            do {
                guard let result = try nextResult() else { break }
                last = result
            } catch let error as PostgresError {
                guard case .server = error.kind else { throw error }
                first = first ?? error
            }
        }
        if let first { throw first }
        guard let last else { throw lost(state: nil) }
        return last
    }

    /// - Returns: `nil` at the end of a statement's results.
    /// - Throws: The server's error, or that the connection is gone or silent.
    private func nextResult() throws -> PostgresResult? {
        while PQisBusy(handle) == 1 {
            try wait(for: POLLIN)
            guard PQconsumeInput(handle) == 1 else { throw lost(state: nil) }
        }
        guard let result = PQgetResult(handle) else { return nil }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_PIPELINE_SYNC, PGRES_EMPTY_QUERY:
            return PostgresResult(result)
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            throw PostgresError(kind: .server(state: "25P02"), message: "not run, as an earlier statement failed")
        default:
            let state = PQresultErrorField(result, PostgresConnection.stateField).map { String(cString: $0) }
            let message = PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
            PQclear(result)
            if PQstatus(handle) == CONNECTION_BAD || state == nil { throw lost(state: state, message) }
            throw PostgresError(kind: .server(state: state ?? ""), message: PostgresConnection.line(message))
        }
    }

    /// PG_DIAG_SQLSTATE, a macro that is not imported.
    private static let stateField = Int32(UInt8(ascii: "C"))

    private func flush() throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // The server may wait for its answers to be taken before it takes more.
                try wait(for: POLLIN | POLLOUT)
                guard PQconsumeInput(handle) == 1 else { throw lost(state: nil) }
            default: throw lost(state: nil)
            }
        }
    }

    private func wait(for events: Int32) throws {
        while true {
            let left = deadline - ContinuousClock.now
            var descriptor = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
            guard descriptor.fd >= 0 else { throw lost(state: nil) }
            let milliseconds =
                left <= .zero
                ? 0
                : Int32(clamping: left.components.seconds * 1000)
                    &+ Int32(left.components.attoseconds / 1_000_000_000_000_000) &+ 1
            let count = poll(&descriptor, 1, max(0, milliseconds))
            if count > 0 { return }
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw lost(state: nil) }
            isBroken = true
            throw PostgresError(kind: .deadline, message: "the server did not answer in time")
        }
    }

    private func lost(state: String?, _ message: String? = nil) -> PostgresError {
        isBroken = true
        let text = message ?? PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        return PostgresError(kind: .connection(state: state), message: PostgresConnection.line(text))
    }

    /// The first line, without the severity.
    private static func line(_ message: String) -> String {
        var line = message.split(separator: "\n").first.map(String.init) ?? "no connection"
        for severity in ["ERROR:", "FATAL:", "PANIC:"] where line.hasPrefix(severity) {
            line = String(line.dropFirst(severity.count).drop { $0 == " " })
        }
        return line
    }
}
