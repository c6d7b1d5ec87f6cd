/// What a request is found by in answers and logs.
enum RequestID {
    /// The client's own when it is sane (1…64 letters, digits, `.`, `_`, `-`), otherwise a new one of 128 random bits.
    ///
    /// A proxy's id is worth keeping: with it one request is one word in every log. Anything else could forge lines.
    static func choose(_ offered: String?) -> String {
        if let offered, (1...64).contains(offered.utf8.count), offered.utf8.allSatisfy(isSane) { return offered }
        return random()
    }

    /// 32 lower-case hexadecimal digits.
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return hex(generator.next()) + hex(generator.next())
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func isSane(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
