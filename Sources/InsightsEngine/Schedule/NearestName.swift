/// Finds the name that a person most likely meant.
package enum NearestName {
    /// The one of `names` that is fewest edits from `word`, letters compared in any case.
    ///
    /// An edit is a letter put in, left out, replaced, or swapped with its neighbour. As many are allowed as
    /// a typing mistake makes: one in four letters, so that `PST` is never "corrected" to `EST`.
    ///
    /// - Parameter limit: The most edits, where the names are few and the word short; `nil`: one in four letters.
    /// - Returns: `nil` when none is that near; of equally near ones the first.
    /// - Complexity: O(names × length²) at worst; for errors, not for a hot path.
    package static func nearest(
        to word: String, among names: some Sequence<String>, atMost limit: Int? = nil
    ) -> String? {
        let wanted = Array(word.lowercased().utf8)
        guard wanted.count <= 64 else { return nil }
        var best: String?
        var bestDistance = (limit ?? wanted.count / 4) + 1
        for name in names {
            let candidate = Array(name.lowercased().utf8)
            guard abs(candidate.count - wanted.count) < bestDistance else { continue }
            let distance = edits(wanted, candidate)
            if distance < bestDistance {
                best = name
                bestDistance = distance
            }
        }
        return best
    }

    /// The optimal string alignment distance.
    private static func edits(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in right.indices {
                var cost = min(last[column + 1], current[column]) + 1
                cost = min(cost, last[column] + (left[row] == right[column] ? 0 : 1))
                let isSwap = row > 0 && column > 0 && left[row] == right[column - 1] && left[row - 1] == right[column]
                if isSwap { cost = min(cost, beforeLast[column - 1] + 1) }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
