internal import HTTPTypes
internal import HummingbirdCore
package import InsightsEngine
internal import InsightsPlugin
package import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import ServiceLifecycle

/// Why the server cannot serve.
package struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    /// For people: what happened, at which host and port, and the way out.
    package let description: String
}

/// Serves the routes and pages until it is told to stop.
package struct HTTPServerService: Service {
    private let configuration: HTTPConfiguration
    private let daemon: any Daemon
    private let logger: Logger
    private let clock: any EngineClock
    private let pause: @Sendable (Duration) async throws -> Void
    private let onListening: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - configuration: Already checked.
    ///   - daemon: What is served.
    ///   - clock: For `Date` and the page's "ago"; deadlines have the event loop's own.
    ///   - pause: How the answer to a wrong token is delayed; `nil`: by that long.
    ///   - onListening: Called once with the port, when connections are taken.
    package init(
        configuration: HTTPConfiguration, daemon: any Daemon, logger: Logger, clock: any EngineClock = SystemClock(),
        pause: (@Sendable (Duration) async throws -> Void)? = nil,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.daemon = daemon
        self.logger = logger
        self.clock = clock
        self.pause = pause ?? { try await ContinuousClock().sleep(for: $0) }
        self.onListening = onListening
    }

    /// Listens and serves.
    ///
    /// On graceful shutdown no connection is taken any more, idle ones are closed, requests under way are answered;
    /// after the configured grace they are cut. Cancellation cuts them at once.
    ///
    /// - Throws: ``HTTPServerError`` when it cannot listen.
    package func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads)
        do {
            try await withTaskExecutorPreference(EventLoopExecutor(loops.next())) {
                try await serve(on: loops)
            }
        } catch {
            try await loops.shutdownGracefully()
            throw translated(error)
        }
        try await loops.shutdownGracefully()
    }

    private func serve(on loops: MultiThreadedEventLoopGroup) async throws {
        let server = makeServer(on: loops)
        let grace = configuration.grace
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await server.run()
                return true
            }
            group.addTask {
                try await gracefulShutdown()
                try await ContinuousClock().sleep(for: grace)
                return false
            }
            // Either the server has come to its end, or its time is up.
            _ = try await group.next()
            group.cancelAll()
        }
    }

    private func makeServer(on loops: MultiThreadedEventLoopGroup) -> any Service {
        let dispatcher = makeDispatcher()
        let channel = GuardedChannel(
            limits: configuration.limits, answer: { dispatcher.words(of: $0, to: $1) },
            responder: { request, writer, channel in
                try await dispatcher.respond(to: request, writer: writer, channel: channel)
            })
        // Hummingbird's own words about starting and stopping would only repeat ours.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return channel.server(
            configuration: ServerConfiguration(
                address: .hostname(bareHost, port: configuration.port), backlog: 256, reuseAddress: true),
            onServerRunning: { [onListening] in onListening($0.localAddress?.port ?? 0) }, eventLoopGroup: loops,
            logger: quiet)
    }

    private func makeDispatcher() -> Dispatcher {
        Dispatcher(
            router: Router(routes: Routes.all), daemon: daemon,
            gate: AdminGate(token: configuration.adminToken, limits: configuration.limits, pause: pause),
            site: Site(version: configuration.version, metrics: RequestMetrics(), clock: clock),
            limits: configuration.limits, logger: logger, now: { [clock] in clock.now })
    }

    /// Without the brackets in which URLs put an IPv6 address.
    private var bareHost: String {
        let host = configuration.host
        return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    /// Names the place and the way out.
    private func translated(_ error: any Error) -> any Error {
        let place = (bareHost.contains(":") ? "[\(bareHost)]" : bareHost) + ":\(configuration.port)"
        guard let error = error as? IOError else {
            guard error is SocketAddressError || error is SocketAddressError.UnknownHost else { return error }
            return HTTPServerError(
                description: "cannot listen on \(place): there is no such host; "
                    + "name an address of this machine with --host or HOST")
        }
        let reason =
            switch error.errnoCode {
            case EADDRINUSE:
                "the port is in use; choose another with --port or PORT, or stop the program that has it"
            case EACCES, EPERM: "permission denied; choose a port from 1024 with --port or PORT"
            case EADDRNOTAVAIL: "the address is not one of this machine; choose another with --host or HOST"
            default: error.description
            }
        return HTTPServerError(description: "cannot listen on \(place): \(reason)")
    }
}
