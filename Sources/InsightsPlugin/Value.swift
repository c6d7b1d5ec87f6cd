/// A JSON value: what parameters, state and log fields are made of.
public enum Value: Hashable, Sendable {
    /// JSON `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A whole number that fits 64 bits.
    case integer(Int64)
    /// Any other number; never NaN or infinite.
    case number(Double)
    /// Text.
    case string(String)
    /// A list.
    case array([Value])
    /// A map that keeps the order of its keys.
    case object(ValueObject)
}

/// A JSON object: string keys in the order in which they were set; each key once.
public struct ValueObject: Sendable {
    private var entries: [(key: String, value: Value)]

    /// Creates an empty object.
    public init() { entries = [] }

    /// Creates an object from pairs; of equal keys the last one's value stays, at the first one's place.
    public init(_ pairs: some Sequence<(String, Value)>) {
        entries = []
        for (key, value) in pairs { self[key] = value }
    }

    /// Creates an object from pairs whose keys the caller has already found to be distinct.
    ///
    /// - Complexity: O(*n*), where `init(_:)` is O(*n*²).
    public init(distinct pairs: [(key: String, value: Value)]) { entries = pairs }

    /// The value of `key`; setting `nil` removes it.
    ///
    /// - Complexity: O(*n*): objects here are small.
    public subscript(key: String) -> Value? {
        get { entries.first { $0.key == key }?.value }
        set {
            let index = entries.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): entries[index].value = value
            case (let index?, nil): entries.remove(at: index)
            case (nil, let value?): entries.append((key, value))
            case (nil, nil): break
            }
        }
    }

    /// The keys, in order.
    public var keys: [String] { entries.map(\.key) }
}

extension ValueObject: RandomAccessCollection {
    /// The position of the first pair.
    public var startIndex: Int { 0 }
    /// One past the position of the last pair.
    public var endIndex: Int { entries.count }
    /// The pair at `position`.
    public subscript(position: Int) -> (key: String, value: Value) { entries[position] }
}

extension ValueObject: Hashable, ExpressibleByDictionaryLiteral {
    /// Equal when both hold the same pairs, in whatever order: JSON objects have none.
    public static func == (lhs: ValueObject, rhs: ValueObject) -> Bool {
        guard lhs.count == rhs.count else { return false }
        if zip(lhs.entries, rhs.entries).allSatisfy({ $0.key == $1.key }) {
            return zip(lhs.entries, rhs.entries).allSatisfy { $0.value == $1.value }
        }
        // Keys that `init(distinct:)` was wrongly given twice are no reason to stop the program.
        return Dictionary(lhs.entries.map { ($0.key, $0.value) }) { first, _ in first }
            == Dictionary(rhs.entries.map { ($0.key, $0.value) }) { first, _ in first }
    }

    /// Hashes the pairs without their order.
    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for entry in entries {
            var one = Hasher()
            one.combine(entry.key)
            one.combine(entry.value)
            sum &+= one.finalize()
        }
        hasher.combine(sum)
    }

    /// Creates an object from a literal.
    public init(dictionaryLiteral elements: (String, Value)...) { self.init(elements) }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A list.
    public init(arrayLiteral elements: Value...) { self = .array(elements) }
    /// An object.
    public init(dictionaryLiteral elements: (String, Value)...) { self = .object(ValueObject(elements)) }
    /// JSON `null`.
    public init(nilLiteral: ()) { self = .null }
}

extension Value {
    /// The text, or `nil` when this is not text.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The boolean, or `nil` when this is none.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The whole number, also of a `number` without a fraction that fits; otherwise `nil`.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }
    /// The number, whole or not; otherwise `nil`.
    public var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    /// The elements, or `nil` when this is not a list.
    public var array: [Value]? { if case .array(let value) = self { value } else { nil } }
    /// The object, or `nil` when this is none.
    public var object: ValueObject? { if case .object(let value) = self { value } else { nil } }

    /// The member `key` of an object; `nil` when this is no object or has no such key.
    public subscript(key: String) -> Value? { object?[key] }

    /// Text, or `null` for `nil`.
    public init(_ value: String?) { self = value.map(Value.string) ?? .null }
    /// An RFC 3339 instant, or `null` for `nil`.
    public init(_ value: Instant?) { self = value.map { .string($0.description) } ?? .null }
    /// Seconds, or `null` for `nil`.
    public init(_ value: Duration?) { self = value.map { .number($0.inSeconds) } ?? .null }
}
