/// JSON text (RFC 8259) as it grows, in UTF-8: compact, or with two spaces of indentation a level.
///
/// Bytes rather than a `String`, so that a list of many thousand lines is written without one for each.
package struct JSONText: Sendable {
    /// What was written so far.
    package var bytes: [UInt8] = []

    package init() {}

    /// A value's compact text.
    package init(_ value: Value) { append(value) }

    /// Appends a value.
    ///
    /// - Parameter indent: How many spaces its own line begins with; `nil`: compact.
    package mutating func append(_ value: Value, indent: Int? = nil) {
        switch value {
        case .null: append(literal: "null")
        case .bool(let value): append(literal: value ? "true" : "false")
        case .integer(let value): bytes.append(decimal: value)
        case .number(let value): append(value)
        case .string(let value): append(value)
        case .array(let elements):
            appendList(elements, brackets: ("[", "]"), indent: indent) { element, text, inner in
                text.append(element, indent: inner)
            }
        case .object(let object):
            appendList(object, brackets: ("{", "}"), indent: indent) { entry, text, inner in
                text.append(entry.key)
                text.append(literal: inner == nil ? ":" : ": ")
                text.append(entry.value, indent: inner)
            }
        }
    }

    /// Appends text that is JSON already.
    package mutating func append(literal text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Appends a number, whole ones without a fraction, others as short as they stay exact.
    ///
    /// - Precondition: It is finite: JSON has no NaN and no infinity.
    package mutating func append(_ number: Double) { bytes.append(shortest: number) }

    /// Appends text in quotes, with what cannot stand there escaped.
    package mutating func append(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        // Nearly all text has nothing to escape, and then is appended whole.
        let isPlain = bytes.append(string) {
            $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 != 0x7F
        }
        if !isPlain { appendEscaped(string) }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ string: String) {
        let digits = Array("0123456789abcdef".utf8)
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append(literal: "\\\"")
            case UInt8(ascii: "\\"): append(literal: "\\\\")
            case UInt8(ascii: "\n"): append(literal: "\\n")
            case UInt8(ascii: "\r"): append(literal: "\\r")
            case UInt8(ascii: "\t"): append(literal: "\\t")
            case 0..<0x20, 0x7F:
                append(literal: "\\u00")
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
    }

    private mutating func appendList<Items: Collection>(
        _ items: Items, brackets: (StaticString, StaticString), indent: Int?,
        item: (Items.Element, inout JSONText, Int?) -> Void
    ) {
        append(literal: brackets.0)
        let inner = indent.map { $0 + 2 }
        var isFirst = true
        for element in items {
            if !isFirst { append(literal: ",") }
            isFirst = false
            if let inner { appendLine(indented: inner) }
            item(element, &self, inner)
        }
        if let indent, !items.isEmpty { appendLine(indented: indent) }
        append(literal: brackets.1)
    }

    private mutating func appendLine(indented count: Int) {
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: count))
    }
}

extension Value {
    /// Compact JSON text (RFC 8259) with the keys in their own order and `/` not escaped.
    public var json: String { text(indent: nil) }

    /// JSON text with two spaces of indentation a level and no final newline.
    public var prettyJSON: String { text(indent: 0) }

    private func text(indent: Int?) -> String {
        var text = JSONText()
        text.append(self, indent: indent)
        return String(decoding: text.bytes, as: UTF8.self)
    }
}

extension [UInt8] {
    /// Appends `text` if every byte of it is as `isPlain` says, and otherwise nothing.
    ///
    /// - Returns: Whether it did.
    @inlinable
    package mutating func append(_ text: String, if isPlain: (UInt8) -> Bool) -> Bool {
        var text = text
        return text.withUTF8 { utf8 in
            guard utf8.allSatisfy(isPlain) else { return false }
            append(contentsOf: utf8)
            return true
        }
    }

    /// Appends a number as JSON has it: whole ones without a fraction, others as short as they stay exact.
    ///
    /// - Precondition: It is finite: JSON has no NaN and no infinity.
    package mutating func append(shortest number: Double) {
        precondition(number.isFinite, "JSON has no NaN and no infinity")
        if let whole = Int64(exactly: number), whole.magnitude <= 9_007_199_254_740_992 {
            append(decimal: whole)
        } else {
            append(contentsOf: number.description.utf8)
        }
    }

    /// Appends a whole number in decimal digits.
    package mutating func append(decimal number: Int64) {
        var rest = number.magnitude
        if number < 0 { append(UInt8(ascii: "-")) }
        // 20 digits are enough for 64 bits.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = 20
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(contentsOf: digits[first...])
        }
    }
}
