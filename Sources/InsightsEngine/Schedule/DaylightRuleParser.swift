/// Reads the `TZ` text of a TZif footer, such as `CET-1CEST,M3.5.0,M10.5.0/3` or `<+0530>-5:30`.
///
/// A daylight name without its rule is refused: POSIX leaves the days open then, and RFC 9636 forbids it.
struct DaylightRuleParser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// - Returns: `nil` when the text is anything else.
    mutating func parse() -> TZifFile.Footer? {
        guard name(), let standard = offset() else { return nil }
        if position == bytes.count { return .fixed(standard) }
        guard name() else { return nil }
        var daylight = standard + 3600
        if position < bytes.count, bytes[position] != UInt8(ascii: ",") {
            guard let given = offset() else { return nil }
            daylight = given
        }
        guard let start = edge(), let end = edge(), position == bytes.count else { return nil }
        let rule = DaylightRule(standard: standard, daylight: daylight, start: start, end: end)
        return rule.isPermanent || standard == daylight ? .fixed(daylight) : .daylight(rule)
    }

    /// `CET`, or `<+01>` for names that are not letters alone; at least three characters.
    private mutating func name() -> Bool {
        let isQuoted = take("<")
        let start = position
        while position < bytes.count, isNamePart(bytes[position], quoted: isQuoted) { position += 1 }
        return position - start >= 3 && (!isQuoted || take(">"))
    }

    private func isNamePart(_ byte: UInt8, quoted: Bool) -> Bool {
        let isLetter = (0x41...0x5A).contains(byte & 0xDF)
        return isLetter || quoted && (isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"))
    }

    /// An offset as POSIX has it, positive to the west; given back positive to the east.
    private mutating func offset() -> Int32? {
        guard let seconds = time(mostHours: 24) else { return nil }
        return Int32(-seconds)
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    private mutating func time(mostHours: Int) -> Int? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard var seconds = number(atMost: mostHours).map({ $0 * 3600 }) else { return nil }
        for unit in [60, 1] where take(":") {
            guard let part = number(atMost: 59) else { return nil }
            seconds += part * unit
        }
        return isNegative ? -seconds : seconds
    }

    /// `,M3.5.0/3`, `,J60`, `,59/24`; 02:00 when there is no time.
    private mutating func edge() -> DaylightRule.Edge? {
        guard take(","), let day = day() else { return nil }
        guard take("/") else { return DaylightRule.Edge(day: day, time: 7200) }
        return time(mostHours: 167).map { DaylightRule.Edge(day: day, time: $0) }
    }

    private mutating func day() -> DaylightRule.Edge.Day? {
        if take("J") {
            guard let day = number(atMost: 365), day >= 1 else { return nil }
            return .julian(day)
        }
        guard take("M") else { return number(atMost: 365).map { .ordinal($0) } }
        guard let month = number(atMost: 12), month >= 1, take("."), let week = number(atMost: 5), week >= 1,
            take("."), let day = number(atMost: 6)
        else { return nil }
        return .weekday(month: month, week: week, day: day)
    }

    private mutating func number(atMost most: Int) -> Int? {
        let start = position
        var value = 0
        while position < bytes.count, isDigit(bytes[position]), position - start < 3 {
            value = value * 10 + Int(bytes[position] - 0x30)
            position += 1
        }
        return position > start && value <= most ? value : nil
    }

    private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
        position += 1
        return true
    }
}
