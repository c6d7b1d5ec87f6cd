/// Why a text is not a duration, and what to write instead.
package struct DurationTextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of mistake, for programs and tests; `message` says it to people.
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// Nothing but white space.
        case empty
        /// Below zero.
        case negative
        /// Months or years, which have no fixed length.
        case calendarUnit
        /// A letter after a number that is no unit.
        case unknownUnit
        /// A fraction or a unit finer than a millisecond.
        case tooFine
        /// More milliseconds than fit into 64 bits.
        case tooLong
        /// Anything else.
        case malformed
    }

    /// The kind of mistake.
    package var reason: Reason
    /// One sentence without a full stop that quotes what is wrong.
    package var message: String
    /// The way out.
    package var help: String

    package init(_ reason: Reason, _ message: String, help: String) {
        self.reason = reason
        self.message = message
        self.help = help
    }

    /// `message`, then the help.
    package var description: String { "\(message) (\(help))" }
}

extension DurationTextError {
    static let forms = "write it as 500ms, 90s, 15m, 12h, 14d, 2w, 1h30m, PT1H30M, or whole seconds"

    static let empty = DurationTextError(.empty, "an empty duration", help: forms)

    static func malformed(_ text: String) -> DurationTextError {
        DurationTextError(.malformed, "\"\(text)\" is not a duration", help: forms)
    }

    static func negative(_ text: String) -> DurationTextError {
        DurationTextError(
            .negative, "\"\(text)\" is negative; a duration is zero or more", help: "leave the minus sign out")
    }

    static func calendarUnit(_ unit: String, in text: String) -> DurationTextError {
        DurationTextError(
            .calendarUnit, "\"\(text)\" is in \(unit), which have no fixed length",
            help: "count in days or weeks, such as 30d or 52w, or use cron for calendar \(unit)")
    }

    static func tooFine(_ text: String, nearest: Duration) -> DurationTextError {
        DurationTextError(
            .tooFine, "\"\(text)\" is finer than a millisecond",
            help: "the nearest shorter one is \(DurationText.format(nearest))")
    }

    static func tooLong(_ text: String) -> DurationTextError {
        let longest = DurationText.format(.milliseconds(Int64.max / 86_400_000 * 86_400_000))
        return DurationTextError(.tooLong, "\"\(text)\" is too long", help: "the longest duration is \(longest)")
    }

    static func unknownUnit(_ unit: String, in text: String) -> DurationTextError {
        let help: String
        if unit == "M" {
            help = "minutes are \"m\"; months have no fixed length"
        } else if let known = DurationTextError.commonUnits[unit.lowercased()] {
            help = "the unit is written \"\(known)\""
        } else {
            help = "the units are ms, s, m, h, d and w"
        }
        return DurationTextError(.unknownUnit, "\"\(text)\" has an unknown unit \"\(unit)\"", help: help)
    }

    /// What people write for a unit elsewhere (systemd.time(7), Prometheus, prose), lower case → ours.
    private static let commonUnits: [String: String] = {
        var units: [String: String] = [:]
        let spellings: [(String, [String])] = [
            ("ms", ["ms", "msec", "msecs", "millis", "millisecond", "milliseconds"]),
            ("s", ["s", "sec", "secs", "second", "seconds"]),
            ("m", ["m", "min", "mins", "minute", "minutes"]),
            ("h", ["h", "hr", "hrs", "hour", "hours"]),
            ("d", ["d", "day", "days"]),
            ("w", ["w", "wk", "wks", "week", "weeks"]),
        ]
        for (unit, words) in spellings { for word in words { units[word] = unit } }
        return units
    }()
}
