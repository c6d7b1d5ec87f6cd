import InsightsEngine
import InsightsPlugin

/// A random expression, and by itself (no parser) which local minutes it means.
struct RandomCron {
    let text: String
    let keepsElapsedTime: Bool
    private let minute: RandomField
    private let hour: RandomField
    private let month: RandomField
    private let dayOfMonth: RandomField
    private let dayOfWeek: RandomField

    init(using random: inout SplitMix64) {
        minute = RandomField(0...59, using: &random)
        hour = RandomField(0...23, using: &random)
        dayOfMonth = RandomField(1...31, using: &random, special: .dayOfMonth)
        // Mostly any month, or a window of days would hardly ever be due.
        month = Bool.random(using: &random) ? RandomField.every : RandomField(1...12, using: &random)
        dayOfWeek = RandomField(0...6, using: &random, special: .dayOfWeek)
        text = [minute, hour, dayOfMonth, month, dayOfWeek].map(\.text).joined(separator: " ")
        keepsElapsedTime = minute.beginsWithStar || hour.beginsWithStar
    }

    /// Whether the local minute (counted from 1970) is one of the expression's.
    func matches(_ local: Int) -> Bool {
        let day = Int((Double(local) / 1440).rounded(.down))
        let minuteOfDay = local - day * 1440
        guard minute.matches(minuteOfDay % 60), hour.matches(minuteOfDay / 60) else { return false }
        let date = CivilDate(daysSinceEpoch: day)
        guard month.matches(date.month) else { return false }
        let length = (28...31).last { CivilDate(year: date.year, month: date.month, day: $0).daysSinceEpoch != nil }!
        let weekday = ((day + 4) % 7 + 7) % 7
        let ofMonth = dayOfMonth.matches(date.day) || dayOfMonth.isLast && date.day == length
        let ofWeek =
            dayOfWeek.matches(weekday)
            || dayOfWeek.nth.contains { $0.weekday == weekday && (date.day + 6) / 7 == $0.nth }
            || dayOfWeek.lastWeekday == weekday && date.day + 7 > length
        if dayOfMonth.beginsWithStar || dayOfWeek.beginsWithStar { return ofMonth && ofWeek }
        return ofMonth || ofWeek
    }
}

/// One random field: its text and its meaning, made together.
struct RandomField {
    enum Special { case none, dayOfMonth, dayOfWeek }

    static let every = RandomField(text: "*", values: nil, beginsWithStar: true)

    var text: String
    /// `nil`: every value.
    var values: Set<Int>?
    var beginsWithStar = false
    var isLast = false
    var lastWeekday: Int?
    var nth: [(weekday: Int, nth: Int)] = []

    func matches(_ value: Int) -> Bool { values?.contains(value) ?? true }

    private init(text: String, values: Set<Int>?, beginsWithStar: Bool) {
        self.text = text
        self.values = values
        self.beginsWithStar = beginsWithStar
    }

    init(_ range: ClosedRange<Int>, using random: inout SplitMix64, special: Special = .none) {
        self.init(text: "*", values: nil, beginsWithStar: true)
        let low = Int.random(in: range, using: &random)
        let high = Int.random(in: low...range.upperBound, using: &random)
        let step = Int.random(in: 1...max(2, range.count / 2), using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: break
        case 2: set("*/\(step)", stride(from: range.lowerBound, through: range.upperBound, by: step), star: true)
        case 3: set("\(low)-\(high)", low...high)
        case 4: set("\(low)-\(high)/\(step)", stride(from: low, through: high, by: step))
        case 5: set("\(low)/\(step)", stride(from: low, through: range.upperBound, by: step))
        case 6: set("\(low),\(high)", [low, high])
        default: setSpecial(special, low, using: &random)
        }
    }

    private mutating func set(_ text: String, _ values: some Sequence<Int>, star: Bool = false) {
        self.text = text
        self.values = Set(values)
        beginsWithStar = star
    }

    private mutating func setSpecial(_ special: Special, _ value: Int, using random: inout SplitMix64) {
        set("\(value)", [value])
        let nth = Int.random(in: 1...5, using: &random)
        switch special {
        case .none: break
        case .dayOfMonth:
            text += ",L"
            isLast = true
        case .dayOfWeek where nth == 5:
            set("\(value)L", [])
            lastWeekday = value
        case .dayOfWeek:
            set("\(value)#\(nth)", [])
            self.nth = [(value, nth)]
        }
    }
}

/// When an expression is due, found by looking at every minute: the rules of the manifest word by word.
struct CronOracle {
    let cron: RandomCron
    let zone: Zone

    /// The instants due in (`start`, `end`], in order. Looks back two days, the longest any clock was set back.
    func due(after start: Instant, through end: Instant) -> [Instant] {
        var due: [Instant] = []
        var shown: Set<Int> = []
        var previous: Int?
        var minute = start.milliseconds / 60_000 - 2880
        while minute * 60_000 <= end.milliseconds {
            let instant = Instant(milliseconds: minute * 60_000)
            let local = Int(minute) + zone.offset(at: instant) / 60
            if fires(at: local, after: previous ?? local - 1, shown), instant > start { due.append(instant) }
            shown.insert(local)
            previous = local
            minute += 1
        }
        return due
    }

    private func fires(at local: Int, after previous: Int, _ shown: Set<Int>) -> Bool {
        if cron.keepsElapsedTime { return cron.matches(local) }
        // A time that the day repeats fires the first time only.
        if cron.matches(local), !shown.contains(local) { return true }
        // A time that the day skips fires at the first instant after the gap.
        return local > previous + 1 && (previous + 1..<local).contains { cron.matches($0) && !shown.contains($0) }
    }
}
