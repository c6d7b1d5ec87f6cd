import Synchronization

/// Something that happens once.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isRaised: Bool { value.load(ordering: .sequentiallyConsistent) }

    /// - Returns: Whether this was the first time.
    @discardableResult
    func raise() -> Bool { !value.exchange(true, ordering: .sequentiallyConsistent) }
}
