/// How parts of a manifest appear in a message: on one line, of bounded length, nothing that a terminal obeys.
enum Shown {
    private static let limit = 60

    /// The text in double quotes, cut after 60 scalars, control characters escaped.
    static func quoted(_ text: some StringProtocol) -> String {
        var shown = "\""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if index == limit {
                shown += "…"
                break
            }
            shown += escaped(scalar)
        }
        return shown + "\""
    }

    /// `a, b and c`, each in quotes.
    ///
    /// - Parameter word: What stands before the last one: `and`, `or`.
    static func list(_ names: some Collection<String>, _ word: String = "and") -> String {
        let shown = names.map { quoted($0) }
        guard let last = shown.last, shown.count > 1 else { return shown.first ?? "" }
        return shown.dropLast().joined(separator: ", ") + " \(word) " + last
    }

    /// A message that others wrote, on one line and of bounded length: it may quote a value as it is.
    static func line(_ text: String) -> String {
        let isPlain = text.utf8.count <= lineLimit && text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        if isPlain { return text }
        var shown = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if index == lineLimit { return shown + "…" }
            shown += scalar == "\"" ? "\"" : escaped(scalar)
        }
        return shown
    }

    private static let lineLimit = 600

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\"": return "\\\""
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
            return "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        default: return String(scalar)
        }
    }
}
