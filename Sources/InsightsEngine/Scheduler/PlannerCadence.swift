internal import InsightsPlugin

/// The occurrences of a cadence, in milliseconds of wall time; `anchor` is the first point of the grid of
/// `every` without `starting`.
extension Cadence {
    var isWallClock: Bool { if case .cron = self { true } else { false } }

    /// The first occurrence strictly after `last`, or ``PlannedTask/never``.
    func next(after last: Int64, anchor: Int64) -> Int64 {
        switch self {
        case .every(let every, let starting):
            let anchor = starting?.milliseconds ?? anchor
            // The way of nearly every call: from one point of the grid to the next.
            if last == anchor { return last.addingReportingOverflow(every).overflow ? .max : last + every }
            return EveryGrid.next(
                after: Instant(milliseconds: last), every: every, anchor: Instant(milliseconds: anchor)
            ).milliseconds
        case .cron(let schedule):
            return schedule.next(after: Instant(milliseconds: last))?.milliseconds ?? PlannedTask.never
        case .after: return PlannedTask.never
        }
    }

    /// The last occurrence at or before `instant`, if there is one.
    func latest(at instant: Int64, anchor: Int64) -> Int64? {
        switch self {
        case .every(let every, let starting):
            EveryGrid.latest(
                at: Instant(milliseconds: instant), every: every,
                anchor: starting ?? Instant(milliseconds: anchor))?.milliseconds
        case .cron(let schedule): schedule.latest(at: Instant(milliseconds: instant))?.milliseconds
        case .after: nil
        }
    }

    /// How many occurrences lie after `first`, up to and including `last`.
    func count(after first: Int64, through last: Int64, anchor: Int64) -> Int {
        let (start, end) = (Instant(milliseconds: first), Instant(milliseconds: last))
        return switch self {
        case .every(let every, let starting):
            EveryGrid.count(
                after: start, through: end, every: every, anchor: starting ?? Instant(milliseconds: anchor))
        case .cron(let schedule): schedule.count(after: start, through: end)
        case .after: 0
        }
    }

    /// The last `limit` occurrences from `first` to `last`, both of which are occurrences; oldest first.
    ///
    /// - Complexity: O(`limit`), however many there are: the first one is found by bisection.
    func tail(from first: Int64, through last: Int64, limit: Int, anchor: Int64) -> [Int64] {
        guard limit > 0 else { return [] }
        var (low, high) = (first - 1, last - 1)
        while low < high {
            let middle = low + (high - low) / 2
            if count(after: middle, through: last, anchor: anchor) > limit { low = middle + 1 } else { high = middle }
        }
        var occurrences: [Int64] = []
        var current = low
        while current < last {
            current = next(after: current, anchor: anchor)
            occurrences.append(current)
        }
        return occurrences
    }
}

/// The delay that `jitter` asks for: drawn from the task's name and the occurrence, so that every node and
/// every start of the program draws the same.
package enum Jitter {
    /// - Parameter bound: The longest delay.
    /// - Returns: Milliseconds from 0 to `bound`.
    /// - SeeAlso: FNV-1a (draft-eastlake-fnv), of the name; SplitMix64, of that and the occurrence.
    package static func delay(task: String, occurrence: Int64, bound: Int64) -> Int64 {
        guard bound > 0 else { return 0 }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in task.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var generator = SplitMix64(seed: hash ^ UInt64(bitPattern: occurrence))
        return Int64(generator.next() % UInt64(bound + 1))
    }
}
