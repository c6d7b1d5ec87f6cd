/// Remembers who failed to authenticate, and says how long each further failure is to wait.
///
/// A bounded table: when it is full, the address that failed longest ago is forgotten, so that an attacker with many
/// addresses costs no memory.
struct FailureTable {
    private struct Entry {
        var failures: Int
        var last: ContinuousClock.Instant
    }

    private let first: Duration
    private let longest: Duration
    private let capacity: Int
    private let memory: Duration
    private var entries: [String: Entry] = [:]

    /// - Parameters:
    ///   - first: The wait after the first failure; it doubles with each further one.
    ///   - longest: What the wait never exceeds.
    ///   - capacity: How many addresses are remembered.
    ///   - memory: After this long without a failure an address starts anew.
    init(first: Duration, longest: Duration, capacity: Int = 1024, memory: Duration = .seconds(600)) {
        self.first = first
        self.longest = longest
        self.capacity = capacity
        self.memory = memory
    }

    /// How many addresses are remembered now.
    var count: Int { entries.count }

    /// Records a failure.
    ///
    /// - Returns: How long its answer is to wait.
    /// - Complexity: O(1), but O(`capacity`) for a new address when the table is full.
    mutating func failure(of address: String, at now: ContinuousClock.Instant) -> Duration {
        var entry = entries[address] ?? Entry(failures: 0, last: now)
        if now - entry.last > memory { entry.failures = 0 }
        entry.failures += 1
        entry.last = now
        if entries[address] == nil, entries.count >= capacity { forgetOldest() }
        entries[address] = entry
        return wait(after: entry.failures)
    }

    private func wait(after failures: Int) -> Duration {
        var wait = first
        for _ in 1..<min(failures, 64) where wait < longest { wait *= 2 }
        return min(wait, longest)
    }

    private mutating func forgetOldest() {
        guard let oldest = entries.min(by: { $0.value.last < $1.value.last }) else { return }
        entries[oldest.key] = nil
    }
}
