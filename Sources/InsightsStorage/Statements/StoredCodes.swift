internal import InsightsEngine
internal import InsightsPlugin

/// Enumerations as small integers, which rows and indexes keep in one byte.
///
/// Positions are part of the file's format: append, never reorder.
enum StoredCodes {
    /// Those before `firstFinal` have no end yet.
    static let statuses: [RunStatus] = [
        .queued, .running, .retrying, .interrupted, .succeeded, .failed, .timedOut, .cancelled, .skipped,
    ]
    static let firstFinal: Int64 = 4
    static let triggers: [Trigger] = [.cadence, .catchUp, .after, .manual, .start]
    static let shapes: [MetricShape] = [.gauge, .daily, .total, .ranking]
    static let states: [SubjectState] = [.active, .archived, .gone]
}

extension RunStatus {
    var code: Int64 {
        switch self {
        case .queued: 0
        case .running: 1
        case .retrying: 2
        case .interrupted: 3
        case .succeeded: 4
        case .failed: 5
        case .timedOut: 6
        case .cancelled: 7
        case .skipped: 8
        }
    }
}

extension Trigger {
    var code: Int64 {
        switch self {
        case .cadence: 0
        case .catchUp: 1
        case .after: 2
        case .manual: 3
        case .start: 4
        }
    }
}

extension MetricShape {
    var code: Int64 {
        switch self {
        case .gauge: 0
        case .daily: 1
        case .total: 2
        case .ranking: 3
        }
    }
}

extension SubjectState {
    var code: Int64 {
        switch self {
        case .active: 0
        case .archived: 1
        case .gone: 2
        }
    }
}

extension Duration {
    /// Whole nanoseconds, as rows keep durations; saturates at 292 years.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }
}

/// Days since 1970-01-01, UTC: the key of a `daily` value.
enum Day {
    static let milliseconds: Int64 = 86_400_000

    static func number(of at: Instant) -> Int64 {
        (at.milliseconds - at.milliseconds.flooringRemainder(by: milliseconds)) / milliseconds
    }

    static func start(of number: Int64) -> Instant { Instant(milliseconds: number * milliseconds) }
}
