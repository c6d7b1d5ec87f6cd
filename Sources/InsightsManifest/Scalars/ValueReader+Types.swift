import InsightsEngine
import InsightsPlugin

/// The types of the manifest's own keys.
extension ValueReader {
    /// `true false yes no on off`.
    func boolean(_ field: Field) -> Bool? {
        let expected = "true or false"
        guard let text = text(field, expected: expected)?.text else { return nil }
        if let value = ScalarText.boolean(text) { return value }
        tellText(.type, field, text, expected)
        return nil
    }

    /// A whole number within bounds.
    func integer(_ field: Field, in range: ClosedRange<Int64>) -> Int? {
        let expected = "a whole number"
        guard let text = text(field, expected: expected)?.text else { return nil }
        switch ScalarText.integer(text) {
        case .value(let value) where range.contains(value): return Int(value)
        case .value, .tooLarge:
            tellText(.range, field, text, ValueReader.bounds(range))
            return nil
        case .none:
            tellText(.type, field, text, expected)
            return nil
        }
    }

    /// A number of at least `minimum`.
    func number(_ field: Field, atLeast minimum: Double) -> Double? {
        let expected = "a number"
        guard let text = text(field, expected: expected)?.text else { return nil }
        guard let value = ScalarText.number(text) else {
            tellText(.type, field, text, expected)
            return nil
        }
        if value >= minimum { return value }
        tellText(.range, field, text, "at least \(Value.number(minimum).json)")
        return nil
    }

    /// A duration of at least `minimum`.
    func duration(_ field: Field, atLeast minimum: Duration = .zero) -> Duration? {
        guard let text = text(field, expected: "a duration")?.text else { return nil }
        switch cache.duration(text) {
        case .success(let duration):
            if duration >= minimum { return duration }
            tellText(.range, field, text, "at least \(DurationText.format(minimum))")
        case .failure(let error):
            sink.error(.duration, at: place(field), error.message, help: error.help)
        }
        return nil
    }

    /// An instant with its offset from UTC.
    func instant(_ field: Field) -> Instant? {
        guard let text = text(field, expected: "an instant")?.text else { return nil }
        if let instant = ScalarText.instant(text) { return instant }
        let help = "write it as in RFC 3339, with its offset: 2026-01-04T02:00:00Z or 2026-01-04T03:00:00+01:00"
        sink.error(.instant, at: place(field), "\(Shown.quoted(text)) is no instant", help: help)
        return nil
    }

    /// A time zone of the IANA database.
    func zone(_ field: Field) -> Zone? {
        guard let text = text(field, expected: "a time zone")?.text else { return nil }
        switch cache.zone(text) {
        case .success(let zone): return zone
        case .failure(let error): sink.error(.timezone, at: place(field), error.message, help: error.help)
        case nil: sink.error(.timezone, at: place(field), "unknown time zone \(Shown.quoted(text))")
        }
        return nil
    }

    /// A cron expression in `zone`.
    func cron(_ field: Field, zone: Zone) -> CronSchedule? {
        guard let text = text(field, expected: "a cron expression")?.text else { return nil }
        switch cache.cron(text, zone: zone) {
        case .success(let schedule): return schedule
        case .failure(let error): sink.error(.cron, at: place(field), error.message, help: error.help)
        }
        return nil
    }

    /// One of a few words.
    func choice<Word: RawRepresentable & CaseIterable>(_ field: Field, _: Word.Type) -> Word?
    where Word.RawValue == String {
        let words = Word.allCases.map(\.rawValue)
        let expected = "one of " + words.joined(separator: ", ")
        guard let text = text(field, expected: expected)?.text else { return nil }
        if let word = Word(rawValue: text) { return word }
        let near = NearestName.nearest(to: text, among: words, atMost: 2)
        tellText(.type, field, text, expected, help: near.map { "did you mean \(Shown.quoted($0))?" })
        return nil
    }

    /// Tells that a text is not what its key takes.
    func tellText(
        _ code: DiagnosticCode, _ field: Field, _ text: String, _ expected: String, help: String? = nil
    ) {
        let actual = text.isEmpty ? "empty" : Shown.quoted(text)
        sink.error(
            code, at: place(field), "\(Shown.quoted(field.name)) must be \(expected), not \(actual)", help: help)
    }

    /// `1 to 100`, or `at least 1`.
    static func bounds(_ range: ClosedRange<Int64>) -> String {
        if range.upperBound == .max { return "at least \(range.lowerBound)" }
        if range.lowerBound == .min { return "at most \(range.upperBound)" }
        return "\(range.lowerBound) to \(range.upperBound)"
    }
}
