internal import InsightsEngine
internal import InsightsPlugin

/// Writes values and gaps of series, by the rules of each shape.
final class SeriesWriter {
    private struct Key: Hashable {
        var subject: Int64
        var metric: String
    }

    /// A series as it is, its latest value included; written back by ``flush()``.
    private struct State {
        var id: Int64
        var shape: MetricShape
        var latestAt: Int64?
        /// `nil` of a ranking.
        var latestValue: Double?
        var isChanged = false
        /// The first day whose value has changed and may be part of a roll-up.
        var changedDay: Int64?
    }

    private struct SentDay {
        var key: Key
        var at: Instant
        var number: Double
        var isAdditive: Bool
    }

    private let find: any PreparedStatement
    private let insert: any PreparedStatement
    private let relabel: any PreparedStatement
    private let setLatest: any PreparedStatement
    private let setDay: any PreparedStatement
    private let setReading: any PreparedStatement
    private let addReading: any PreparedStatement
    private let readingBefore: any PreparedStatement
    private let setRanking: any PreparedStatement
    private let touchingGaps: any PreparedStatement
    private let dropGaps: any PreparedStatement
    private let setGap: any PreparedStatement
    private let marks: RollUpMarks
    /// Daily values on their way: whether each changes anything is told by ``settleDays()``.
    private var sentDays: [SentDay] = []
    private var known: [Key: State] = [:]
    /// Samples mostly come series by series.
    private var last: (key: Key, state: State)?

    init(_ source: any StatementSource, _ marks: RollUpMarks) throws {
        self.marks = marks
        find = try source(
            """
            SELECT id, shape, unit, is_additive, latest_at, latest_value FROM series
            WHERE subject_id = ?1 AND metric = ?2
            """)
        insert = try source(
            """
            INSERT INTO series (subject_id, metric, unit, shape, is_additive) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id
            """)
        relabel = try source("UPDATE series SET unit = ?2, is_additive = ?3 WHERE id = ?1")
        setLatest = try source("UPDATE series SET latest_at = ?2, latest_value = ?3 WHERE id = ?1")
        setDay = try source(
            """
            INSERT INTO days VALUES (?1, ?2, ?3) ON CONFLICT (series_id, day) DO UPDATE SET value = excluded.value
            WHERE days.value <> excluded.value AND (?4 = 1 OR days.value < excluded.value)
            """)
        setReading = try source(
            "INSERT INTO readings VALUES (?1, ?2, ?3) ON CONFLICT (series_id, at) DO UPDATE SET value = excluded.value")
        addReading = try source("INSERT INTO readings VALUES (?1, ?2, ?3) ON CONFLICT (series_id, at) DO NOTHING")
        readingBefore = try source(
            "SELECT at, value FROM readings WHERE series_id = ?1 AND at <= ?2 ORDER BY at DESC LIMIT 1")
        setRanking = try source(
            """
            INSERT INTO rankings VALUES (?1, ?2, ?3, ?4) ON CONFLICT (series_id, day) DO UPDATE
            SET at = excluded.at, list = excluded.list WHERE rankings.at <= excluded.at
            """)
        touchingGaps = try source(
            "SELECT min(from_day), max(to_day) FROM gaps WHERE series_id = ?1 AND from_day <= ?3 + 1 AND to_day >= ?2 - 1"
        )
        dropGaps = try source("DELETE FROM gaps WHERE series_id = ?1 AND from_day >= ?2 AND to_day <= ?3")
        setGap = try source(
            "INSERT INTO gaps VALUES (?1, ?2, ?3) ON CONFLICT (series_id, from_day) DO UPDATE SET to_day = excluded.to_day"
        )
    }

    /// Forgets every series: for a new payload, or after subjects have moved.
    func begin() throws {
        known = [:]
        last = nil
        sentDays = []
        // Of a payload that was refused half-way.
        _ = try setDay.settle()
    }

    /// Writes the latest values that have changed, and notes that for roll-ups.
    func flush() throws {
        if let last { known[last.key] = last.state }
        try settleDays()
        for (key, state) in known {
            guard let day = state.changedDay else { continue }
            try marks.changed(key.subject, key.metric, from: day)
            known[key]?.changedDay = nil
        }
        for (key, state) in known where state.isChanged {
            setLatest.bind(1, state.id)
            setLatest.bind(2, state.latestAt)
            if let value = state.latestValue {
                setLatest.bind(3, number: value)
            } else {
                setLatest.bind(3, nil as Int64?)
            }
            try setLatest.post()
            known[key]?.isChanged = false
        }
        last = nil
    }

    /// Stores a sample that fits its metric's shape.
    ///
    /// - Throws: ``Rejection`` when the series has another shape.
    func apply(_ sample: Sample, _ metric: MetricDeclaration, subject: Int64, at: Instant) throws {
        var state = try state(of: subject, metric)
        switch sample.value {
        case .number(let number) where metric.shape == .daily:
            let isComplete = Day.number(of: sample.at) < Day.number(of: at)
            try send(number, on: sample.at, state, mayFall: metric.rewritable || !isComplete)
            sentDays.append(
                SentDay(
                    key: Key(subject: subject, metric: metric.name), at: sample.at, number: number,
                    isAdditive: metric.additive))
        case .number(let number): try store(number, at: sample.at, &state)
        case .ranking(let list): try store(list, at: sample.at, &state)
        }
        last?.state = state
    }

    /// Stores a reading of a `gauge` or `total`.
    ///
    /// - Throws: ``Rejection`` when the series has another shape.
    func apply(reading number: Double, _ metric: MetricDeclaration, subject: Int64, at: Instant) throws {
        var state = try state(of: subject, metric)
        try store(number, at: at, &state)
        last?.state = state
    }

    /// The series of a subject and a metric, made if it is new.
    ///
    /// - Throws: ``Rejection`` when it has another shape.
    func id(of subject: Int64, _ metric: MetricDeclaration) throws -> Int64 { try state(of: subject, metric).id }

    /// Records lost days, as one gap with those that it touches.
    func apply(_ gap: Gap, _ metric: MetricDeclaration, subject: Int64) throws {
        let series = try state(of: subject, metric).id
        let (from, to) = (Day.number(of: gap.from), Day.number(of: gap.to))
        touchingGaps.bind(1, series)
        touchingGaps.bind(2, from)
        touchingGaps.bind(3, to)
        let found = try touchingGaps.first { $0.isNull(0) ? nil : (from: $0.integer(0), to: $0.integer(1)) } ?? nil
        let whole = (from: min(from, found?.from ?? from), to: max(to, found?.to ?? to))
        for statement in [dropGaps, setGap] {
            statement.bind(1, series)
            statement.bind(2, whole.from)
            statement.bind(3, whole.to)
            try statement.post()
        }
    }

    // MARK: Shapes

    /// A later reading of a day replaces it, but a completed day never falls.
    private func send(_ number: Double, on at: Instant, _ state: State, mayFall: Bool) throws {
        setDay.bind(1, state.id)
        setDay.bind(2, Day.number(of: at))
        setDay.bind(3, number: number)
        setDay.bind(4, mayFall)
        try setDay.post(isCounted: true)
    }

    /// Brings the latest value, and what roll-ups have to know, up to the days that were sent.
    private func settleDays() throws {
        guard !sentDays.isEmpty else { return }
        let changes = try setDay.settle()
        for (day, changed) in zip(sentDays, changes) where changed == 1 {
            guard var state = known[day.key] else { continue }
            if state.latestAt.map({ $0 <= day.at.milliseconds }) ?? true {
                state.latestAt = day.at.milliseconds
                state.latestValue = day.number
                state.isChanged = true
            }
            if day.isAdditive { state.changedDay = min(state.changedDay ?? .max, Day.number(of: day.at)) }
            known[day.key] = state
        }
        sentDays = []
    }

    /// A reading is kept when it differs from the one before, or is the first of its day.
    private func store(_ number: Double, at: Instant, _ state: inout State) throws {
        if let latest = state.latestAt, at.milliseconds < latest {
            return try storeLate(number, at: at, state, latest: latest)
        }
        let isNews = state.latestAt.map { latest in
            state.latestValue != number || Day.number(of: Instant(milliseconds: latest)) != Day.number(of: at)
        }
        if isNews ?? true {
            try write(setReading, number, at: at.milliseconds, of: state.id)
        }
        guard state.latestAt != at.milliseconds || state.latestValue != number else { return }
        state.latestAt = at.milliseconds
        state.latestValue = number
        state.isChanged = true
    }

    /// A reading older than the latest one: that one may not have a row, as nothing had changed; now it would seem to
    /// have.
    private func storeLate(_ number: Double, at: Instant, _ state: State, latest: Int64) throws {
        readingBefore.bind(1, state.id)
        readingBefore.bind(2, at.milliseconds)
        let before = try readingBefore.first { (at: $0.integer(0), value: $0.number(1)) }
        if let before, before.value == number,
            before.at == at.milliseconds || Day.number(of: Instant(milliseconds: before.at)) == Day.number(of: at)
        {
            return
        }
        try write(setReading, number, at: at.milliseconds, of: state.id)
        if let value = state.latestValue { try write(addReading, value, at: latest, of: state.id) }
    }

    /// The list of a day is replaced by a later one.
    private func store(_ list: [RankedValue], at: Instant, _ state: inout State) throws {
        setRanking.bind(1, state.id)
        setRanking.bind(2, Day.number(of: at))
        setRanking.bind(3, at.milliseconds)
        setRanking.bind(4, StoredRanking.text(list))
        try setRanking.post()
        guard state.latestAt.map({ $0 < at.milliseconds }) ?? true else { return }
        state.latestAt = at.milliseconds
        state.isChanged = true
    }

    private func write(_ statement: any PreparedStatement, _ number: Double, at: Int64, of series: Int64) throws {
        statement.bind(1, series)
        statement.bind(2, at)
        statement.bind(3, number: number)
        try statement.post()
    }

    // MARK: Series

    /// The series of a subject and a metric, made if it is new; it becomes ``last``.
    ///
    /// Unit and additivity follow the declaration, which is the module's own word; the shape decides how values are
    /// stored, and so stays.
    private func state(of subject: Int64, _ metric: MetricDeclaration) throws -> State {
        let key = Key(subject: subject, metric: metric.name)
        if let last {
            if last.key == key { return last.state }
            known[last.key] = last.state
        }
        let state = try known[key] ?? load(key, metric)
        guard state.shape == metric.shape else {
            throw Rejection(
                "metric_shape",
                "\(metric.name) is stored as \(state.shape.rawValue) and was declared as \(metric.shape.rawValue) now; "
                    + "give it another name")
        }
        last = (key, state)
        return state
    }

    private func load(_ key: Key, _ metric: MetricDeclaration) throws -> State {
        let unit = StoredText.clean(metric.unit)
        find.bind(1, key.subject)
        find.bind(2, key.metric)
        let found = try find.first { row in
            (
                state: State(
                    id: row.integer(0), shape: try row.code(1, in: StoredCodes.shapes),
                    latestAt: row.optionalInteger(4), latestValue: row.isNull(5) ? nil : row.number(5)),
                isSame: row.text(2) == unit && (row.integer(3) == 1) == metric.additive
            )
        }
        guard let found else { return try create(key, metric, unit) }
        if !found.isSame {
            relabel.bind(1, found.state.id)
            relabel.bind(2, unit)
            relabel.bind(3, metric.additive)
            try relabel.post()
            try marks.changed(key.subject, key.metric, from: RollUpMarks.everyDay)
        }
        return found.state
    }

    private func create(_ key: Key, _ metric: MetricDeclaration, _ unit: String) throws -> State {
        insert.bind(1, key.subject)
        insert.bind(2, key.metric)
        insert.bind(3, unit)
        insert.bind(4, metric.shape.code)
        insert.bind(5, metric.additive)
        let id = try insert.first { $0.integer(0) } ?? 0
        return State(id: id, shape: metric.shape)
    }
}

/// A ranking as one text: `[["label",value],…]`.
enum StoredRanking {
    static func text(_ list: [RankedValue]) -> String {
        Value.array(list.map { .array([.string(StoredText.clean($0.label)), .number($0.value)]) }).json
    }

    /// Lines that another program has garbled are left out.
    static func list(_ text: String) -> [RankedValue] {
        // Text that is no JSON is an empty ranking.
        guard let lines = (try? Value(json: text.utf8))?.array else { return [] }
        return lines.compactMap { line in
            guard let pair = line.array, pair.count == 2, let label = pair[0].string, let value = pair[1].number else {
                return nil
            }
            return RankedValue(label: label, value: value)
        }
    }
}
