private import NIOCore
private import NIOHTTP1
private import NIOPosix

/// A forge on a real socket of the loopback interface.
package final class ForgeServer: Sendable {
    /// What it answers from.
    package let forge: Forge
    /// Where it listens.
    package let port: Int
    private let loops: MultiThreadedEventLoopGroup

    /// The server's root, as `base_url` wants it.
    package var baseURL: String { "http://127.0.0.1:\(port)" }

    private init(forge: Forge, port: Int, loops: MultiThreadedEventLoopGroup) {
        self.forge = forge
        self.port = port
        self.loops = loops
    }

    /// Starts to listen on 127.0.0.1.
    ///
    /// One thread serves all connections, so that what one answer changes the next request sees.
    ///
    /// - Parameter port: 0 for one that the system chooses.
    /// - Throws: When the port is taken.
    package static func start(_ forge: Forge, port: Int = 0) async throws -> ForgeServer {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let channel = try await ServerBootstrap(group: loops)
                .serverChannelOption(.backlog, value: 512)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(
                            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
                        try pipeline.addHandler(ForgeConnection(forge: forge))
                    }
                }
                .bind(host: "127.0.0.1", port: port).get()
            return ForgeServer(forge: forge, port: channel.localAddress?.port ?? port, loops: loops)
        } catch {
            try await loops.shutdownGracefully()
            throw error
        }
    }

    /// Cuts every connection and stops to listen.
    package func stop() async throws { try await loops.shutdownGracefully() }

    /// Runs `body` against a server of its own, and stops it whatever happened.
    package static func run<Result: Sendable>(
        _ forge: Forge, _ body: (ForgeServer) async throws -> Result
    ) async throws -> Result {
        let server = try await start(forge)
        do {
            let result = try await body(server)
            try await server.stop()
            return result
        } catch {
            try await server.stop()
            throw error
        }
    }
}
