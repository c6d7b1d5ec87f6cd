import InsightsPlugin

/// Reads one duration from ASCII bytes, in whole milliseconds.
struct DurationReader {
    private let bytes: [UInt8]
    private let text: String
    private var position = 0

    /// - Parameters:
    ///   - bytes: Without white space.
    ///   - text: The same, to be quoted in errors.
    init(_ bytes: [UInt8], text: String) {
        self.bytes = bytes
        self.text = text
    }

    /// `1h30m`, or whole seconds without a unit.
    mutating func sum() throws(DurationTextError) -> Int64 {
        var total: Int64 = 0
        var seen: Set<String> = []
        repeat {
            guard let number = number(decimalSign: [0x2E]) else { throw .malformed(text) }
            let unit = word()
            if unit.isEmpty, position == bytes.count, seen.isEmpty {
                return try bareSeconds(number)
            }
            guard let length = try milliseconds(perUnit: unit, number) else {
                throw unit.isEmpty ? .malformed(text) : .unknownUnit(unit, in: text)
            }
            guard seen.insert(unit).inserted else {
                throw DurationTextError(
                    .malformed, "\"\(text)\" has \"\(unit)\" twice", help: "give each unit once, such as 1h30m")
            }
            total = try adding(number, of: length, to: total)
        } while position < bytes.count
        return total
    }

    /// `P1DT2H`, `P2W`, `PT0.5S`.
    ///
    /// - SeeAlso: ISO 8601-1:2019, 5.5.2.
    mutating func isoDuration() throws(DurationTextError) -> Int64 {
        position = 1
        var total: Int64 = 0
        var rank = 0
        var inTime = false
        var hadFraction = false
        var parts = 0
        while position < bytes.count {
            if !inTime, bytes[position] == UInt8(ascii: "T") {
                inTime = true
                position += 1
                guard position < bytes.count else { throw .malformed(text) }
                continue
            }
            guard !hadFraction, let number = number(decimalSign: [0x2E, 0x2C]), position < bytes.count else {
                throw .malformed(text)
            }
            let unit = try isoUnit(bytes[position], inTime: inTime)
            guard unit.rank > rank else { throw .malformed(text) }
            position += 1
            rank = unit.rank
            hadFraction = number.hasFraction
            parts += 1
            total = try adding(number, of: unit.length, to: total)
        }
        guard parts > 0 else { throw .malformed(text) }
        return total
    }

    private func isoUnit(_ letter: UInt8, inTime: Bool) throws(DurationTextError) -> (rank: Int, length: Int64) {
        switch (Character(Unicode.Scalar(letter)), inTime) {
        case ("Y", false): throw .calendarUnit("years", in: text)
        case ("M", false): throw .calendarUnit("months", in: text)
        case ("W", false): (1, 604_800_000)
        case ("D", false): (2, 86_400_000)
        case ("H", true): (3, 3_600_000)
        case ("M", true): (4, 60_000)
        case ("S", true): (5, 1000)
        default: throw .malformed(text)
        }
    }

    private func bareSeconds(_ number: DecimalNumber) throws(DurationTextError) -> Int64 {
        guard !number.hasFraction else {
            throw DurationTextError(
                .malformed, "\"\(text)\" has a fraction but no unit", help: "add the unit: \(text)s for seconds")
        }
        return try adding(number, of: 1000, to: 0)
    }

    /// The length of `unit`; `nil` when there is no such unit. `number` says what a finer unit amounts to.
    private func milliseconds(perUnit unit: String, _ number: DecimalNumber) throws(DurationTextError) -> Int64? {
        switch unit {
        case "ms": return 1
        case "s": return 1000
        case "m": return 60_000
        case "h": return 3_600_000
        case "d": return 86_400_000
        case "w": return 604_800_000
        case "us", "µs", "μs": throw .tooFine(text, nearest: .milliseconds(number.whole / 1000))
        case "ns": throw .tooFine(text, nearest: .milliseconds(number.whole / 1_000_000))
        default: break
        }
        switch unit.lowercased() {
        case "mo", "mon", "month", "months": throw .calendarUnit("months", in: text)
        case "y", "yr", "year", "years", "a": throw .calendarUnit("years", in: text)
        default: return nil
        }
    }

    /// `total` plus `number` units of `length` milliseconds, exactly.
    private func adding(
        _ number: DecimalNumber, of length: Int64, to total: Int64
    ) throws(DurationTextError) -> Int64 {
        let (whole, wholeOverflow) = number.whole.multipliedReportingOverflow(by: length)
        guard !number.overflows, !wholeOverflow else { throw .tooLong(text) }
        let fraction = number.fraction * length
        let (part, partOverflow) = whole.addingReportingOverflow(fraction / number.scale)
        let (sum, sumOverflow) = total.addingReportingOverflow(part)
        guard !partOverflow, !sumOverflow else { throw .tooLong(text) }
        guard !number.isTooFine, fraction % number.scale == 0 else {
            throw .tooFine(text, nearest: .milliseconds(sum))
        }
        return sum
    }

    /// Letters and other characters up to the next digit or decimal sign.
    private mutating func word() -> String {
        let start = position
        while position < bytes.count, !isDigit(bytes[position]), bytes[position] != 0x2E { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// Digits, and a fraction of at least one digit after a decimal sign.
    private mutating func number(decimalSign: [UInt8]) -> DecimalNumber? {
        var number = DecimalNumber()
        let start = position
        while position < bytes.count, isDigit(bytes[position]) {
            number.append(whole: Int64(bytes[position] - 0x30))
            position += 1
        }
        guard position > start else { return nil }
        guard position < bytes.count, decimalSign.contains(bytes[position]) else { return number }
        position += 1
        let fractionStart = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        guard position > fractionStart else { return nil }
        number.setFraction(bytes[fractionStart..<position])
        return number
    }
}

/// A decimal number kept exactly: `whole + fraction / scale`.
private struct DecimalNumber {
    var whole: Int64 = 0
    var overflows = false
    var fraction: Int64 = 0
    var scale: Int64 = 1
    /// Whether a fraction was written, even `.0`.
    var hasFraction = false
    /// Whether the fraction has digits that no unit can turn into whole milliseconds.
    var isTooFine = false

    mutating func append(whole digit: Int64) {
        let (product, first) = whole.multipliedReportingOverflow(by: 10)
        let (sum, second) = product.addingReportingOverflow(digit)
        overflows = overflows || first || second
        whole = sum
    }

    /// Keeps ten digits: a week is 2¹⁰ × 590 625 ms, so an eleventh that is not zero always leaves a part
    /// of a millisecond, and ten of them times a week still fit into 64 bits.
    mutating func setFraction(_ digits: ArraySlice<UInt8>) {
        hasFraction = true
        for digit in digits.prefix(10) {
            fraction = fraction * 10 + Int64(digit - 0x30)
            scale *= 10
        }
        isTooFine = digits.dropFirst(10).contains { $0 != 0x30 }
    }
}
