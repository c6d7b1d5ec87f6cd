internal import NIOCore

/// Lets an answer take longer than a request may, for as long as the client stays.
struct Patience: Sendable {
    private let channel: any Channel

    init(_ channel: any Channel) { self.channel = channel }

    /// Awaits `operation` without the request's deadline; cancels it when the connection closes.
    ///
    /// - Throws: What `operation` throws; `CancellationError` when the client is gone.
    func wait<Value: Sendable>(for operation: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let (gone, source) = AsyncStream<Never>.makeStream()
        channel.closeFuture.whenComplete { _ in source.finish() }
        try await channel.triggerUserOutboundEvent(ConnectionGuard.Patient()).get()
        return try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await operation() }
            group.addTask {
                for await _ in gone {}
                throw CancellationError()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}
