/// Why bytes are not one JSON text.
public struct JSONError: Error, Hashable, CustomStringConvertible, Sendable {
    /// What is wrong, for people.
    public let reason: String
    /// Where, in bytes from 0.
    public let offset: Int

    /// `reason at byte offset`.
    public var description: String { "not valid JSON: \(reason) at byte \(offset)" }
}

extension Value {
    /// Reads one JSON text (RFC 8259), strictly, and keeps the order of an object's keys.
    ///
    /// Written here because Foundation's decoder loses that order, lets trailing commas pass, and would make every
    /// author of a plugin link Foundation.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8.
    ///   - depthLimit: Most levels that lists and objects nest, at most 128: each takes its room on the stack.
    /// - Throws: ``JSONError`` for anything else, two equal keys among it.
    public init(json bytes: some Sequence<UInt8>, depthLimit: Int = 128) throws(JSONError) {
        var parser = JSONParser(bytes: Array(bytes), depthLimit: min(depthLimit, 128))
        self = try parser.parseText()
    }
}

/// A recursive-descent reader of RFC 8259.
private struct JSONParser {
    private let depthLimit: Int
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(bytes: [UInt8], depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    mutating func parseText() throws(JSONError) -> Value {
        skipSpace()
        let value = try parseValue()
        skipSpace()
        guard position == bytes.count else { throw failure("something follows the value") }
        return value
    }

    private mutating func parseValue() throws(JSONError) -> Value {
        guard let first = peek else { throw failure("a value is missing") }
        switch first {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONError) in try parser.parseObject() }
        case UInt8(ascii: "["): return try nested { parser throws(JSONError) in try parser.parseArray() }
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parse("true", as: .bool(true))
        case UInt8(ascii: "f"): return try parse("false", as: .bool(false))
        case UInt8(ascii: "n"): return try parse("null", as: .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        default: throw failure("no value begins like this")
        }
    }

    private mutating func nested(
        _ parse: (inout JSONParser) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        depth += 1
        guard depth <= depthLimit else { throw failure("more than \(depthLimit) levels") }
        position += 1
        let value = try parse(&self)
        depth -= 1
        return value
    }

    private mutating func parseArray() throws(JSONError) -> Value {
        var items: [Value] = []
        skipSpace()
        if take("]") { return .array(items) }
        while true {
            skipSpace()
            items.append(try parseValue())
            skipSpace()
            if take("]") { return .array(items) }
            guard take(",") else { throw failure("a comma or ] is missing") }
        }
    }

    private mutating func parseObject() throws(JSONError) -> Value {
        var entries: [(key: String, value: Value)] = []
        var keys: Set<String> = []
        skipSpace()
        if take("}") { return .object(ValueObject()) }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("a key in quotes is missing") }
            let key = try parseString()
            guard keys.insert(key).inserted else { throw failure("the key \"\(key.prefix(40))\" stands twice") }
            skipSpace()
            guard take(":") else { throw failure("a colon is missing") }
            skipSpace()
            entries.append((key, try parseValue()))
            skipSpace()
            if take("}") { return .object(ValueObject(distinct: entries)) }
            guard take(",") else { throw failure("a comma or } is missing") }
        }
    }

    private mutating func parseString() throws(JSONError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw failure("text that is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): try parseEscape(into: &text)
            case 0..<0x20: throw failure("a control character in a text")
            default: text.append(byte)
            }
        }
        throw failure("a text without its end")
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = peek else { throw failure("a text without its end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try parseHex()
            if (0xD800..<0xDC00).contains(unit), take("\\"), take("u") {
                let low = try parseHex()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw failure("half of a surrogate pair") }
            text.append(contentsOf: String(Character(scalar)).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func parseHex() throws(JSONError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure("a text without its end") }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("\\u wants four hex digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    private mutating func parseNumber() throws(JSONError) -> Value {
        let start = position
        var isWhole = true
        _ = take("-")
        if !take("0") { try skipDigits() }
        if take(".") {
            isWhole = false
            try skipDigits()
        }
        if take("e") || take("E") {
            isWhole = false
            if !take("+") { _ = take("-") }
            try skipDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw failure("a number out of range") }
        return .number(number)
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw failure("a digit is missing") }
    }

    private mutating func parse(_ word: StaticString, as value: Value) throws(JSONError) -> Value {
        for offset in 0..<word.utf8CodeUnitCount {
            guard peek == word.utf8Start[offset] else { throw failure("no value begins like this") }
            position += 1
        }
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard let byte = peek, UInt32(byte) == character.value else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func failure(_ reason: String) -> JSONError { JSONError(reason: reason, offset: position) }
}
