import InsightsEngine

/// Checks that a file is text: UTF-8 without a byte order mark, and no control characters.
struct EncodingChecker {
    let source: SourceText
    let sink: DiagnosticSink

    /// Tells of everything that is no text.
    ///
    /// - Returns: Whether YAML can be read from it. Guessing at broken text would tell of problems that are none.
    func check() -> Bool {
        if let (name, length, help) = EncodingChecker.foreignStart(source.bytes.prefix(4)) {
            sink.error(.encoding, at: Place(start: 0, end: length), "the file \(name)", help: help)
            return false
        }
        for fault in source.faults.prefix(SourceText.faultLimit) { tell(fault) }
        if source.faults.count > SourceText.faultLimit {
            sink.error(
                .limit, at: source.faults[SourceText.faultLimit].place,
                "only the first \(SourceText.faultLimit) characters that are none are listed, and there are more",
                help: "is this file a manifest at all?")
        }
        return source.faults.isEmpty
    }

    private func tell(_ fault: TextFault) {
        switch fault.kind {
        case .notUTF8:
            let bytes = source.bytes[fault.place.start..<fault.place.end]
            let shown = bytes.map { "0x" + String($0, radix: 16, uppercase: true) }.joined(separator: " ")
            sink.error(
                .encoding, at: fault.place, "not UTF-8: \(shown)",
                help: "save the file as UTF-8; from Latin-1, iconv -f LATIN1 -t UTF-8 does it")
        case .control(let code):
            let digits = String(code, radix: 16, uppercase: true)
            let name = "U+" + String(repeating: "0", count: 4 - digits.count) + digits
            sink.error(
                .syntax, at: fault.place, "control character \(name) is not allowed in YAML",
                help: "take it out, or write it as an escape in double quotes")
        }
    }

    /// What a file begins with that is not plain UTF-8: its name, length in bytes, and the way out.
    private static func foreignStart(_ start: ArraySlice<UInt8>) -> (String, Int, String)? {
        let convert = "save it as UTF-8, for example with iconv -f UTF-16 -t UTF-8"
        switch Array(start) {
        case let bytes where bytes.starts(with: [0xEF, 0xBB, 0xBF]):
            return (
                "begins with a byte order mark", 3, "save it as UTF-8 without one (\"UTF-8\", not \"UTF-8 with BOM\")"
            )
        case let bytes where bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]):
            return ("is UTF-32, not UTF-8", 4, "save it as UTF-8, for example with iconv -f UTF-32 -t UTF-8")
        case let bytes where bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]):
            return ("is UTF-16, not UTF-8", 2, convert)
        case let bytes
        where bytes.count == 4 && (bytes[0] == 0) != (bytes[1] == 0) && (bytes[2] == 0) != (bytes[3] == 0):
            return ("is UTF-16, not UTF-8", 1, convert)
        default: return nil
        }
    }
}
