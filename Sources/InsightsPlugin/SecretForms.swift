/// Secrets in all the forms in which a server may send them back, and what takes them out of a text.
///
/// A secret of 8 bytes and more is known as base64 (at any offset, in both alphabets), hexadecimal and percent-encoded, in
/// any case of the letters, as a host or a key is put into lower case; as it is, one of 16 bytes in any case, too. A
/// shorter one is found as it is alone: its encoded forms are so short that they stand in other texts by chance.
///
/// Hosts take secret parameters out of a run's log, summary and error themselves. A module does so with what it emits,
/// where that comes from outside.
public struct SecretForms: Hashable, Sendable {
    private struct Form: Hashable, Sendable {
        /// In lower case where any case will do.
        var bytes: [UInt8]
        var isAnyCase: Bool
    }

    /// The shortest secret that is looked for in other forms, and the shortest whose own letters may be in any case.
    private static let (shortestEncoded, shortestFolded) = (8, 16)

    /// The longest first: of two that begin at one place it counts.
    private let forms: [Form]
    /// By first byte: whether a form begins so.
    private let begins: [Bool]

    /// - Parameter secrets: Their texts, however short; empty ones are left out.
    public init(_ secrets: some Sequence<String>) {
        var forms: Set<Form> = []
        for secret in secrets where !secret.isEmpty { forms.formUnion(SecretForms.forms(of: Array(secret.utf8))) }
        self.forms = forms.sorted { one, other in
            one.bytes.count == other.bytes.count
                ? one.bytes.lexicographicallyPrecedes(other.bytes) : one.bytes.count > other.bytes.count
        }
        var begins = [Bool](repeating: false, count: 256)
        for form in forms {
            begins[Int(form.bytes[0])] = true
            if form.isAnyCase { begins[Int(form.bytes[0].uppercasedASCII)] = true }
        }
        self.begins = begins
    }

    /// Whether there is none.
    public var isEmpty: Bool { forms.isEmpty }

    /// Whether one of them stands in `text`.
    ///
    /// - Complexity: O(bytes × secrets) at worst, mostly one look a byte.
    public func occur(in text: String) -> Bool {
        if forms.isEmpty { return false }
        var text = text
        return text.withUTF8 { first(in: UnsafeRawBufferPointer($0), from: 0) != nil }
    }

    /// Whether one of them stands in `bytes`.
    package func occur(in bytes: [UInt8]) -> Bool {
        forms.isEmpty ? false : bytes.withUnsafeBytes { first(in: $0, from: 0) != nil }
    }

    /// `text` with `***` in the place of each.
    public func replaced(in text: String) -> String {
        if forms.isEmpty { return text }
        var text = text
        let cleaned: [UInt8]? = text.withUTF8 { buffer in
            let bytes = UnsafeRawBufferPointer(buffer)
            guard var found = first(in: bytes, from: 0) else { return nil }
            var cleaned: [UInt8] = []
            var start = 0
            while true {
                cleaned += bytes[start..<found.lowerBound]
                cleaned += "***".utf8
                start = found.upperBound
                guard let next = first(in: bytes, from: start) else { break }
                found = next
            }
            return cleaned + bytes[start...]
        }
        // Whole scalars in UTF-8 match whole scalars only, so what is left is UTF-8, too.
        return cleaned.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    private func first(in bytes: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        begins.withUnsafeBufferPointer { begins in
            var index = start
            while index < bytes.count {
                if begins[Int(bytes[index])] {
                    for form in forms where SecretForms.stands(form, in: bytes, at: index) {
                        return index..<index + form.bytes.count
                    }
                }
                index += 1
            }
            return nil
        }
    }

    private static func stands(_ form: Form, in bytes: UnsafeRawBufferPointer, at index: Int) -> Bool {
        guard index + form.bytes.count <= bytes.count else { return false }
        for offset in form.bytes.indices {
            let byte = bytes[index + offset]
            if form.bytes[offset] != (form.isAnyCase ? byte.lowercasedASCII : byte) { return false }
        }
        return true
    }

    // MARK: The forms of one

    private static func forms(of secret: [UInt8]) -> [Form] {
        let isFolded = secret.count >= shortestFolded
        let plain = Form(bytes: isFolded ? secret.map(\.lowercasedASCII) : secret, isAnyCase: isFolded)
        guard secret.count >= shortestEncoded else { return [plain] }
        let hex = secret.flatMap { digits(of: $0) }
        let percent = secret.flatMap { $0.isUnreservedASCII ? [$0] : [UInt8(ascii: "%")] + digits(of: $0) }
        let wholePercent = secret.flatMap { [UInt8(ascii: "%")] + digits(of: $0) }
        var encoded = [hex, wholePercent] + (0..<3).map { base64(of: secret, after: $0) }
        // Where nothing in it needs the percent sign it is the secret as it is, and held to that length.
        if percent != secret { encoded.append(percent) }
        encoded += encoded.filter { $0.contains(UInt8(ascii: "+")) || $0.contains(UInt8(ascii: "/")) }.map { form in
            form.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
        }
        return [plain] + encoded.map { Form(bytes: $0.map(\.lowercasedASCII), isAnyCase: true) }
    }

    private static func digits(of byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    /// Those digits that depend on nothing but the secret, when `offset` bytes stand before it and any behind it.
    ///
    /// - SeeAlso: RFC 4648, 4.
    private static func base64(of secret: [UInt8], after offset: Int) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bytes = [UInt8](repeating: 0, count: offset) + secret
        let (first, end) = ((offset * 8 + 5) / 6, bytes.count * 8 / 6)
        return (first..<end).map { digit in
            let (index, shift) = (digit * 6 / 8, digit * 6 % 8)
            let pair = Int(bytes[index]) << 8 | (index + 1 < bytes.count ? Int(bytes[index + 1]) : 0)
            return alphabet[pair >> (10 - shift) & 63]
        }
    }
}

extension SecretForms: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// How many forms there are, and none of them.
    public var description: String { "secrets in \(forms.count) forms" }
    /// As ``description``.
    public var debugDescription: String { description }
    /// Without children: `dump` shows none.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension UInt8 {
    fileprivate var uppercasedASCII: UInt8 { (0x61...0x7A).contains(self) ? self - 0x20 : self }

    /// RFC 3986, 2.3.
    fileprivate var isUnreservedASCII: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
            || [0x2D, 0x2E, 0x5F, 0x7E].contains(self)
    }
}
