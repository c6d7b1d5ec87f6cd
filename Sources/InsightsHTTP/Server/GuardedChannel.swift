internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Hummingbird's HTTP/1.1 channel, with every connection under a ``ConnectionGuard`` and served by its own loop.
struct GuardedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    private let inner: HTTP1Channel
    private let limits: HTTPLimits
    private let count: ConnectionCount
    private let answer: ConnectionGuard.Words

    /// - Parameters:
    ///   - answer: Words what a guard refuses.
    ///   - responder: Answers a request.
    init(
        limits: HTTPLimits, answer: @escaping ConnectionGuard.Words,
        responder: @escaping HTTPChannelHandler.Responder
    ) {
        self.limits = limits
        self.answer = answer
        count = ConnectionCount(limit: limits.connections)
        inner = HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerListBytes,
                    maxHeaderFieldCount: limits.headerCount)))
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let (isAdmitted, isNews) = count.take()
        if isNews {
            logger.warning(
                "all connections are taken; further ones are answered 503",
                metadata: ["connections": .stringConvertible(limits.connections)])
        }
        channel.closeFuture.whenComplete { [count] _ in count.give() }
        return inner.setup(channel: channel, logger: logger).flatMapThrowing { [limits, answer] value in
            let pipeline = channel.pipeline.syncOperations
            let connection = ConnectionGuard(limits: limits, isAdmitted: isAdmitted, answer: answer)
            let bytes = ByteWatch(connection)
            connection.bytes = bytes
            let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let inside = try pipeline.handler(type: HTTPConnectionStateHandler.self)
            try pipeline.addHandler(ErrorWatch(connection), position: .before(inside))
            try pipeline.addHandler(connection, position: .after(parser))
            try pipeline.addHandler(bytes, position: .first)
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
            await inner.handle(value: value, logger: logger)
        }
    }
}

/// Counts open connections.
private final class ConnectionCount: Sendable {
    private struct State {
        var open = 0
        var isFull = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// Counts one more, and tells whether it is within the limit, and whether it is the first in a while that is not.
    func take() -> (isAdmitted: Bool, isNews: Bool) {
        state.withLock { state in
            state.open += 1
            guard state.open > limit else { return (true, false) }
            defer { state.isFull = true }
            return (false, !state.isFull)
        }
    }

    /// Counts one less. Only with a quarter free it is news again that there is no room: a line for every connection
    /// refused would let anybody fill the log.
    func give() {
        state.withLock { state in
            state.open -= 1
            if state.open <= limit * 3 / 4 { state.isFull = false }
        }
    }
}
