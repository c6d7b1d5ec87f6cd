/// The well-formed byte sequences of UTF-8 (Unicode 17, table 3-7).
enum UTF8Sequence {
    /// The length of the sequence that begins at `index`, and whether it is well formed.
    ///
    /// - Returns: Of an ill-formed one the length of its longest prefix that some well-formed one has, at
    ///   least 1: what decoders replace by one U+FFFD.
    static func measure(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> (length: Int, isValid: Bool) {
        let first = text[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0..<0x80: return (1, true)
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return (1, false)
        }
        guard index + 1 < text.count, second.contains(text[index + 1]) else { return (1, false) }
        for further in 2..<max(length, 2) {
            guard index + further < text.count, (0x80...0xBF).contains(text[index + further]) else {
                return (further, false)
            }
        }
        return (length, true)
    }
}
