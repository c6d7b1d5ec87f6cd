internal import Dispatch
internal import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// One place in the pool: a queue, and the connection that is used on it.
///
/// Opened when first needed, and again after an error that cost it; in between, and after each failure for longer, it
/// refuses at once with what went wrong last. A caller waits no longer than its own deadline, even where a call of the
/// system (the name service) keeps the lane for longer.
///
/// `@unchecked Sendable`: everything but `waiting` is touched on `queue` only.
final class PostgresLane: @unchecked Sendable {
    /// What a lane holds besides its connection.
    struct Session {
        let connection: PostgresConnection
        let statements: PostgresStatements
    }

    /// Callers that wait for one lane, at most.
    private static let waitingLimit = 256
    private static let firstDelay: Duration = .milliseconds(50)
    private static let longestDelay: Duration = .seconds(2)

    let waiting = Atomic<Int>(0)
    private let queue: DispatchQueue
    private let house: PostgresHouse
    private let writes: Bool
    private var session: Session?
    private var isClosed = false
    private var failure: (error: StoreError, until: ContinuousClock.Instant, delay: Duration)?

    init(_ name: String, _ house: PostgresHouse, writes: Bool) {
        queue = DispatchQueue(label: "insights.store.postgres.\(name)")
        self.house = house
        self.writes = writes
    }

    /// Runs `body` with the connection.
    ///
    /// Not cancellable: whoever gives up waiting must not undo a commit that is under way.
    ///
    /// - Parameter limit: How long it may take, connecting included.
    func perform<Result: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws(StoreError) -> Result {
        guard waiting.load(ordering: .relaxed) < PostgresLane.waitingLimit else {
            throw StoreError(.unavailable, "too many calls wait for \(house.label)", help: "ask again later")
        }
        waiting.add(1, ordering: .relaxed)
        let deadline = ContinuousClock.now + limit
        let result: Swift.Result<Result, StoreError> = await withCheckedContinuation { continuation in
            let answer = Answer(continuation)
            queue.async {
                // Whoever waited here until then is not there any more.
                let result = answer.isAwaited ? self.attempt(deadline, body) : .failure(self.silence)
                self.waiting.subtract(1, ordering: .relaxed)
                answer.give(result)
            }
            PostgresLane.watch.asyncAfter(deadline: .now() + limit.inSeconds + 1) { [weak answer, silence] in
                answer?.give(.failure(silence))
            }
        }
        return try result.get()
    }

    /// Runs `body` with the connection; waits for it on the caller's thread: for the start of a program.
    func performNow<Result>(within limit: Duration, _ body: (Session) throws -> Result) throws(StoreError) -> Result {
        try queue.sync { attempt(.now + limit, body) }.get()
    }

    func close() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.session = nil
                self.isClosed = true
                continuation.resume()
            }
        }
    }

    private static let watch = DispatchQueue(label: "insights.store.postgres.deadlines")

    private var silence: StoreError {
        PostgresFailure.storeError(PostgresError(kind: .deadline, message: ""), house.label)
    }

    private func attempt<Result>(
        _ deadline: ContinuousClock.Instant, _ body: (Session) throws -> Result
    ) -> Swift.Result<Result, StoreError> {
        if isClosed { return .failure(StoreError(.unavailable, "\(house.label) was closed")) }
        let isFresh = session == nil
        do {
            let session = try self.session ?? open(deadline)
            session.connection.deadline = deadline
            return .success(try body(session))
        } catch {
            if (error as? PostgresError)?.kind == .deadline { session?.connection.cancel() }
            if let connection = session?.connection, connection.isBroken || connection.isInTransaction {
                session = nil
                // A connection that had stood idle may just be an old one, such as before the server's restart: the
                // next call connects at once.
                if isFresh { note(PostgresFailure.storeError(error, house.label)) }
            }
            return .failure(PostgresFailure.storeError(error, house.label))
        }
    }

    private func open(_ deadline: ContinuousClock.Instant) throws -> Session {
        if let failure, failure.until > .now { throw failure.error }
        do {
            let connection = try house.connect(writes: writes, deadline: deadline)
            let opened = Session(connection: connection, statements: PostgresStatements(connection))
            session = opened
            failure = nil
            return opened
        } catch {
            let told = PostgresFailure.storeError(error, house.label)
            note(told)
            throw told
        }
    }

    /// Lets some time pass before the next try, more after each failure, and not the same on every lane and node.
    private func note(_ error: StoreError) {
        let delay = min(failure.map { $0.delay * 2 } ?? PostgresLane.firstDelay, PostgresLane.longestDelay)
        failure = (error, .now + delay * Double.random(in: 0.5...1), delay)
    }

    /// Takes the first answer, the connection's or the deadline's.
    private final class Answer<Result: Sendable>: Sendable {
        private let continuation: Mutex<CheckedContinuation<Swift.Result<Result, StoreError>, Never>?>

        init(_ continuation: CheckedContinuation<Swift.Result<Result, StoreError>, Never>) {
            self.continuation = Mutex(continuation)
        }

        var isAwaited: Bool { continuation.withLock { $0 != nil } }

        func give(_ result: Swift.Result<Result, StoreError>) {
            let waiting = continuation.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            waiting?.resume(returning: result)
        }
    }
}
