/// The patterns that modules declare, compiled once each.
///
/// A class, as the parts of one check share it. One check, one thread.
final class PatternCache {
    private var compiled: [String: Regex<AnyRegexOutput>?] = [:]

    /// Whether a pattern of ECMA-262 is found within `text`, as JSON Schema's `pattern` asks.
    ///
    /// Scalars are compared, not grapheme clusters, and classes such as `\d` are ASCII, as in ECMA-262.
    ///
    /// - Returns: `nil` when the pattern cannot be read.
    func isMatch(_ text: String, _ pattern: String) -> Bool? {
        guard let regex = regex(pattern) else { return nil }
        // A match that fails to run is none: it can only be given up for the same reasons as compiling it.
        return (try? regex.firstMatch(in: text)) != nil
    }

    private func regex(_ pattern: String) -> Regex<AnyRegexOutput>? {
        if let known = compiled[pattern] { return known }
        // A module's malformed pattern is told where it is used; why it is malformed helps no user.
        let regex = try? Regex(pattern).matchingSemantics(.unicodeScalar).asciiOnlyCharacterClasses()
        compiled[pattern] = regex
        return regex
    }
}
