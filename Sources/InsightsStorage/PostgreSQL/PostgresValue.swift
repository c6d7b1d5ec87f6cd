internal import CLibPQ
internal import InsightsEngine
internal import InsightsPlugin

/// The value of a parameter, and how it is put on the wire: in binary, so that nothing is parsed twice.
enum PostgresValue {
    case null
    case integer(Int64)
    case number(Double)
    case text(String)
    case id(RunID)
    /// An array in the server's binary form; the type is the array's.
    case array(PostgresArray)

    /// The type that is told to the server; 0 leaves it to the server.
    ///
    /// - SeeAlso: `pg_type.dat` in the server's source: these numbers never change.
    var type: Oid {
        switch self {
        case .null: 0
        case .integer: PostgresType.int8
        case .number: PostgresType.float8
        case .text: PostgresType.text
        case .id: PostgresType.uuid
        case .array(let array): array.type
        }
    }

    /// Appends the value's bytes.
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: break
        case .integer(let value): bytes.append(bigEndian: value)
        case .number(let value): bytes.append(bigEndian: value.bitPattern)
        case .text(let value): bytes.append(contentsOf: value.utf8)
        case .id(let id):
            bytes.append(bigEndian: id.high)
            bytes.append(bigEndian: id.low)
        case .array(let array): array.append(to: &bytes)
        }
    }
}

enum PostgresType {
    static let int8: Oid = 20
    static let text: Oid = 25
    static let float8: Oid = 701
    static let uuid: Oid = 2950
    static let int8Array: Oid = 1016
    static let textArray: Oid = 1009
    static let uuidArray: Oid = 2951
}

/// A one-dimensional array of values of one type, gathered in its wire form.
///
/// - SeeAlso: `array_recv` in the server's source.
struct PostgresArray {
    let type: Oid
    private let element: Oid
    private(set) var count: Int32 = 0
    private var hasNull = false
    private var bytes: [UInt8] = []

    private init(type: Oid, element: Oid, capacity: Int, width: Int) {
        self.type = type
        self.element = element
        bytes.reserveCapacity(capacity * (4 + width))
    }

    static func integers(capacity: Int) -> PostgresArray {
        PostgresArray(type: PostgresType.int8Array, element: PostgresType.int8, capacity: capacity, width: 8)
    }

    static func texts(capacity: Int) -> PostgresArray {
        PostgresArray(type: PostgresType.textArray, element: PostgresType.text, capacity: capacity, width: 0)
    }

    static func ids(capacity: Int) -> PostgresArray {
        PostgresArray(type: PostgresType.uuidArray, element: PostgresType.uuid, capacity: capacity, width: 16)
    }

    mutating func append(_ value: Int64) {
        begin(8)
        bytes.append(bigEndian: value)
    }

    mutating func append(_ value: Int64?) {
        if let value { append(value) } else { appendNull() }
    }

    mutating func append(_ value: Bool) { append(value ? 1 as Int64 : 0) }

    mutating func append(_ id: RunID) {
        begin(16)
        bytes.append(bigEndian: id.high)
        bytes.append(bigEndian: id.low)
    }

    mutating func append(_ text: String?) {
        guard let text else { return appendNull() }
        begin(Int32(clamping: text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func appendNull() {
        begin(-1)
        hasNull = true
    }

    private mutating func begin(_ length: Int32) {
        count += 1
        bytes.append(bigEndian: length)
    }

    fileprivate func append(to target: inout [UInt8]) {
        target.append(bigEndian: count == 0 ? 0 : 1 as Int32)
        target.append(bigEndian: hasNull ? 1 : 0 as Int32)
        target.append(bigEndian: element)
        guard count > 0 else { return }
        target.append(bigEndian: count)
        target.append(bigEndian: 1 as Int32)
        target.append(contentsOf: bytes)
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
