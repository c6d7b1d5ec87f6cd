extension SourceText {
    /// The most scalars of a line that a diagnostic carries.
    static let excerptLimit = 160
    /// How many scalars before the place stay when a line is cut at its left.
    private static let leftContext = 60

    /// The text of the line that a byte lies in, or a part of it around that byte.
    ///
    /// - Parameters:
    ///   - offset: The byte that must be within the excerpt.
    ///   - column: Its column, from 1.
    /// - Returns: The text, with `…` at its end when the line goes on, and the column of its first scalar.
    ///   Bytes that are no UTF-8 appear as U+FFFD.
    /// - Complexity: O(1): at most some hundred bytes are read.
    func excerpt(around offset: Int, column: Int) -> (text: String, column: Int) {
        let (start, firstColumn) = excerptStart(before: offset, column: column)
        let lineEnd = lineEnd(from: start, limit: SourceText.excerptLimit * 4 + 4)
        var end = start
        var length = 0
        while end < lineEnd, length < SourceText.excerptLimit {
            end += 1
            while end < lineEnd, bytes[end] & 0xC0 == 0x80 { end += 1 }
            length += 1
        }
        let text = String(decoding: bytes[start..<end], as: UTF8.self)
        return (end < lineEnd ? text + "…" : text, firstColumn)
    }

    private func excerptStart(before offset: Int, column: Int) -> (byte: Int, column: Int) {
        var start = offset
        if column <= SourceText.excerptLimit * 3 / 4 {
            while start > 0, bytes[start - 1] != 0x0A, bytes[start - 1] != 0x0D { start -= 1 }
            return (start, 1)
        }
        for _ in 0..<SourceText.leftContext {
            start -= 1
            while bytes[start] & 0xC0 == 0x80, offset - start < SourceText.leftContext * 4 { start -= 1 }
        }
        return (start, column - SourceText.leftContext)
    }
}
