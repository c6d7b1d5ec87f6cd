internal import Glibc
internal import Synchronization

/// The process groups that this process has started and that may still live: for an end that waits for nothing.
///
/// Without a lock, as whoever ends the process at once must not wait for a thread that holds one.
package enum LiveProcessGroups {
    /// What goes beyond is not remembered, and would outlive a process that ends at once.
    private static let capacity = 4096
    /// Group by place, 0 in free ones. Unsafe for its pointer alone: every access is atomic, and it is never freed.
    private nonisolated(unsafe) static let places: UnsafeMutablePointer<Atomic<Int32>> = {
        let places = UnsafeMutablePointer<Atomic<Int32>>.allocate(capacity: capacity)
        for index in 0..<capacity { (places + index).initialize(to: Atomic(0)) }
        return places
    }()
    private static let isEnding = Atomic(false)

    /// Remembers a group that was started just now.
    ///
    /// - Returns: Its place, for ``leave(_:)``; `nil` when all are taken.
    static func enter(_ group: pid_t) -> Int? {
        let place = (0..<capacity).first { index in
            places[index].load(ordering: .relaxed) == 0
                && places[index].compareExchange(
                    expected: 0, desired: group, ordering: .sequentiallyConsistent
                ).exchanged
        }
        // Started while the others were being ended: who ended them has not seen this one.
        if isEnding.load(ordering: .sequentiallyConsistent) { kill(-group, SIGKILL) }
        return place
    }

    /// Forgets a group that is gone: its number may be another's from now on.
    static func leave(_ place: Int?) {
        if let place { places[place].store(0, ordering: .sequentiallyConsistent) }
    }

    /// Sends SIGKILL to all of them, and to those that are still to come; for a process that ends right after it.
    package static func killAll() {
        isEnding.store(true, ordering: .sequentiallyConsistent)
        for index in 0..<capacity {
            let group = places[index].load(ordering: .sequentiallyConsistent)
            if group > 0 { kill(-group, SIGKILL) }
        }
    }
}
