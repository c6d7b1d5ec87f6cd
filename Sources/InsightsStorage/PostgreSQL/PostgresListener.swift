internal import Dispatch
internal import InsightsEngine
internal import Synchronization

/// Tells of what other nodes have done, as the server says it (`LISTEN`).
///
/// A connection and a thread of its own, as it waits most of the time; from the first node on that the process is, and
/// until it is closed. Never more than a hint: a database that knows no `LISTEN` is asked for news every second anyway.
///
/// - SeeAlso: <https://www.postgresql.org/docs/current/sql-notify.html>
final class PostgresListener: Sendable {
    static let channel = "insights"
    /// How long closing waits at most.
    private static let arm: Duration = .seconds(1)
    /// A connection that has been silent for this many arms is asked whether it is still there.
    private static let armsBetweenChecks = 10

    private enum Phase {
        case idle
        case listening
        case closed
    }

    let notices: AsyncStream<Void>
    /// Whether this program sends and listens at all.
    let isOn: Bool
    private let continuation: AsyncStream<Void>.Continuation
    private let house: PostgresHouse
    private let phase = Mutex(Phase.idle)
    private let ended = DispatchGroup()

    init(_ house: PostgresHouse, isOn: Bool) {
        self.house = house
        self.isOn = isOn
        (notices, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Begins to listen, if it has not.
    ///
    /// - Parameter node: This process's own number: what it says itself is no news.
    func start(as node: @escaping @Sendable () -> Int64?) {
        let starts = phase.withLock { phase in
            guard phase == .idle, isOn else { return false }
            phase = .listening
            return true
        }
        guard starts else { return }
        ended.enter()
        // Blocking for its whole life, so not on a pool of anybody's.
        let queue = DispatchQueue(label: "insights.store.postgres.listener")
        queue.async {
            self.listen(as: node)
            self.ended.leave()
        }
    }

    func close() async {
        let wasListening = phase.withLock { phase in
            defer { phase = .closed }
            return phase == .listening
        }
        continuation.finish()
        guard wasListening else { return }
        await withCheckedContinuation { continuation in
            ended.notify(queue: .global(qos: .utility)) { continuation.resume() }
        }
    }

    private var isListening: Bool { phase.withLock { $0 == .listening } }

    private func listen(as node: () -> Int64?) {
        var delay: Duration = .milliseconds(100)
        while isListening {
            do {
                // A standby sends no notices, so it must be one that writes.
                let connection = try house.connect(writes: true, deadline: .now + .seconds(5))
                try connection.run("LISTEN \(PostgresListener.channel)")
                // Something may have been said before.
                continuation.yield()
                delay = .milliseconds(100)
                try listen(on: connection, as: node)
            } catch {
                // Why the database is away is told by whoever needs it for more.
                let until = ContinuousClock.now + delay * Double.random(in: 0.5...1)
                while isListening, ContinuousClock.now < until { usleepBriefly() }
                delay = min(delay * 2, .seconds(5))
            }
        }
    }

    private func listen(on connection: PostgresConnection, as node: () -> Int64?) throws {
        var silentArms = 0
        while isListening {
            connection.deadline = .now + PostgresListener.arm
            let payloads = try connection.waitForNotices()
            if payloads.contains(where: { Int64($0) == nil || Int64($0) != node() }) { continuation.yield() }
            silentArms = payloads.isEmpty ? silentArms + 1 : 0
            if silentArms >= PostgresListener.armsBetweenChecks {
                connection.deadline = .now + .seconds(5)
                try connection.run("SELECT 1")
                silentArms = 0
            }
        }
    }

    /// 50 ms, on the listener's own thread.
    private func usleepBriefly() { _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.05) }
}
