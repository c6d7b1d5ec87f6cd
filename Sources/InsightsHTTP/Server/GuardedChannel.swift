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
    private let answer: @Sendable (Rejection) -> (HTTPResponseHead, ByteBuffer)

    /// - Parameters:
    ///   - answer: Words what a guard refuses.
    ///   - responder: Answers a request.
    init(
        limits: HTTPLimits, answer: @escaping @Sendable (Rejection) -> (HTTPResponseHead, ByteBuffer),
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
        let isAdmitted = count.take()
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
    private let limit: Int
    private let open = Mutex(0)

    init(limit: Int) { self.limit = limit }

    /// Counts one more, and tells whether it is within the limit.
    func take() -> Bool {
        open.withLock { open in
            open += 1
            return open <= limit
        }
    }

    func give() { open.withLock { $0 -= 1 } }
}
