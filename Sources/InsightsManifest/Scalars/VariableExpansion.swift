/// A text with its `${…}` replaced by variables of the environment.
struct ExpandedText: Hashable {
    var text: String
    /// Names that are unset and have no default, each once; nothing stands for them in `text`.
    var unset: [String] = []
    /// Whether anything in `text` is the value of a variable.
    var isFromEnvironment = false
}

/// Why a `${` cannot be read.
struct VariableSyntaxError: Error, Hashable {
    /// The part that is wrong, from its `$`.
    var part: String
    var message: String
}

/// The three forms of the manifest: `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`.
///
/// They are looked for in the text of one scalar, after the YAML was parsed, so that no value can turn into
/// keys or lists; and what a variable holds is not looked at again.
enum VariableExpansion {
    private static let dollar = UInt8(ascii: "$")
    private static let opening = UInt8(ascii: "{")

    /// Whether a text has anything to replace.
    static func isNeeded(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = text.firstIndex(of: dollar) else { return false }
        return text[first...].contains(opening)
    }

    /// Replaces the variables of a text.
    ///
    /// - Parameter environment: A name that is set to an empty text counts as set, but its default holds.
    /// - Throws: ``VariableSyntaxError`` when a `${` is none of the three forms.
    static func expand(_ text: String, environment: [String: String]) throws(VariableSyntaxError) -> ExpandedText {
        let bytes = Array(text.utf8)
        var result = ExpandedText(text: "")
        var output: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index...].starts(with: [dollar, dollar, opening]) {
                output += [dollar, opening]
                index += 3
            } else if bytes[index...].starts(with: [dollar, opening]) {
                let end = try closing(of: index, in: bytes)
                let value = try value(of: bytes[index + 2..<end], environment: environment, into: &result)
                output += value.utf8
                index = end + 1
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        result.text = String(decoding: output, as: UTF8.self)
        return result
    }

    private static func closing(of start: Int, in bytes: [UInt8]) throws(VariableSyntaxError) -> Int {
        guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "}")) else {
            let part = String(decoding: bytes[start...], as: UTF8.self)
            throw VariableSyntaxError(part: part, message: "\(Shown.quoted(part)) has no closing brace")
        }
        return end
    }

    /// What the inside of `${…}` stands for.
    private static func value(
        of inside: ArraySlice<UInt8>, environment: [String: String], into result: inout ExpandedText
    ) throws(VariableSyntaxError) -> String {
        let nameEnd = inside.firstIndex { !isNameByte($0) } ?? inside.endIndex
        let name = String(decoding: inside[..<nameEnd], as: UTF8.self)
        let rest = String(decoding: inside[nameEnd...], as: UTF8.self)
        let isName = name.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        guard isName, rest.isEmpty || rest.hasPrefix(":-"), !rest.contains("${") else {
            let part = "${" + String(decoding: inside, as: UTF8.self) + "}"
            throw VariableSyntaxError(part: part, message: "\(Shown.quoted(part)) is no variable")
        }
        let value = environment[name]
        if !rest.isEmpty, value?.isEmpty ?? true { return String(rest.dropFirst(2)) }
        if let value {
            result.isFromEnvironment = true
            return value
        }
        if !result.unset.contains(name) { result.unset.append(name) }
        return ""
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
