#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

extension Value {
    /// Compact JSON text (RFC 8259) with the keys in their own order and `/` not escaped.
    public var json: String {
        var text = ""
        write(to: &text, indent: nil)
        return text
    }

    /// JSON text with two spaces of indentation a level and no final newline.
    public var prettyJSON: String {
        var text = ""
        write(to: &text, indent: 0)
        return text
    }

    /// Reads one JSON text.
    ///
    /// - Parameter bytes: UTF-8; at most 512 levels deep.
    /// - Returns: The value. The order of an object's keys is sorted, as the decoder does not tell it.
    /// - Throws: ``JSONError`` with the reason when the bytes are not one JSON value.
    public init(json bytes: some Sequence<UInt8>) throws(JSONError) {
        do {
            self = try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw JSONError(description: "not valid JSON: \(error)")
        }
    }

    private func write(to text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): Value.write(value, to: &text)
        case .string(let value): Value.write(value, to: &text)
        case .array(let elements):
            Value.writeList(elements, brackets: ("[", "]"), to: &text, indent: indent) { element, text, inner in
                element.write(to: &text, indent: inner)
            }
        case .object(let object):
            Value.writeList(object, brackets: ("{", "}"), to: &text, indent: indent) { entry, text, inner in
                Value.write(entry.key, to: &text)
                text += inner == nil ? ":" : ": "
                entry.value.write(to: &text, indent: inner)
            }
        }
    }

    private static func writeList<Items: Collection>(
        _ items: Items, brackets: (String, String), to text: inout String, indent: Int?,
        item: (Items.Element, inout String, Int?) -> Void
    ) {
        text += brackets.0
        let inner = indent.map { $0 + 2 }
        var isFirst = true
        for element in items {
            if !isFirst { text += "," }
            isFirst = false
            if let inner { text += "\n" + String(repeating: " ", count: inner) }
            item(element, &text, inner)
        }
        if let indent, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
        text += brackets.1
    }

    private static func write(_ number: Double, to text: inout String) {
        precondition(number.isFinite, "JSON has no NaN and no infinity")
        if let whole = Int64(exactly: number), abs(number) < 9_007_199_254_740_992 {
            text += String(whole)
        } else {
            text += number.description
        }
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\0"..."\u{1F}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

/// Why bytes are not JSON.
public struct JSONError: Error, CustomStringConvertible, Sendable {
    /// The reason, for people.
    public let description: String
}

extension Value: Codable {
    /// Reads any JSON value; whole numbers that fit 64 bits become ``integer(_:)``.
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: AnyKey.self) {  // tells an object from the rest
            let keys = container.allKeys.sorted { $0.stringValue < $1.stringValue }
            self = .object(
                ValueObject(distinct: try keys.map { ($0.stringValue, try container.decode(Value.self, forKey: $0)) }))
            return
        }
        if var container = try? decoder.unkeyedContainer() {  // tells a list from a scalar
            var elements: [Value] = []
            while !container.isAtEnd { elements.append(try container.decode(Value.self)) }
            self = .array(elements)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {  // each try? asks whether the scalar is of that type
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {  // as above
            self = .integer(value)
        } else if let value = try? container.decode(Double.self), value.isFinite {  // as above
            self = .number(value)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    /// Writes this value; the encoder decides on the order of keys.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let object):
            var container = encoder.container(keyedBy: AnyKey.self)
            for entry in object { try container.encode(entry.value, forKey: AnyKey(stringValue: entry.key)) }
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value): try encodeScalar(value, to: encoder)
        case .integer(let value): try encodeScalar(value, to: encoder)
        case .number(let value): try encodeScalar(value, to: encoder)
        case .string(let value): try encodeScalar(value, to: encoder)
        }
    }

    private func encodeScalar(_ value: some Encodable, to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// A key of any name.
struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
