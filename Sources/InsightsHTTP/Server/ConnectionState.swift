internal import NIOCore

/// Why a connection is answered by its guard and not by a route.
enum Rejection: Equatable, Sendable {
    /// The headers did not come in time.
    case headersLate
    /// The rest of the request did not come in time.
    case requestLate
    /// The route did not answer in time.
    case answerLate
    /// What came is no HTTP/1.1 request.
    case malformed(String)
    case headersTooLarge
    case tooManyConnections
}

/// What a connection may do next: deadlines and ends, decided without a clock and without I/O.
///
/// Events tell what was read and written, and when; ``Action`` is what the handler around it does. Requests on one
/// connection are answered in order, so one clock for the request whose turn it is, is enough.
struct ConnectionState {
    enum Action: Equatable {
        /// Write this answer, flush, then as after ``finish``.
        case reject(Rejection)
        /// Once everything is flushed, close the writing side and drop what still comes.
        case finish
        /// Close now.
        case close
    }

    private enum Life: Equatable {
        case open
        /// The last answer is written, not yet flushed.
        case finishing
        /// The last answer is flushed; what comes is dropped until then.
        case lingering(until: NIODeadline)
        case closed
    }

    /// After a refusal a client may push this much before it is cut off, in bytes.
    private static let lingerBytes = 4 << 20

    private let limits: HTTPLimits
    private var life = Life.open
    /// When the headers that are awaited began, or the connection opened; `nil` while none are awaited.
    private var headSince: NIODeadline?
    /// Whether a byte of these headers has come.
    private var hasBytes = false
    /// When the last answer ended.
    private var idleSince: NIODeadline
    /// Requests whose headers came and whose answer has not ended.
    private var requests = 0
    /// When the request whose turn it is began.
    private var requestSince: NIODeadline
    private var isReadingBody = false
    private var isAnswering = false
    private var isPatient = false
    private var closesAfterLast = false
    private var isQuiescing = false
    private var isInputClosed = false
    private var rejection: Rejection?
    private var bufferedBytes = 0
    private var progressAt: NIODeadline
    private var sampledAt: NIODeadline
    private var droppedBytes = 0

    /// - Parameter now: When the connection opened.
    init(limits: HTTPLimits, now: NIODeadline) {
        self.limits = limits
        headSince = now
        idleSince = now
        requestSince = now
        progressAt = now
        sampledAt = now
    }

    /// Whether what routes write still goes out.
    var isOpen: Bool { life == .open }
    /// Whether what is read still goes on, to the parser and to the routes.
    var takesRequests: Bool { isOpen && rejection == nil }
    /// Whether the last answer is on its way out.
    var isFinishing: Bool { life == .finishing }

    /// When ``tick(_:)`` is due next; `nil` when nothing is awaited.
    var nextDeadline: NIODeadline? {
        switch life {
        case .closed: return nil
        case .lingering(let until): return until
        case .finishing: return bufferedBytes > 0 ? sampleDeadline : nil
        case .open:
            guard let due = openDeadline else { return bufferedBytes > 0 ? sampleDeadline : nil }
            return bufferedBytes > 0 ? min(due, sampleDeadline) : due
        }
    }

    /// The reader is looked at four times within its limit, so that a pause is not overrated by much.
    private var sampleDeadline: NIODeadline {
        min(readingDeadline, sampledAt + TimeAmount(limits.reading / 4))
    }

    private var readingDeadline: NIODeadline { progressAt + TimeAmount(limits.reading) }

    /// Without the reader's; `nil` while an answer is being written or is awaited with patience.
    private var openDeadline: NIODeadline? {
        if requests > 0 { return isAnswering || isPatient ? nil : requestSince + TimeAmount(limits.request) }
        if let headSince { return headSince + TimeAmount(limits.headers) }
        return idleSince + TimeAmount(limits.idle)
    }
}

extension ConnectionState {
    /// Bytes came, before they are parsed.
    mutating func received(_ count: Int, at now: NIODeadline) -> Action? {
        guard takesRequests else {
            droppedBytes += count
            return droppedBytes > ConnectionState.lingerBytes ? end() : nil
        }
        guard !isReadingBody else { return nil }
        hasBytes = true
        if requests == 0, headSince == nil { headSince = now }
        return nil
    }

    /// A request's headers are complete.
    mutating func requestBegan(keepsAlive: Bool, at now: NIODeadline) {
        if requests == 0 { requestSince = headSince ?? now }
        requests += 1
        headSince = nil
        hasBytes = false
        isReadingBody = true
        if !keepsAlive { closesAfterLast = true }
    }

    /// A request is complete.
    mutating func requestEnded() { isReadingBody = false }

    /// The route that answers announced that it may take longer than a request may.
    ///
    /// - Returns: ``Action/close`` when the client is already gone.
    mutating func becamePatient() -> Action? {
        isPatient = true
        return isInputClosed ? end() : nil
    }

    /// An answer's final headers go out.
    ///
    /// - Returns: Whether they must say `Connection: close`.
    mutating func answerBegan() -> Bool {
        isAnswering = true
        return closesAfterAnswer
    }

    /// An answer's last part goes out.
    mutating func answerEnded(at now: NIODeadline) -> Action? {
        let closes = closesAfterAnswer
        isAnswering = false
        isPatient = false
        requests = max(0, requests - 1)
        idleSince = now
        requestSince = now
        if closes {
            life = .finishing
            return .finish
        }
        if let rejection, completeRequests == 0 { return reject(rejection) }
        guard requests == 0 else { return nil }
        if hasBytes { headSince = now }
        return nil
    }

    /// The parser gave up, or the request breaks a rule: answered when its turn comes.
    mutating func failed(_ rejection: Rejection) -> Action? {
        guard takesRequests else { return nil }
        self.rejection = rejection
        return completeRequests > 0 ? nil : reject(rejection)
    }

    /// No further request is taken on this connection.
    mutating func quiesce() { isQuiescing = true }

    /// The client closed its side.
    mutating func inputClosed() -> Action? {
        isInputClosed = true
        switch life {
        case .lingering: return end()
        case .open: return isPatient ? end() : nil
        case .finishing, .closed: return nil
        }
    }

    /// How many bytes wait for the reader now.
    mutating func buffered(_ count: Int, at now: NIODeadline) {
        if count != bufferedBytes { progressAt = now }
        bufferedBytes = count
        sampledAt = now
    }

    /// The last answer is flushed.
    mutating func finished(at now: NIODeadline) -> Action? {
        guard life == .finishing else { return nil }
        if isInputClosed || rejection == .tooManyConnections { return end() }
        life = .lingering(until: now + TimeAmount(limits.linger))
        return nil
    }

    /// Somebody else closes the connection; what is written may still go out.
    mutating func finish() {
        if isOpen { life = .finishing }
    }

    /// The connection is gone.
    mutating func closed() { life = .closed }

    /// Time has passed; ``buffered(_:at:)`` was told just before.
    mutating func tick(_ now: NIODeadline) -> Action? {
        guard let due = nextDeadline, due <= now else { return nil }
        if case .lingering = life { return end() }
        if bufferedBytes > 0, readingDeadline <= now { return end() }
        guard isOpen, let due = openDeadline, due <= now else { return nil }
        if requests > 0 { return reject(isReadingBody ? .requestLate : .answerLate) }
        return hasBytes ? reject(.headersLate) : end()
    }

    /// Those that still have a right to an answer when the newest one turns out to be broken.
    private var completeRequests: Int { requests - (isReadingBody ? 1 : 0) }

    private var closesAfterAnswer: Bool {
        requests == 1 && (closesAfterLast || isReadingBody || isQuiescing)
    }

    /// An answer that has begun cannot be replaced by another.
    private mutating func reject(_ rejection: Rejection) -> Action {
        if isAnswering { return end() }
        life = .finishing
        return .reject(rejection)
    }

    private mutating func end() -> Action {
        life = .closed
        return .close
    }
}
