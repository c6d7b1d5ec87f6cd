/// What one field of a cron expression chooses.
struct CronFieldSet {
    /// Bit v: value v.
    var values: UInt64 = 0
    var beginsWithStar = false
    var lastDay = false
    var lastWeekday = false
    var nearestWeekdays: UInt32 = 0
    var lastWeekdays: UInt8 = 0
    var nthWeekdays: UInt64 = 0
}

/// Reads one field: a list of `*`, `a`, `a-b`, each with or without `/step`, and the forms of the day fields.
struct CronFieldParser {
    private let field: CronField

    init(_ field: CronField) { self.field = field }

    func parse(_ word: CronParser.Word) throws(CronError) -> CronFieldSet {
        var set = CronFieldSet()
        set.beginsWithStar = word.text.hasPrefix("*") || word.text.hasPrefix("?")
        for item in split(word, at: ",") {
            guard !item.text.isEmpty else {
                throw error(word, "an empty item in the list \"\(word.text)\"", "take the spare comma out")
            }
            if try special(item, &set) { continue }
            try add(item, to: &set)
        }
        return set
    }

    // MARK: Ranges and steps

    private func add(_ item: CronParser.Word, to set: inout CronFieldSet) throws(CronError) {
        let parts = split(item, at: "/")
        guard parts.count <= 2 else {
            throw error(item, "\"\(item.text)\" has two steps", "keep one, such as \(parts[0].text)/\(parts[1].text)")
        }
        let range = try range(parts[0], isOpen: parts.count == 2)
        let step = parts.count == 2 ? try step(parts[1], of: item) : 1
        // One that is longer than the range leaves its first value alone.
        for value in stride(from: range.lowerBound, through: range.upperBound, by: step) {
            set.values |= 1 << UInt64(value)
        }
    }

    private func step(_ word: CronParser.Word, of item: CronParser.Word) throws(CronError) -> Int {
        guard let step = number(word.text) else {
            throw error(item, "\"\(word.text)\" is not a step", "a step is a whole number, such as */5")
        }
        guard step > 0 else {
            throw error(item, "a step of 0 never moves on", "a step is 1 or more; leave /0 out for every one")
        }
        return step
    }

    /// - Parameter isOpen: Whether a step follows, so that a single value means "from there on".
    private func range(_ word: CronParser.Word, isOpen: Bool) throws(CronError) -> ClosedRange<Int> {
        if word.text == "*" || word.text == "?" { return field.range.lowerBound...field.lastOfOpenRange }
        let ends = split(word, at: "-")
        if ends.count == 1 {
            let value = try value(ends[0])
            guard isOpen else { return value...value }
            return value % 7 == 0 && field == .dayOfWeek ? 0...field.lastOfOpenRange : value...field.lastOfOpenRange
        }
        guard ends.count == 2, ends.allSatisfy({ !$0.text.isEmpty }) else {
            throw error(word, "\"\(word.text)\" is not a range", "a range is two values, such as \(example)")
        }
        let first = try value(ends[0])
        var last = try value(ends[1])
        // A week may be told from Monday to SUN: the name, unlike the number 0, says no place in it.
        if field == .dayOfWeek, last == 0, first > 0, number(ends[1].text) == nil { last = 7 }
        guard first <= last else { throw reversed(word, ends) }
        return first...last
    }

    private var example: String { field == .dayOfWeek ? "MON-FRI" : field == .month ? "APR-SEP" : "1-5" }

    private func reversed(_ word: CronParser.Word, _ ends: [CronParser.Word]) -> CronError {
        let lowest = field == .dayOfWeek ? "SUN" : field == .month ? "JAN" : "\(field.range.lowerBound)"
        let highest = field == .dayOfWeek ? "SAT" : field == .month ? "DEC" : "\(field.range.upperBound)"
        return error(
            word, "the range \"\(word.text)\" is reversed",
            "for one that goes round, write \(ends[0].text)-\(highest),\(lowest)-\(ends[1].text)")
    }

    // MARK: Values

    private func value(_ word: CronParser.Word) throws(CronError) -> Int {
        if let name = field.value(ofName: word.text) { return name }
        guard let value = number(word.text) else {
            throw error(word, "\"\(word.text)\" is no \(field.rawValue)", helpForUnknown(word.text))
        }
        guard field.range.contains(value) else {
            let isMidnight = field == .hour && value == 24
            throw error(
                word, "\(word.text) is out of range: \(field.allowed)",
                isMidnight
                    ? "midnight is hour 0" : "use a value from \(field.range.lowerBound) to \(field.range.upperBound)")
        }
        return value
    }

    private func helpForUnknown(_ text: String) -> String {
        let upper = text.uppercased()
        if upper == "H" || text == "~" { return "for a start spread over time, use `jitter`" }
        if let name = field.names.first(where: { upper.hasPrefix($0) }) { return "names have three letters: \(name)" }
        if let name = NearestName.nearest(to: text, among: field.names) { return "did you mean \(name)?" }
        return field.allowed
    }

    /// Digits alone; one too long for a field is as good as its first four digits, out of range either way.
    private func number(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text.drop { $0 == "0" }.prefix(4)) ?? 0
    }

    // MARK: L, W and #

    /// Reads an item that only a day field has; `false` when it is none of them.
    private func special(_ item: CronParser.Word, _ set: inout CronFieldSet) throws(CronError) -> Bool {
        let upper = item.text.uppercased()
        guard field.value(ofName: upper) == nil else { return false }
        switch field {
        case .dayOfMonth:
            if upper == "L" {
                set.lastDay = true
            } else if upper == "LW" {
                set.lastWeekday = true
            } else if upper.hasSuffix("W"), upper.count > 1 {
                set.nearestWeekdays |= 1 << UInt32(try plainValue(item, dropping: 1))
            } else if upper.hasPrefix("L") {
                throw error(item, "\"\(item.text)\" is no day of month", "the forms are L, LW and 15W")
            } else {
                return false
            }
        case .dayOfWeek:
            if upper == "L" {
                throw error(item, "\"L\" without a weekday", "write 5L or FRIL for the last Friday, SAT for Saturdays")
            } else if upper.hasSuffix("L") {
                set.lastWeekdays |= 1 << UInt8(try plainValue(item, dropping: 1) % 7)
            } else if upper.contains("#") {
                set.nthWeekdays |= 1 << UInt64(try nthWeekday(item))
            } else {
                return false
            }
        default: return false
        }
        return true
    }

    /// The value before a suffix; ranges and steps do not combine with one.
    private func plainValue(_ item: CronParser.Word, dropping count: Int) throws(CronError) -> Int {
        let base = CronParser.Word(text: String(item.text.dropLast(count)), offset: item.offset)
        if base.text.contains(where: { "-/*?#".contains($0) }) {
            throw error(
                item, "\"\(item.text)\" combines a range or step with \(item.text.suffix(count))",
                "list the days one by one, separated by commas")
        }
        return try value(base)
    }

    private func nthWeekday(_ item: CronParser.Word) throws(CronError) -> Int {
        let parts = split(item, at: "#")
        let help = "write the weekday and 1 to 5, such as FRI#2 for the second Friday"
        guard parts.count == 2, let nth = number(parts[1].text), (1...5).contains(nth) else {
            throw error(item, "\"\(item.text)\" is no nth weekday", help)
        }
        return 7 * (nth - 1) + (try value(parts[0])) % 7
    }

    // MARK: Places

    private func split(_ word: CronParser.Word, at separator: Unicode.Scalar) -> [CronParser.Word] {
        var parts = [CronParser.Word(text: "", offset: word.offset)]
        for (index, scalar) in word.text.unicodeScalars.enumerated() {
            if scalar == separator {
                parts.append(CronParser.Word(text: "", offset: word.offset + index + 1))
            } else {
                parts[parts.count - 1].text.unicodeScalars.append(scalar)
            }
        }
        return parts
    }

    private func error(_ word: CronParser.Word, _ message: String, _ help: String) -> CronError {
        CronError(field: field, text: word.text, offset: word.offset, message: message, help: help)
    }
}
