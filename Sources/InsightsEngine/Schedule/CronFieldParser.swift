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

    /// - Throws: ``CronError`` for the first mistake, left to right.
    func parse(_ word: CronParser.Word) throws(CronError) -> CronFieldSet {
        var set = CronFieldSet()
        set.beginsWithStar = word.utf8.first == UInt8(ascii: "*") || word.utf8.first == UInt8(ascii: "?")
        var rest: CronParser.Word? = word
        while let list = rest {
            let (item, others) = cut(list, at: ",")
            guard !item.isEmpty else {
                throw error(word, "an empty item in the list \"\(word)\"", "take the spare comma out")
            }
            if try !special(item, &set) { try add(item, to: &set) }
            rest = others
        }
        return set
    }

    // MARK: Ranges and steps

    private func add(_ item: CronParser.Word, to set: inout CronFieldSet) throws(CronError) {
        let (values, stepText) = cut(item, at: "/")
        if let second = stepText.flatMap({ cut($0, at: "/").1 }) {
            let kept = item.dropLast(second.count + 1)
            throw error(item, "\"\(item)\" has two steps", "keep one, such as \(kept)")
        }
        let range = try range(values, isOpen: stepText != nil)
        let step = if let stepText { try step(stepText, of: item) } else { 1 }
        // One that is longer than the range leaves its first value alone.
        for value in stride(from: range.lowerBound, through: range.upperBound, by: step) {
            set.values |= 1 << UInt64(value)
        }
    }

    private func step(_ word: CronParser.Word, of item: CronParser.Word) throws(CronError) -> Int {
        guard let step = number(word) else {
            throw error(item, "\"\(word)\" is not a step", "a step is a whole number, such as */5")
        }
        guard step > 0 else {
            throw error(item, "a step of 0 never moves on", "a step is 1 or more; leave /0 out for every one")
        }
        return step
    }

    /// - Parameter isOpen: Whether a step follows, so that a single value means "from there on".
    private func range(_ word: CronParser.Word, isOpen: Bool) throws(CronError) -> ClosedRange<Int> {
        if word == "*" || word == "?" { return field.range.lowerBound...field.lastOfOpenRange }
        let (first, last) = cut(word, at: "-")
        guard let last else {
            let value = try value(first)
            guard isOpen else { return value...value }
            return value % 7 == 0 && field == .dayOfWeek ? 0...field.lastOfOpenRange : value...field.lastOfOpenRange
        }
        guard !first.isEmpty, !last.isEmpty, cut(last, at: "-").1 == nil else {
            throw error(word, "\"\(word)\" is not a range", "a range is two values, such as \(example)")
        }
        let start = try value(first)
        var end = try value(last)
        // A week may be told from Monday to SUN: the name, unlike the number 0, says no place in it.
        if field == .dayOfWeek, end == 0, start > 0, number(last) == nil { end = 7 }
        guard start <= end else { throw reversed(word, first, last) }
        return start...end
    }

    private var example: String { field == .dayOfWeek ? "MON-FRI" : field == .month ? "APR-SEP" : "1-5" }

    private func reversed(
        _ word: CronParser.Word, _ first: CronParser.Word, _ last: CronParser.Word
    ) -> CronError {
        let lowest = field == .dayOfWeek ? "SUN" : field == .month ? "JAN" : "\(field.range.lowerBound)"
        let highest = field == .dayOfWeek ? "SAT" : field == .month ? "DEC" : "\(field.range.upperBound)"
        return error(
            word, "the range \"\(word)\" is reversed",
            "for one that goes round, write \(first)-\(highest),\(lowest)-\(last)")
    }

    // MARK: Values

    private func value(_ word: CronParser.Word) throws(CronError) -> Int {
        if let name = field.value(ofName: word) { return name }
        guard let value = number(word) else {
            throw error(word, "\"\(word)\" is no \(field.rawValue)", helpForUnknown(word))
        }
        guard field.range.contains(value) else {
            let isMidnight = field == .hour && value == 24
            throw error(
                word, "\(word) is out of range: \(field.allowed)",
                isMidnight
                    ? "midnight is hour 0" : "use a value from \(field.range.lowerBound) to \(field.range.upperBound)")
        }
        return value
    }

    private func helpForUnknown(_ text: CronParser.Word) -> String {
        let upper = text.uppercased()
        if upper == "H" || text == "~" { return "for a start spread over time, use `jitter`" }
        if let name = field.names.first(where: { upper.hasPrefix($0) }) { return "names have three letters: \(name)" }
        if let name = NearestName.nearest(to: String(text), among: field.names) { return "did you mean \(name)?" }
        return field.allowed
    }

    /// Digits alone. A number beyond every field stops at 9999, out of range all the same.
    private func number(_ text: CronParser.Word) -> Int? {
        guard !text.isEmpty else { return nil }
        var value = 0
        for byte in text.utf8 {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = min(value * 10 + Int(byte - 0x30), 9999)
        }
        return value
    }

    // MARK: L, W and #

    /// Reads an item that only a day field has; `false` when it is none of them.
    private func special(_ item: CronParser.Word, _ set: inout CronFieldSet) throws(CronError) -> Bool {
        guard item.utf8.contains(where: { $0 == UInt8(ascii: "#") || $0 > UInt8(ascii: "?") }),
            field.value(ofName: item) == nil
        else { return false }
        let upper = item.uppercased()
        switch field {
        case .dayOfMonth:
            if upper == "L" {
                set.lastDay = true
            } else if upper == "LW" {
                set.lastWeekday = true
            } else if upper.hasSuffix("W"), upper.count > 1 {
                set.nearestWeekdays |= 1 << UInt32(try plainValue(item, dropping: 1))
            } else if upper.hasPrefix("L") {
                throw error(item, "\"\(item)\" is no day of month", "the forms are L, LW and 15W")
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
        let base = item.dropLast(count)
        if base.contains(where: { "-/*?#".contains($0) }) {
            throw error(
                item, "\"\(item)\" combines a range or step with \(item.suffix(count))",
                "list the days one by one, separated by commas")
        }
        return try value(base)
    }

    private func nthWeekday(_ item: CronParser.Word) throws(CronError) -> Int {
        let (weekday, nthText) = cut(item, at: "#")
        guard let nth = nthText.flatMap(number), (1...5).contains(nth) else {
            throw error(
                item, "\"\(item)\" is no nth weekday",
                "write the weekday and 1 to 5, such as FRI#2 for the second Friday")
        }
        return 7 * (nth - 1) + (try value(weekday)) % 7
    }

    // MARK: Places

    /// What is before the first `separator`, and what is after it, if there is one.
    private func cut(
        _ word: CronParser.Word, at separator: Unicode.Scalar
    ) -> (CronParser.Word, CronParser.Word?) {
        guard let index = word.utf8.firstIndex(of: UInt8(ascii: separator)) else { return (word, nil) }
        return (word[..<index], word[word.utf8.index(after: index)...])
    }

    private func error(_ word: CronParser.Word, _ message: String, _ help: String) -> CronError {
        CronParser.error(field, word, message, help)
    }
}
