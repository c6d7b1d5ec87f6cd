internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Keeps one connection within its limits: the thin shell around ``ConnectionState``.
///
/// It stands right behind the parser, where it sees every part that is read or written, and is told by two
/// helpers of the raw bytes (``ByteWatch``) and of errors further in (``ErrorWatch``). Answers that no route can give
/// (a late or malformed request) are written from here.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Sent through the pipeline by a route that waits for something on purpose.
    struct Patient: Sendable {}

    typealias Words = @Sendable (Rejection, GuardedRequest?) -> (HTTPResponseHead, ByteBuffer)

    private var state: ConnectionState
    private let isAdmitted: Bool
    private let answer: Words
    /// Those whose headers came and whose answer has not ended, in order.
    private var requests = CircularBuffer<GuardedRequest>()
    /// The one whose headers break a rule.
    private var faulty: GuardedRequest?
    /// Of the request that a route is answering now.
    private var turn: Turn?
    private var context: ChannelHandlerContext?
    private var timer: (task: Scheduled<Void>, due: NIODeadline)?
    private var deferredClose: EventLoopPromise<Void>?
    /// Set while both stand in the pipeline.
    var bytes: ByteWatch?

    /// - Parameters:
    ///   - isAdmitted: Whether there is room for the connection; one that is not is answered and closed.
    ///   - answer: Words a rejection, of the request that it is about, if there is one.
    init(limits: HTTPLimits, isAdmitted: Bool, answer: @escaping Words) {
        state = ConnectionState(limits: limits, now: .now())
        self.isAdmitted = isAdmitted
        self.answer = answer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { opened() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        state.closed()
        timer?.task.cancel()
        timer = nil
        deferredClose?.fail(ChannelError.ioOnClosedChannel)
        deferredClose = nil
        self.context = nil
        bytes = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        opened()
        context.fireChannelActive()
    }

    private func opened() {
        perform(isAdmitted ? nil : state.failed(.tooManyConnections))
    }
}

// Inbound.
extension ConnectionGuard {
    /// - Returns: Whether the bytes go on to the parser.
    func received(_ count: Int) -> Bool {
        let isWanted = state.takesRequests
        perform(state.received(count, at: .now()))
        return isWanted
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state.takesRequests else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            let request = GuardedRequest(head: head, since: .now())
            if let fault = ConnectionGuard.fault(in: head) {
                faulty = request
                perform(state.failed(.malformed(fault)))
                return
            }
            requests.append(request)
            state.requestBegan(keepsAlive: ConnectionGuard.keepsAlive(head), at: request.since)
        case .body: break
        case .end: state.requestEnded()
        }
        arm()
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: state.quiesce()
        case ChannelEvent.inputClosed: perform(state.inputClosed())
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// An error from anywhere in the pipeline; it ends here.
    func failed(_ error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow: perform(state.failed(.headersTooLarge))
        case let error as HTTPParserError: perform(state.failed(.malformed(error.debugDescription)))
        case is IOError, is ChannelError: perform(.close)
        default: perform(state.failed(.malformed("the request line is not understood")))
        }
    }

    /// What RFC 9112 (section 3.2) tells a server to refuse.
    private static func fault(in head: HTTPRequestHead) -> String? {
        guard head.version.major == 1 else { return "only HTTP/1.0 and HTTP/1.1 are spoken here" }
        let hosts = head.headers["host"].count
        if hosts > 1 { return "there is more than one Host header" }
        return hosts == 0 && head.version.minor >= 1 ? "the Host header is missing" : nil
    }

    /// An upgrade is not taken, but the parser stops at the request that asks for one.
    private static func keepsAlive(_ head: HTTPRequestHead) -> Bool {
        head.isKeepAlive && head.method != .CONNECT && !head.headers.contains(name: "upgrade")
    }
}

// Outbound.
extension ConnectionGuard {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state.isOpen else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            if state.answerBegan() { head.headers.replaceOrAdd(name: "Connection", value: "close") }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            context.write(data, promise: promise)
            _ = requests.popFirst()
            turn = nil
            perform(state.answerEnded(at: .now()))
        case .head, .body: context.write(data, promise: promise)
        }
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        sample()
        arm()
    }

    /// Waits with a close until what is written has gone out, within the reader's deadline.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        sample()
        switch mode {
        case .output where state.isFinishing: promise?.succeed(())
        case .all where buffered > 0 && context.channel.isActive:
            let all = promise ?? context.eventLoop.makePromise()
            if let deferredClose {
                deferredClose.futureResult.cascade(to: all)
                return
            }
            deferredClose = all
            state.finish()
            finishAfterFlush()
        case .all, .output, .input: context.close(mode: mode, promise: promise)
        }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event {
        case let turn as Turn:
            self.turn = turn
            promise?.succeed(())
        case is Patient:
            promise?.succeed(())
            perform(state.becamePatient())
        default: context.triggerUserOutboundEvent(event, promise: promise)
        }
    }

    private func perform(_ action: ConnectionState.Action?) {
        guard let context else { return }
        switch action {
        case .reject(let rejection):
            turn?.cut()
            let request = requests.first ?? faulty
            let (head, body) = answer(rejection, request)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if request?.head.method != .HEAD {
                context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            }
            context.write(wrapOutboundOut(.end(nil)), promise: nil)
            finishAfterFlush()
        case .finish: finishAfterFlush()
        case .close:
            if buffered > 0 { dropUnsent(context.channel) }
            context.close(promise: nil)
        case nil: break
        }
        arm()
    }

    /// Makes the close reset the connection: the system would otherwise keep what a stuck reader does not take, for
    /// minutes after it is closed here.
    private func dropUnsent(_ channel: any Channel) {
        // On the channel's own loop this is done at once; a refusal by the system leaves the slower end.
        _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    }

    /// Flushes; when that is done, closes the writing side and goes on reading, so that the client gets to see the
    /// answer: a close with unread bytes would reset the connection and the answer with it.
    private func finishAfterFlush() {
        bytes?.flush { self.flushed() }
        sample()
    }

    private func flushed() {
        guard let context else { return }
        if let deferredClose {
            self.deferredClose = nil
            context.close(promise: deferredClose)
            return
        }
        let action = state.finished(at: .now())
        if action == nil {
            context.close(mode: .output, promise: nil)
            context.read()
        }
        perform(action)
    }
}

// Time.
extension ConnectionGuard {
    private var buffered: Int {
        // An error means that the channel is gone: nothing is buffered then.
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    private func sample() { state.buffered(buffered, at: .now()) }

    /// Makes sure that a timer fires no later than the next deadline; one that fires early is set again.
    private func arm() {
        guard let context, let due = state.nextDeadline else { return }
        if let timer {
            guard due < timer.due else { return }
            timer.task.cancel()
        }
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { self.fired() }
        timer = (task, due)
    }

    private func fired() {
        timer = nil
        sample()
        perform(state.tick(.now()))
        arm()
    }
}

/// A request as its connection's guard knows it.
struct GuardedRequest: Sendable {
    let head: HTTPRequestHead
    /// When its headers were complete.
    let since: NIODeadline
}

/// A route's turn to answer; sent through the pipeline when it begins.
///
/// With it a route learns that the guard has answered in its place, also when the connection is long gone by then.
final class Turn: Sendable {
    private let hasEnded = Atomic(false)

    /// Whether the guard has answered.
    var isCut: Bool { hasEnded.load(ordering: .relaxed) }

    func cut() { hasEnded.store(true, ordering: .relaxed) }
}

/// Tells the guard of raw bytes, and drops them once the guard no longer wants them.
final class ByteWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: ConnectionGuard
    private var isDropping = false
    private var context: ChannelHandlerContext?

    init(_ connection: ConnectionGuard) { self.connection = connection }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Flushes, and calls back when all that was written before is with the system, or lost.
    func flush(_ done: @escaping () -> Void) {
        guard let context else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in done() }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isDropping = !connection.received(unwrapInboundIn(data).readableBytes)
        if !isDropping { context.fireChannelRead(data) }
    }

    /// Nobody behind asks for more of what is dropped.
    func channelReadComplete(context: ChannelHandlerContext) {
        if isDropping { context.read() } else { context.fireChannelReadComplete() }
    }
}

/// Tells the guard of errors from the parser and its neighbour, which both stand before this handler.
final class ErrorWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private let connection: ConnectionGuard

    init(_ connection: ConnectionGuard) { self.connection = connection }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.failed(error) }
}
