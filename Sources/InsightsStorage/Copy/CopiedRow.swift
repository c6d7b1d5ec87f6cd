internal import Crypto
internal import InsightsEngine

/// A row on its way from store to store, in a form that is the same on both.
struct CopiedRow: Sendable {
    enum Field: Sendable, Hashable {
        case null
        case integer(Int64)
        case number(Double)
        case text(String)
        case id(RunID)
    }

    let fields: [Field]

    /// Reads the row that a statement stands on.
    ///
    /// - Throws: ``UnreadableValue``.
    init(_ statement: any PreparedStatement, _ columns: [CopiedTable.Column]) throws {
        fields = try columns.enumerated().map { place, column in
            let index = Int32(place)
            if statement.isNull(index) { return .null }
            switch column.kind {
            case .integer: return .integer(statement.integer(index))
            case .text: return .text(statement.text(index))
            case .id: return .id(try statement.runID(index))
            case .number:
                // Of the two zeros, as SQLite keeps whole numbers: one.
                return .number(try statement.optionalFinite(index).map { $0 + 0 } ?? 0)
            }
        }
    }

    func bind(to statement: any PreparedStatement) {
        for (place, field) in fields.enumerated() { CopiedRow.bind(field, Int32(place + 1), statement) }
    }

    static func bind(_ field: Field, _ index: Int32, _ statement: any PreparedStatement) {
        switch field {
        case .null: statement.bindNull(index)
        case .integer(let value): statement.bind(index, value)
        case .number(let value): statement.bind(index, number: value)
        case .text(let value): statement.bind(index, value)
        case .id(let value): statement.bind(index, value)
        }
    }
}

/// How many rows of a table there are, and a checksum of them in the order of their key.
struct CopiedSum: Sendable {
    private(set) var count = 0
    private var hash = SHA256()

    /// Takes in the next rows.
    mutating func add(_ rows: [CopiedRow]) {
        var bytes: [UInt8] = []
        for row in rows {
            for field in row.fields {
                switch field {
                case .null: bytes.append(0)
                case .integer(let value): CopiedSum.append(1, UInt64(bitPattern: value), to: &bytes)
                case .number(let value): CopiedSum.append(2, value.bitPattern, to: &bytes)
                case .text(let value):
                    // With its length before it, so that no two lists of texts look the same.
                    CopiedSum.append(3, UInt64(value.utf8.count), to: &bytes)
                    bytes.append(contentsOf: value.utf8)
                case .id(let value):
                    CopiedSum.append(4, value.high, to: &bytes)
                    CopiedSum.append(4, value.low, to: &bytes)
                }
            }
        }
        count += rows.count
        hash.update(data: bytes)
    }

    private static func append(_ tag: UInt8, _ value: UInt64, to bytes: inout [UInt8]) {
        bytes.append(tag)
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// SHA-256, in hexadecimal digits.
    var checksum: String {
        hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
