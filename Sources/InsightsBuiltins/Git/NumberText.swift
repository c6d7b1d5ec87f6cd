#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Whole numbers as compact text, for the state: differences of neighbours, seven bits a byte, in Base64.
///
/// A list of thousands of days or commits as JSON would be five times as long, and slow to read.
enum NumberText {
    /// The text of a list; small when neighbours are near each other.
    static func encode(_ numbers: some Sequence<Int64>) -> String {
        var bytes: [UInt8] = []
        var previous: Int64 = 0
        for number in numbers {
            let difference = number &- previous
            // Zigzag: small negative differences become small codes, too.
            var code = UInt64(bitPattern: (difference << 1) ^ (difference >> 63))
            while code >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: code) | 0x80)
                code >>= 7
            }
            bytes.append(UInt8(code))
            previous = number
        }
        return Data(bytes).base64EncodedString()
    }

    /// The list of a text; `nil` when the text is none.
    static func decode(_ text: String) -> [Int64]? {
        guard let bytes = Data(base64Encoded: text) else { return nil }
        var numbers: [Int64] = []
        var previous: Int64 = 0
        var code: UInt64 = 0
        var shift: UInt64 = 0
        for byte in bytes {
            guard shift < 64 else { return nil }
            code |= UInt64(byte & 0x7F) << shift
            shift += 7
            guard byte & 0x80 == 0 else { continue }
            previous = previous &+ (Int64(bitPattern: code >> 1) ^ -Int64(bitPattern: code & 1))
            numbers.append(previous)
            (code, shift) = (0, 0)
        }
        return shift == 0 ? numbers : nil
    }
}
