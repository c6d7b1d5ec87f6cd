package import InsightsPlugin
import Synchronization

/// A change of a zone's offset from UTC.
package struct ZoneTransition: Hashable, Sendable {
    /// The first instant of the new offset.
    package var instant: Instant
    /// Seconds east of UTC until then.
    package var offsetBefore: Int
    /// Seconds east of UTC from then on; never equal to `offsetBefore`.
    package var offsetAfter: Int

    package init(instant: Instant, offsetBefore: Int, offsetAfter: Int) {
        self.instant = instant
        self.offsetBefore = offsetBefore
        self.offsetAfter = offsetAfter
    }
}

/// A time zone of the IANA database.
///
/// Read from the system's compiled TZif files (RFC 9636) by a parser of its own instead of Foundation's
/// `TimeZone`: that one brings ICU, which costs more resident memory and start-up time than all the rest
/// of an idle program, and carries a copy of the rules that grows old while the system's `tzdata` package
/// is kept up to date. A zone here takes a few kilobytes; `UTC` takes no file at all, so that a machine
/// without `tzdata` runs every manifest that names no other zone.
///
/// A file is read once per process: after an update of `tzdata`, a restart brings the new rules.
///
/// Two zones are equal when their identifiers are.
package final class Zone: Sendable {
    /// The name it was asked for by, such as `Europe/Berlin`; an alias keeps its own.
    package let identifier: String
    /// Where the offset changes, in seconds since 1970 UTC, ascending.
    private let changes: [Int64]
    /// `offsets[i]` holds before `changes[i]`, the last one after all of them; one more than `changes`.
    private let offsets: [Int32]
    /// What happens after the last of `changes`, which is then a change of this rule's own.
    private let rule: DaylightRule?

    /// Coordinated Universal Time; needs no file.
    package static let utc = Zone(identifier: "UTC", changes: [], offsets: [0], rule: nil)

    /// The zones found so far. At most as many as the database has names.
    private static let known = Mutex<[String: Zone]>(["UTC": utc])

    /// The zone with this name, or `nil` when there is none.
    ///
    /// - Parameter identifier: Exactly as in the database: `Europe/Berlin`, not `europe/berlin`. Paths that
    ///   lead out of the database (`..`, absolute ones) are refused by their form, before any file is opened.
    /// - Returns: The same object for the same name, every time.
    /// - Complexity: O(1) but for the first time, which reads one small file.
    package static func named(_ identifier: String) -> Zone? {
        if let zone = known.withLock({ $0[identifier] }) { return zone }
        guard let zone = ZoneDatabase.system.zone(named: identifier) else { return nil }
        return known.withLock { zones in
            if let earlier = zones[identifier] { return earlier }
            zones[identifier] = zone
            return zone
        }
    }

    /// A zone from the content of a TZif file; `nil` when it is not one.
    package convenience init?(identifier: String, tzif bytes: [UInt8]) {
        guard let file = TZifFile(bytes) else { return nil }
        var changes = file.transitions
        var offsets = file.offsets
        var rule: DaylightRule?
        switch file.footer {
        case .none: break
        case .fixed(let offset): if changes.isEmpty { offsets = [offset] }
        case .daylight(let found):
            found.extend(&changes, &offsets)
            rule = found
        }
        (changes, offsets) = Zone.withoutRepetitions(changes, offsets)
        self.init(identifier: identifier, changes: changes, offsets: offsets, rule: rule)
    }

    private init(identifier: String, changes: [Int64], offsets: [Int32], rule: DaylightRule?) {
        self.identifier = identifier
        self.changes = changes
        self.offsets = offsets
        self.rule = rule
    }

    /// Seconds east of UTC at `instant`.
    ///
    /// - Complexity: O(log n) in the zone's recorded changes, O(1) after them.
    package func offset(at instant: Instant) -> Int { Int(span(at: instant.wholeSeconds).offset) }

    /// The first change of the offset strictly after `instant`; `nil` when it stays for ever.
    package func nextTransition(after instant: Instant) -> ZoneTransition? {
        let before = span(at: instant.wholeSeconds)
        guard let change = Instant(exactSeconds: before.end) else { return nil }
        return ZoneTransition(
            instant: change,
            offsetBefore: Int(before.offset),
            offsetAfter: Int(span(at: before.end).offset)
        )
    }

    /// The stretch of one offset that `second` (since 1970 UTC) lies in.
    func span(at second: Int64) -> ZoneSpan {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= second { low = middle + 1 } else { high = middle }
        }
        if low == changes.count, let rule { return rule.span(at: second) }
        return ZoneSpan(
            start: low > 0 ? changes[low - 1] : ZoneSpan.distantPast,
            end: low < changes.count ? changes[low] : ZoneSpan.distantFuture,
            offset: Int64(offsets[low])
        )
    }

    /// Drops changes that leave the offset as it is: a new abbreviation, or standard time by another name.
    private static func withoutRepetitions(_ changes: [Int64], _ offsets: [Int32]) -> ([Int64], [Int32]) {
        var kept: [Int64] = []
        var keptOffsets = [offsets[0]]
        for (change, offset) in zip(changes, offsets.dropFirst()) where offset != keptOffsets.last {
            kept.append(change)
            keptOffsets.append(offset)
        }
        return (kept, keptOffsets)
    }
}

extension Zone: Hashable {
    /// Whether both have the same identifier.
    package static func == (left: Zone, right: Zone) -> Bool {
        left === right || left.identifier == right.identifier
    }

    /// Hashes the identifier.
    package func hash(into hasher: inout Hasher) { hasher.combine(identifier) }
}

/// A stretch of time with one offset: `start ≤ t < end`, in seconds since 1970 UTC.
struct ZoneSpan: Hashable {
    /// Stands for "always": outside what an ``Instant`` holds, yet an offset can be added to it.
    static let distantPast: Int64 = -(1 << 60)
    static let distantFuture: Int64 = 1 << 60

    var start: Int64
    var end: Int64
    var offset: Int64
}

extension Instant {
    /// Whole seconds since 1970, rounded down.
    var wholeSeconds: Int64 { milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0) }

    /// Creates an instant from whole seconds; `nil` when milliseconds cannot count that far.
    init?(exactSeconds seconds: Int64) {
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return nil }
        self.init(milliseconds: milliseconds)
    }
}
