internal import CLibPQ
internal import Glibc
internal import InsightsEngine
internal import InsightsPlugin

/// What a statement gave, in text; freed with it.
final class PostgresResult {
    private let handle: OpaquePointer
    let rowCount: Int

    /// Takes over `handle`.
    init(_ handle: OpaquePointer) {
        self.handle = handle
        rowCount = Int(PQntuples(handle))
    }

    deinit { PQclear(handle) }

    /// How many rows a statement that returns none has inserted, updated or deleted.
    var changedRows: Int { Int(strtol(PQcmdTuples(handle), nil, 10)) }

    var rows: some Sequence<PostgresRow> { (0..<rowCount).lazy.map { PostgresRow(self, $0) } }

    var first: PostgresRow? { rowCount > 0 ? PostgresRow(self, 0) : nil }

    func name(_ column: Int) -> String { PQfname(handle, Int32(column)).map { String(cString: $0) } ?? String(column) }

    func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(handle, Int32(row), Int32(column)) != 0 }

    func text(_ row: Int, _ column: Int) -> String {
        let count = Int(PQgetlength(handle, Int32(row), Int32(column)))
        guard count > 0, let bytes = PQgetvalue(handle, Int32(row), Int32(column)) else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// A whole number, or a truth value as 1 or 0; `nil` for anything else.
    func integer(_ row: Int, _ column: Int) -> Int64? {
        guard let bytes = PQgetvalue(handle, Int32(row), Int32(column)) else { return nil }
        if bytes[1] == 0 {
            if bytes[0] == 0x74 { return 1 }
            if bytes[0] == 0x66 { return 0 }
        }
        var end: UnsafeMutablePointer<CChar>?
        let value = strtoll(bytes, &end, 10)
        guard let end, end > bytes, end.pointee == 0 else { return nil }
        return Int64(value)
    }

    /// `nil` for what is no finite number.
    func number(_ row: Int, _ column: Int) -> Double? {
        guard let bytes = PQgetvalue(handle, Int32(row), Int32(column)) else { return nil }
        var end: UnsafeMutablePointer<CChar>?
        let value = strtod(bytes, &end)
        guard let end, end > bytes, end.pointee == 0, value.isFinite else { return nil }
        return value
    }

    func id(_ row: Int, _ column: Int) -> RunID? {
        guard PQgetlength(handle, Int32(row), Int32(column)) == 36,
            let bytes = PQgetvalue(handle, Int32(row), Int32(column))
        else { return nil }
        return RunID(String(cString: bytes))
    }
}

/// One row of a result.
struct PostgresRow: StoredRow {
    private let result: PostgresResult
    private let row: Int

    init(_ result: PostgresResult, _ row: Int) {
        self.result = result
        self.row = row
    }

    func isNull(_ index: Int) -> Bool { result.isNull(row, index) }

    func optionalInteger(_ index: Int) throws -> Int64? {
        if isNull(index) { return nil }
        guard let value = result.integer(row, index) else { throw unreadable(index) }
        return value
    }

    func optionalNumber(_ index: Int) throws -> Double? {
        if isNull(index) { return nil }
        guard let value = result.number(row, index) else { throw unreadable(index) }
        return value
    }

    func optionalText(_ index: Int) throws -> String? { isNull(index) ? nil : result.text(row, index) }

    func optionalRunID(_ index: Int) throws -> RunID? {
        if isNull(index) { return nil }
        guard let value = result.id(row, index) else { throw unreadable(index) }
        return value
    }

    func unreadable(_ index: Int) -> UnreadableValue {
        let value = isNull(index) ? "NULL" : String(result.text(row, index).prefix(80))
        return UnreadableValue(column: result.name(index), value: value)
    }
}
