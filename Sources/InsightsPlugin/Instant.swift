/// A point in wall-clock time: whole milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Milliseconds are what every surface of insights shows and stores, so an instant that a person
/// copies from a page is equal, bit for bit, to the one the engine scheduled.
public struct Instant: Hashable, Comparable, Sendable {
    /// Milliseconds since the Unix epoch; negative before it.
    public var milliseconds: Int64

    /// Creates an instant from milliseconds since the Unix epoch.
    @inlinable
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Creates an instant from whole seconds since the Unix epoch.
    @inlinable
    public init(seconds: Int64) { self.milliseconds = seconds * 1000 }

    /// Orders by time.
    @inlinable
    public static func < (lhs: Instant, rhs: Instant) -> Bool { lhs.milliseconds < rhs.milliseconds }

    /// The instant `duration` later, rounded toward it to a whole millisecond; saturates instead of overflowing.
    public func advanced(by duration: Duration) -> Instant {
        let (sum, overflow) = milliseconds.addingReportingOverflow(duration.wholeMilliseconds)
        guard overflow else { return Instant(milliseconds: sum) }
        return Instant(milliseconds: duration < .zero ? .min : .max)
    }

    /// The elapsed time from `earlier` to this instant; negative when `earlier` is later.
    public func since(_ earlier: Instant) -> Duration {
        .milliseconds(milliseconds.subtractingReportingOverflow(earlier.milliseconds).partialValue)
    }

    /// Midnight UTC of the day this instant lies in: the `at` of a `daily` sample.
    public var startOfDay: Instant {
        Instant(milliseconds: milliseconds - milliseconds.flooringRemainder(by: 86_400_000))
    }
}

extension Duration {
    /// The whole milliseconds of this duration, toward zero; saturates at the ends of `Int64`.
    public var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// This duration in seconds, as the `_seconds` of JSON shapes.
    public var inSeconds: Double {
        // One division, whose result is the number nearest to the decimal one: a sum would show as 1.7650000000000001.
        let (seconds, attoseconds) = components
        if attoseconds % 1_000_000_000_000_000 == 0 {
            let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
            if !overflow { return Double(product + attoseconds / 1_000_000_000_000_000) / 1000 }
        }
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return Double(seconds) }
        return Double(product + attoseconds / 1_000_000_000) / 1e9
    }
}

extension Int64 {
    /// The remainder with the sign of `divisor`, which must be positive.
    package func flooringRemainder(by divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
