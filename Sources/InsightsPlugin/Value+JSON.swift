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
        if let whole = Int64(exactly: number), abs(number) <= 9_007_199_254_740_992 {
            text += String(whole)
        } else {
            text += number.description
        }
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        // Nearly all text has nothing to escape, and then is appended whole.
        let isPlain = string.utf8.allSatisfy {
            $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 != 0x7F
        }
        if isPlain {
            text += string
            text += "\""
            return
        }
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
