import InsightsEngine

/// Looks for what a person most likely meant, within a bound on all the looking of one check.
///
/// Comparing each of many misspelt names with each of many tasks would be quadratic: a manifest of
/// 100 000 tasks that all wait for one that was renamed must be told about as fast as any other.
/// A class, as the parts of one check share the bound. One check, one thread.
final class Suggestions {
    /// Comparisons of two names left; one takes about a microsecond.
    private var left = 300_000

    /// The help for an unknown word: the nearest known one, or else all of them when they are few.
    ///
    /// - Parameter kind: What the names are, in the plural: `keys`, `modules`.
    func help(for word: String, among names: [String], kind: String) -> String? {
        if let near = nearest(to: word, among: names) { return "did you mean \(Shown.quoted(near))?" }
        if names.isEmpty { return "there are no \(kind)" }
        return names.count <= 24 ? "known \(kind): " + names.joined(separator: ", ") : nil
    }

    /// The known name nearest to `word`; `nil` when none is near.
    private func nearest(to word: String, among names: [String]) -> String? {
        guard names.count <= left else { return nil }
        left -= names.count
        let length = word.utf8.count
        // More the longer the word is, as more can go wrong; of a letter or two nothing is left after one.
        let edits = length < 3 ? 0 : max(1, min(4, length / 3))
        return NearestName.nearest(to: word, among: names, atMost: edits)
    }
}
