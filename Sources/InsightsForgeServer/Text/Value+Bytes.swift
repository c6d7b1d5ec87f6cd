private import Glibc
internal import InsightsPlugin

extension Value {
    /// Compact JSON text (RFC 8259) as bytes.
    ///
    /// It says what `json` says, but copies texts without escapes as a whole: a list of a hundred repositories is half
    /// a megabyte, which a test's build without optimisation would write scalar by scalar.
    var jsonBytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .string(let text): Value.write(text, to: &bytes)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (index, pair) in object.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Value.write(pair.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                pair.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .null, .bool, .number: bytes.append(contentsOf: json.utf8)
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        let isPlain = text.withCString { start in
            // Up to the first letter that JSON has to escape, or to a NUL within the text: strcspn(3).
            let count = strcspn(start, escaped)
            guard count == text.utf8.count else { return false }
            bytes.append(UInt8(ascii: "\""))
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
            bytes.append(UInt8(ascii: "\""))
            return true
        }
        if !isPlain { bytes.append(contentsOf: Value.string(text).json.utf8) }
    }

    /// `"`, `\`, and all control characters but NUL.
    private static let escaped =
        "\"\\\u{7F}" + String(String.UnicodeScalarView((1..<0x20).compactMap { Unicode.Scalar(UInt32($0)) }))
}
