import InsightsPlugin

/// How a scalar's text is read as each of the types that a key can ask for; quotes make no difference.
enum ScalarText {
    /// A whole number, or why the text is none.
    enum Integer: Equatable {
        case value(Int64)
        /// Digits, but more than 64 bits hold.
        case tooLarge
        case none
    }

    /// `true false yes no on off`, any case.
    static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    /// Decimal digits, with a sign or without.
    static func integer(_ text: String) -> Integer {
        let digits =
            text.utf8.first.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } ?? false
            ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return .none }
        return Int64(text).map(Integer.value) ?? .tooLarge
    }

    /// A decimal number, with a fraction and an exponent or without: `2`, `-0.5`, `1e3`.
    ///
    /// - Returns: `nil` for anything else, also for what no finite `Double` is near.
    static func number(_ text: String) -> Double? {
        var rest = text.utf8[...]
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let whole = takeDigits(&rest)
        var fraction = 0
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = takeDigits(&rest)
        }
        guard whole + fraction > 0 else { return nil }
        if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest = rest.dropFirst() }
            guard takeDigits(&rest) > 0 else { return nil }
        }
        guard rest.isEmpty, let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// An RFC 3339 instant with date, time and offset.
    ///
    /// A date alone is not taken for its midnight here: of which zone would be a guess.
    static func instant(_ text: String) -> Instant? {
        text.utf8.count > 10 ? Instant(text) : nil
    }

    /// A plain scalar of no asked-for type, by YAML 1.2's core schema: null, boolean, number, or else text.
    static func untyped(_ text: String) -> Value {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        if case .value(let integer) = integer(text) { return .integer(integer) }
        return number(text).map(Value.number) ?? .string(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func takeDigits(_ rest: inout Substring.UTF8View) -> Int {
        let digits = rest.prefix(while: isDigit).count
        rest = rest.dropFirst(digits)
        return digits
    }
}
