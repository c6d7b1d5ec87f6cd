/// RFC 3339 text, both ways, without a calendar library: the proleptic Gregorian calendar in UTC.
extension Instant: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds, e.g. `2026-01-04T02:00:00.000Z`.
    public var description: String {
        let days = Int((milliseconds - milliseconds.flooringRemainder(by: 86_400_000)) / 86_400_000)
        var rest = Int(milliseconds.flooringRemainder(by: 86_400_000))
        let date = CivilDate(daysSinceEpoch: days)
        let millisecond = rest % 1000
        rest /= 1000
        if (0...9999).contains(date.year) {
            return Instant.text(date, rest / 3600, rest / 60 % 60, rest % 60, millisecond)
        }
        var text = ""
        text.reserveCapacity(24)
        text += "\(pad: date.year, 4)-\(pad: date.month, 2)-\(pad: date.day, 2)T"
        text += "\(pad: rest / 3600, 2):\(pad: rest / 60 % 60, 2):\(pad: rest % 60, 2)"
        text += ".\(pad: millisecond, 3)Z"
        return text
    }

    /// Digit by digit into the text's own memory: a series is thousands of these.
    private static func text(_ date: CivilDate, _ hour: Int, _ minute: Int, _ second: Int, _ millisecond: Int) -> String
    {
        String(unsafeUninitializedCapacity: 24) { bytes in
            var end = 0
            func put(_ number: Int, _ width: Int, then separator: Unicode.Scalar) {
                var rest = number
                for place in stride(from: end + width - 1, through: end, by: -1) {
                    bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                bytes[end + width] = UInt8(ascii: separator)
                end += width + 1
            }
            put(date.year, 4, then: "-")
            put(date.month, 2, then: "-")
            put(date.day, 2, then: "T")
            put(hour, 2, then: ":")
            put(minute, 2, then: ":")
            put(second, 2, then: ".")
            put(millisecond, 3, then: "Z")
            return end
        }
    }

    /// The date alone, in UTC, e.g. `2026-01-04`.
    public var dateText: String { String(description.prefix { $0 != "T" }) }

    /// Reads an RFC 3339 date-time with its zone offset; a date alone (`2026-01-04`) is midnight UTC.
    ///
    /// - Parameter text: For example `2026-01-04T02:00:00Z` or `2026-01-04t02:00:00.25+01:00`. Fractions
    ///   finer than a millisecond are cut. A leap second (`:60`) is read as the next second's start.
    /// - Returns: `nil` when the text is anything else, or names a day or time that does not exist.
    public init?(_ text: some StringProtocol) {
        var reader = DigitReader(Array(text.utf8))
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2), reader.take("-"),
            let day = reader.digits(2),
            let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
        else { return nil }
        if reader.isAtEnd {
            self.init(seconds: Int64(days) * 86_400)
            return
        }
        guard reader.take("T") || reader.take("t") || reader.take(" "),
            let hour = reader.digits(2), hour < 24, reader.take(":"), let minute = reader.digits(2), minute < 60,
            reader.take(":"), let second = reader.digits(2), second <= 60
        else { return nil }
        var millisecond = 0
        if reader.take(".") {
            guard let fraction = reader.fractionInMilliseconds() else { return nil }
            millisecond = fraction
        }
        var offset = 0
        if !reader.take("Z"), !reader.take("z") {
            guard let sign = reader.sign(), let hours = reader.digits(2), hours < 24, reader.take(":"),
                let minutes = reader.digits(2), minutes < 60
            else { return nil }
            offset = sign * (hours * 3600 + minutes * 60)
        }
        guard reader.isAtEnd else { return nil }
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.init(milliseconds: Int64(seconds) * 1000 + Int64(millisecond))
    }
}

/// A day of the proleptic Gregorian calendar.
package struct CivilDate: Hashable, Sendable {
    package var year: Int
    package var month: Int
    package var day: Int

    package init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The date `days` after 1970-01-01.
    ///
    /// - SeeAlso: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    package init(daysSinceEpoch days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01, or `nil` when no such day exists.
    package var daysSinceEpoch: Int? {
        guard (1...12).contains(month), day >= 1, day <= CivilDate.daysIn(month: month, year: year) else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// How many days `month` (1…12) has in `year`.
    package static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// Reads fixed-width digits from ASCII bytes.
private struct DigitReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
        position += 1
        return true
    }

    mutating func digits(_ count: Int) -> Int? {
        guard position + count <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[position..<position + count] {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        position += count
        return value
    }

    mutating func sign() -> Int? {
        if take("+") { return 1 }
        return take("-") ? -1 : nil
    }

    mutating func fractionInMilliseconds() -> Int? {
        var value = 0
        var count = 0
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            if count < 3 { value = value * 10 + Int(bytes[position] - 0x30) }
            count += 1
            position += 1
        }
        guard count > 0 else { return nil }
        for _ in min(count, 3)..<3 { value *= 10 }
        return value
    }
}

extension DefaultStringInterpolation {
    /// Appends `number` with leading zeros up to `width` digits.
    fileprivate mutating func appendInterpolation(pad number: Int, _ width: Int) {
        let digits = String(number.magnitude)
        if number < 0 { appendLiteral("-") }
        appendLiteral(String(repeating: "0", count: max(0, width - digits.count)))
        appendLiteral(digits)
    }
}
