/// Decides when a process group is sent which signal, and when a run of a program is over.
///
/// A pure state machine: the thread that polls tells it what happened and does what it says. Instants are
/// nanoseconds of a clock that counts suspend.
struct ProcessEnding {
    /// Why a program is ended before it ends by itself; the first reason stays.
    enum Reason: Equatable {
        case timedOut
        case cancelled
        /// The consumer of the output threw.
        case consumerFailed
    }

    /// What is to be done now.
    enum Step: Equatable {
        /// Poll, until this instant at the latest (`nil`: without end).
        case wait(until: Int64?)
        /// Send SIGTERM to the group.
        case terminate
        /// Send SIGKILL to the group.
        case kill
        /// The leader has ended and its output is read: reap it and look whether its group lives.
        case reap
        /// Nothing is left.
        case finish
    }

    private enum Phase: Equatable {
        case running
        case terminated(killAt: Int64)
        case killed(at: Int64)
    }

    /// How often a group without a leader is looked at, in nanoseconds.
    private static let pollInterval: Int64 = 10_000_000
    /// How long a group that got SIGKILL is waited for: what is left then sleeps in the kernel and will
    /// never run its own code again.
    private static let afterKill: Int64 = 2_000_000_000

    private let deadline: Int64?
    private let killAfter: Int64
    private let drain: Int64
    private var phase = Phase.running
    private var drainUntil: Int64?
    private var isReaped = false
    private var isGroupGone = false
    private var hasOutput = true
    private(set) var reason: Reason?

    init(deadline: Int64?, killAfter: Int64, drain: Int64) {
        self.deadline = deadline
        self.killAfter = killAfter
        self.drain = drain
    }

    /// The leader ended: from now on only output that is already there, or comes at once, is read.
    mutating func leaderEnded(at now: Int64) { drainUntil = drainUntil ?? now + drain }

    /// Every pipe of the program is at its end.
    mutating func outputEnded() { hasOutput = false }

    /// The program is to end; ignored once its leader ended by itself.
    mutating func stop(_ why: Reason) {
        if drainUntil == nil { reason = reason ?? why }
    }

    /// The leader was reaped.
    mutating func reaped(groupLives: Bool) {
        isReaped = true
        isGroupGone = !groupLives
    }

    /// What to do at `now`; to be asked again after each step but `finish`.
    mutating func next(at now: Int64) -> Step {
        if let deadline, deadline <= now, drainUntil == nil { stop(.timedOut) }
        if isReaped {
            if isGroupGone { return .finish }
            if case .killed(let at) = phase, now >= at + ProcessEnding.afterKill { return .finish }
        }
        if reason != nil || isReaped, let signal = signalDue(at: now) { return signal }
        if isReaped { return .wait(until: now + ProcessEnding.pollInterval) }
        if let drainUntil {
            return !hasOutput || now >= drainUntil ? .reap : .wait(until: drainUntil)
        }
        if case .terminated(let killAt) = phase { return .wait(until: killAt) }
        return .wait(until: reason == nil ? deadline : nil)
    }

    private mutating func signalDue(at now: Int64) -> Step? {
        switch phase {
        case .running:
            phase = .terminated(killAt: now + killAfter)
            return .terminate
        case .terminated(let killAt) where now >= killAt:
            phase = .killed(at: now)
            return .kill
        default: return nil
        }
    }
}
