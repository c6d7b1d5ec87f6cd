internal import InsightsPlugin

/// How long a node may believe that it still has its lease, and what it is to do about it.
///
/// The lease is judged by the database's clock; what the node knows is when, by elapsed time that counts suspend, it
/// *sent* the renewal that was answered last. The database cannot have begun to count before that, so the lease lasts at
/// least its duration from then on. The node trusts it for a margin less, and after that behaves as if it were gone.
///
/// Pure: instants are milliseconds of uptime, and the caller does what ``duty(at:)`` says.
struct LeaseKeeper: Sendable {
    /// What is to be done now.
    enum Duty: Hashable, Sendable {
        case nothing
        case renew
        /// All that was had is forgotten: the node enters anew.
        case enter
    }

    private enum State: Hashable, Sendable {
        case held(trustedUntil: Int64, renewAt: Int64)
        /// The planner and the writer have yet to forget what the node had.
        case losing
        case lost(retryAt: Int64)
    }

    /// How often it is renewed, and tried again after a failure, in milliseconds.
    static let interval: Int64 = 5000
    static let retry: Int64 = 1000
    /// How much earlier than the database the node believes that the lease is over: for clocks that run at different
    /// speeds, and for what takes its time between a look at the clock and what follows.
    static let margin: Int64 = 3000

    private var state = State.lost(retryAt: .min)
    /// Counts the times that the node was entered: what was asked for on the strength of an earlier lease says nothing
    /// about this one.
    private(set) var entry: UInt64 = 0

    /// Whether anything may be written, or run, on its strength.
    func isTrusted(at uptime: Int64) -> Bool {
        if case .held(let trustedUntil, _) = state { uptime < trustedUntil } else { false }
    }

    /// Whether the node is entered, as far as it knows.
    var isHeld: Bool { if case .held = state { true } else { false } }

    func duty(at uptime: Int64) -> Duty {
        switch state {
        case .held(_, let renewAt): uptime >= renewAt ? .renew : .nothing
        case .losing: .nothing
        case .lost(let retryAt): uptime >= retryAt ? .enter : .nothing
        }
    }

    /// The node has entered, with a lease that was asked for at `sentAt`.
    mutating func entered(sentAt: Int64, duration: Duration) {
        entry += 1
        state = LeaseKeeper.held(sentAt, duration)
    }

    /// A renewal was answered; one that comes too late changes nothing.
    mutating func renewed(sentAt: Int64, duration: Duration) {
        if case .held = state { state = LeaseKeeper.held(sentAt, duration) }
    }

    private static func held(_ sentAt: Int64, _ duration: Duration) -> State {
        .held(trustedUntil: sentAt + duration.wholeMilliseconds - margin, renewAt: sentAt + interval)
    }

    /// A renewal, or an attempt to enter, has failed in a way that may pass.
    mutating func failed(at uptime: Int64) {
        switch state {
        case .held(let trustedUntil, _): state = .held(trustedUntil: trustedUntil, renewAt: uptime + LeaseKeeper.retry)
        case .losing: break
        case .lost: state = .lost(retryAt: uptime + LeaseKeeper.retry)
        }
    }

    /// Renews at the next look, whenever that was due.
    mutating func hasten() {
        if case .held(let trustedUntil, _) = state { state = .held(trustedUntil: trustedUntil, renewAt: .min) }
    }

    /// Ends the trust once its time is over.
    ///
    /// - Returns: Whether it ends with this call: everything that the node had is to be forgotten.
    mutating func lapse(at uptime: Int64) -> Bool { isHeld && !isTrusted(at: uptime) && lose() }

    /// The store has said that the lease of that ``entry`` is lost.
    ///
    /// - Returns: As ``lapse(at:)``.
    mutating func lose(_ entry: UInt64) -> Bool { entry == self.entry && lose() }

    private mutating func lose() -> Bool {
        guard isHeld else { return false }
        state = .losing
        return true
    }

    /// Nothing that the node had is left.
    mutating func forgot() {
        if state == .losing { state = .lost(retryAt: .min) }
    }
}
