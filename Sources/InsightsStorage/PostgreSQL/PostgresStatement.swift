internal import CLibPQ
internal import InsightsEngine
internal import InsightsPlugin

/// A statement that the server has compiled, once for each mix of types that its parameters have had.
final class PostgresStatement: PreparedStatement {
    /// The connection holds it.
    private unowned let connection: PostgresConnection
    private let sql: String
    private let isUndoing: Bool
    let parameterCount: Int32
    private(set) var values: [PostgresValue]
    /// As last bound: of a NULL, those it had before, so that a column that is now and then NULL makes no further
    /// statement.
    private(set) var types: [Oid]
    private var names: [[Oid]: String] = [:]
    private var result: PostgresResult?
    private var row = -1
    private var counts: [Int] = []

    /// - Parameter sql: With parameters `?1`, `?2` …
    init(_ connection: PostgresConnection, _ sql: String) {
        self.connection = connection
        let (text, count) = PostgresStatement.translate(sql)
        self.sql = text
        isUndoing = text.hasPrefix("ROLLBACK")
        parameterCount = Int32(count)
        values = Array(repeating: .null, count: count)
        types = Array(repeating: 0, count: count)
    }

    /// `?1` as `$1`, outside of quotes.
    static func translate(_ sql: String) -> (sql: String, parameters: Int) {
        var (text, count, isQuoted, isParameter, number) = ("", 0, false, false, 0)
        text.reserveCapacity(sql.utf8.count)
        for character in sql.unicodeScalars {
            if isParameter {
                if let digit = Int(String(character)), character.isASCII {
                    number = number * 10 + digit
                    count = max(count, number)
                } else {
                    isParameter = false
                }
            }
            if character == "'" { isQuoted.toggle() }
            if character == "?", !isQuoted {
                (isParameter, number) = (true, 0)
                text.unicodeScalars.append("$")
            } else {
                text.unicodeScalars.append(character)
            }
        }
        return (text, count)
    }

    // MARK: Parameters

    func bind(_ index: Int32, _ value: PostgresValue) {
        let place = Int(index) - 1
        values[place] = value
        let type = value.type
        if type != 0 { types[place] = type }
    }

    func bind(_ index: Int32, _ value: Int64) { bind(index, .integer(value)) }
    func bindNull(_ index: Int32) { bind(index, .null) }
    func bind(_ index: Int32, number: Double) { bind(index, .number(number)) }
    func bind(_ index: Int32, _ text: String) { bind(index, .text(text)) }
    func bind(_ index: Int32, _ id: RunID) { bind(index, .id(id)) }

    // MARK: Running

    func step() throws -> Bool {
        if result == nil { result = try execute() }
        row += 1
        if row < result?.rowCount ?? 0 { return true }
        reset()
        return false
    }

    @discardableResult
    func run() throws -> Int {
        let count = try execute().changedRows
        reset()
        return count
    }

    /// The whole result; the statement is ready for the next use.
    func execute() throws -> PostgresResult {
        // It is about to undo whatever has gone wrong.
        if isUndoing { try connection.drainFailed() }
        return try connection.run(name: try name(), values)
    }

    func post(isCounted: Bool) throws {
        try connection.post(name: try name(), values, for: isCounted ? self : nil)
    }

    func settle() throws -> [Int] {
        try connection.drain()
        defer { counts = [] }
        return counts
    }

    /// Told what a counted post has changed.
    func note(_ count: Int) { counts.append(count) }

    func reset() {
        result = nil
        row = -1
    }

    private func name() throws -> String {
        if let name = names[types] { return name }
        let name = try connection.prepare(sql, types)
        names[types] = name
        return name
    }

    // MARK: Columns

    func isNull(_ column: Int32) -> Bool { result?.isNull(row, Int(column)) ?? true }
    func integer(_ column: Int32) -> Int64 { result?.integer(row, Int(column)) ?? 0 }
    func number(_ column: Int32) -> Double { result?.number(row, Int(column)) ?? 0 }
    func text(_ column: Int32) -> String { result?.text(row, Int(column)) ?? "" }
    func runID(_ column: Int32) throws -> RunID {
        guard let id = result?.id(row, Int(column)) else {
            throw UnreadableValue(column: name(of: column), value: text(column))
        }
        return id
    }

    func name(of column: Int32) -> String { result?.name(Int(column)) ?? String(column) }

    func optionalFinite(_ column: Int32) throws -> Double? {
        guard let result, !isNull(column) else { return nil }
        return try PostgresRow(result, row).optionalNumber(Int(column))
    }
}
