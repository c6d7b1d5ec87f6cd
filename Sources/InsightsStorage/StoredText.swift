/// Text from outside, as every store keeps it.
enum StoredText {
    /// `text` with NUL, which not every store takes, as U+FFFD. A Swift string is valid UTF-8 already: whoever decoded
    /// the bytes has put U+FFFD where they were not.
    static func clean(_ text: String) -> String {
        guard text.utf8.contains(0) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(scalar == "\0" ? "\u{FFFD}" : scalar) }
        return String(result)
    }

    static func clean(_ text: String?) -> String? { text.map { clean($0) } }
}
