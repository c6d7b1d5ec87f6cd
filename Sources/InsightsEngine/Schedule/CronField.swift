/// One of the six fields of a cron expression.
package enum CronField: String, Hashable, Sendable, CaseIterable {
    /// 0…59; only in the form with six fields.
    case second
    /// 0…59.
    case minute
    /// 0…23.
    case hour
    /// 1…31.
    case dayOfMonth = "day of month"
    /// 1…12 or `JAN`…`DEC`.
    case month
    /// 0…7 or `SUN`…`SAT`; 0 and 7 are Sunday.
    case dayOfWeek = "day of week"

    /// The values a person may write.
    var range: ClosedRange<Int> {
        switch self {
        case .second, .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 0...7
        }
    }

    /// Where `*` and an open `a/step` end: a week has seven days, though Sunday has two numbers.
    var lastOfOpenRange: Int { self == .dayOfWeek ? 6 : range.upperBound }

    /// Three-letter names in order; a month's begin with 1, a weekday's with 0.
    var names: [String] {
        switch self {
        case .month: CronField.monthNames
        case .dayOfWeek: CronField.weekdayNames
        default: []
        }
    }

    private static let monthNames = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ]
    private static let weekdayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

    /// The value of a name in any case; `nil` when it is none.
    func value(ofName name: Substring) -> Int? {
        guard name.utf8.count == 3 else { return nil }
        let wanted = CronField.capitals(name.utf8)
        return names.firstIndex { CronField.capitals($0.utf8) == wanted }.map { self == .month ? $0 + 1 : $0 }
    }

    /// Three letters as one number; clearing bit 5 makes a letter a capital, and nothing else a letter.
    private static func capitals(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1 & 0xDF) }
    }

    /// What may stand here, for the help of an error.
    var allowed: String {
        switch self {
        case .second, .minute, .hour, .dayOfMonth:
            "the \(rawValue) is \(range.lowerBound) to \(range.upperBound)"
        case .month: "the month is 1 to 12 or JAN to DEC"
        case .dayOfWeek: "the day of week is 0 to 7 or SUN to SAT; 0 and 7 are Sunday"
        }
    }
}
