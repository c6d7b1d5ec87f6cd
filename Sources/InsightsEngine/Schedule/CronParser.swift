/// Reads the text of a cron expression.
enum CronParser {
    /// A part of the expression. It shares the expression's text, which is how an error finds its place again.
    typealias Word = Substring

    /// - Throws: ``CronError`` for the first mistake, left to right.
    static func parse(_ text: String) throws(CronError) -> CronFields {
        let words = words(of: text)
        guard let first = words.first else {
            throw CronError(text: "", offset: 0, message: "an empty cron expression", help: fieldsHelp)
        }
        if first.utf8.first == UInt8(ascii: "@") { return try macro(first, followedBy: words.dropFirst().first) }
        if first.utf8.contains(UInt8(ascii: "=")) {
            throw error(
                nil, first, "the zone \"\(first)\" does not belong into the expression",
                "put it under `timezone` beside `cron`")
        }
        return try fields(words, of: text)
    }

    /// An error about `word`, at its place in the expression that it is a part of.
    static func error(_ field: CronField?, _ word: Word, _ message: String, _ help: String) -> CronError {
        let scalars = word.base.unicodeScalars
        let offset = scalars.distance(from: scalars.startIndex, to: word.startIndex)
        return CronError(field: field, text: String(word), offset: offset, message: message, help: help)
    }

    private static let fieldsHelp =
        "write five fields (minute hour day-of-month month day-of-week), or six with seconds first"

    private static func words(of text: String) -> [Word] {
        text.unicodeScalars.split { scalar in
            // The table of properties is slow; nearly every expression is ASCII.
            scalar.isASCII ? scalar == " " || (0x09...0x0D).contains(scalar.value) : scalar.properties.isWhitespace
        }.map(Substring.init)
    }

    private static func fields(_ words: [Word], of text: String) throws(CronError) -> CronFields {
        guard words.count == 5 || words.count == 6 else {
            let isQuartz = words.count == 7
            throw CronError(
                text: text, offset: 0, message: "\(words.count) fields where five or six belong",
                help: isQuartz ? "leave the year out: \(fieldsHelp)" : fieldsHelp)
        }
        var rest = words[...]
        let seconds =
            words.count == 6 ? try CronFieldParser(.second).parse(rest.removeFirst()) : CronFieldSet(values: 1)
        let minutes = try CronFieldParser(.minute).parse(rest.removeFirst())
        let hours = try CronFieldParser(.hour).parse(rest.removeFirst())
        let ofMonth = try CronFieldParser(.dayOfMonth).parse(rest.removeFirst())
        let months = try CronFieldParser(.month).parse(rest.removeFirst())
        let ofWeek = try CronFieldParser(.dayOfWeek).parse(rest.removeFirst())
        return CronFields(
            seconds: seconds.values, minutes: minutes.values,
            hours: UInt32(truncatingIfNeeded: hours.values), months: UInt16(truncatingIfNeeded: months.values),
            days: days(ofMonth, ofWeek), keepsElapsedTime: minutes.beginsWithStar || hours.beginsWithStar,
            isEveryHour: hours.beginsWithStar)
    }

    private static func days(_ ofMonth: CronFieldSet, _ ofWeek: CronFieldSet) -> CronDays {
        var days = CronDays()
        days.days = UInt32(truncatingIfNeeded: ofMonth.values)
        days.nearestWeekdays = ofMonth.nearestWeekdays
        days.lastDay = ofMonth.lastDay
        days.lastWeekday = ofMonth.lastWeekday
        // Bit 7 is Sunday too.
        days.weekdays = UInt8(truncatingIfNeeded: (ofWeek.values | ofWeek.values >> 7) & 0x7F)
        days.lastWeekdays = ofWeek.lastWeekdays
        days.nthWeekdays = ofWeek.nthWeekdays
        days.eitherIsEnough = !ofMonth.beginsWithStar && !ofWeek.beginsWithStar
        return days
    }

    // MARK: @names

    private static let macros: [String: String] = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    private static func macro(_ word: Word, followedBy next: Word?) throws(CronError) -> CronFields {
        let name = word.lowercased()
        guard let expansion = macros[name] else {
            throw error(nil, word, "unknown schedule \"\(word)\"", helpForUnknown(name))
        }
        if let next { throw error(nil, next, "\"\(next)\" after \(word)", "\(word) stands alone") }
        return try parse(expansion)
    }

    private static func helpForUnknown(_ name: String) -> String {
        switch name {
        case "@every": return "write `every: 1h` instead of `cron`"
        case "@reboot": return "write `on_start: always` for a run whenever the program starts"
        case "@biweekly", "@fortnightly": return "write `every: 2w` instead of `cron`"
        default: break
        }
        let names = macros.keys.sorted()
        if let near = NearestName.nearest(to: name, among: names) { return "did you mean \"\(near)\"?" }
        return "the names are \(names.joined(separator: ", "))"
    }
}
