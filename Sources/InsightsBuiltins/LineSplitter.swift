/// Cuts a stream of bytes into lines.
struct LineSplitter {
    /// What comes of the bytes.
    enum Piece {
        /// A whole line without its end, or the last part of an overlong one.
        case line(ArraySlice<UInt8>)
        /// A part of a line that is longer than the limit; more of it follows.
        case part(ArraySlice<UInt8>)
    }

    private let limit: Int
    private var pending: [UInt8] = []

    /// Creates a splitter.
    ///
    /// - Parameter limit: Bytes that a line may have before it comes in parts: memory stays within this and
    ///   one chunk.
    init(limit: Int) { self.limit = limit }

    /// Hands over the lines that end in `bytes`, in order.
    mutating func feed(_ bytes: [UInt8], _ body: (Piece) throws -> Void) rethrows {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            if pending.isEmpty, line.count <= limit {
                try body(.line(line))
            } else {
                pending += line
                try handOverParts(body)
                defer { pending.removeAll(keepingCapacity: true) }
                try body(.line(pending[...]))
            }
        }
        pending += rest
        try handOverParts(body)
    }

    /// Hands over the last line, if it has no end.
    mutating func finish(_ body: (Piece) throws -> Void) rethrows {
        guard !pending.isEmpty else { return }
        defer { pending = [] }
        try body(.line(pending[...]))
    }

    private mutating func handOverParts(_ body: (Piece) throws -> Void) rethrows {
        while pending.count > limit {
            defer { pending.removeFirst(limit) }
            try body(.part(pending[..<limit]))
        }
    }
}

/// Text from bytes of unknown kind: what is not UTF-8, and NUL, becomes U+FFFD.
func repairedText(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.utf8.contains(0) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : $0 }))
}
