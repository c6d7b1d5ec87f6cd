package import InsightsPlugin

/// The arithmetic of `every`: instants `anchor`, `anchor + every`, `anchor + 2 × every`, …
///
/// Counting from the anchor, never from when a run ended, is what keeps a task from drifting. Each
/// function is O(1) whatever the gap and saturates at the ends of ``Instant`` instead of trapping, so a
/// clock that is a century wrong costs no more than one that is right.
package enum EveryGrid {
    /// The first grid point strictly after `last`; the anchor itself when `last` is before it.
    ///
    /// - Parameters:
    ///   - last: The last *scheduled* instant, not when its run ended.
    ///   - every: The interval in milliseconds; at least 1.
    ///   - anchor: The first point of the grid.
    /// - Returns: A later instant, or the last one an ``Instant`` can hold when the grid goes past it.
    package static func next(after last: Instant, every: Int64, anchor: Instant) -> Instant {
        guard let index = index(at: last, every: every, anchor: anchor) else { return anchor }
        let (nextIndex, overflow) = index.addingReportingOverflow(1)
        return overflow ? Instant(milliseconds: .max) : point(nextIndex, every: every, anchor: anchor)
    }

    /// The last grid point at or before `instant`.
    ///
    /// - Returns: `nil` when the grid begins later: nothing is due before the anchor.
    package static func latest(at instant: Instant, every: Int64, anchor: Instant) -> Instant? {
        index(at: instant, every: every, anchor: anchor).map { point($0, every: every, anchor: anchor) }
    }

    /// How many grid points lie in (`start`, `end`]: after `start`, up to and including `end`.
    ///
    /// - Returns: 0 when `end` is not after `start`; saturates at `Int.max`.
    package static func count(after start: Instant, through end: Instant, every: Int64, anchor: Instant) -> Int {
        guard end > start, let last = index(at: end, every: every, anchor: anchor) else { return 0 }
        guard let first = index(at: start, every: every, anchor: anchor) else {
            let (count, overflow) = last.addingReportingOverflow(1)
            return overflow ? .max : Int(clamping: count)
        }
        return Int(clamping: last - first)
    }

    /// Which grid point, from 0, is the last at or before `instant`; `nil` before the anchor.
    ///
    /// Unsigned, as the distance between two instants can be twice what `Int64` holds.
    private static func index(at instant: Instant, every: Int64, anchor: Instant) -> UInt64? {
        precondition(every > 0, "an interval is at least one millisecond")
        guard instant >= anchor else { return nil }
        let distance = UInt64(bitPattern: instant.milliseconds &- anchor.milliseconds)
        return distance / UInt64(every)
    }

    private static func point(_ index: UInt64, every: Int64, anchor: Instant) -> Instant {
        let (distance, overflow) = index.multipliedReportingOverflow(by: UInt64(every))
        let room = UInt64(bitPattern: Int64.max &- anchor.milliseconds)
        guard !overflow, distance <= room else { return Instant(milliseconds: .max) }
        return Instant(milliseconds: anchor.milliseconds &+ Int64(bitPattern: distance))
    }
}
