internal import Glibc
internal import InsightsEngine
internal import InsightsStorage
internal import Logging
internal import ServiceLifecycle

/// The services of `serve` and their order: HTTP listens before the first task starts, so that a port in use starts
/// none, and stays until the last one has ended, so that `/ready` can say so.
struct ServeHouse: Sendable {
    /// Has the store; not run yet.
    let engine: Engine
    let http: HTTPWiring.Server?
    let watch: SignalWatch
    let logger: Logger
    let place: StoreURL

    /// Serves until a signal ends it and what ran has ended or its grace is over.
    ///
    /// - Throws: 69 when it cannot listen.
    func run() async throws {
        var configurations: [ServiceGroupConfiguration.ServiceConfiguration] = []
        if let http {
            configurations.append(
                .init(
                    service: ListeningService(server: http), successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup))
        }
        let engineService = EngineService(engine: engine, http: http, logger: logger, place: place)
        configurations.append(.init(service: engineService, successTerminationBehavior: .gracefullyShutdownGroup))
        // Stopping is told by our own lines; a group that logs each step of it would only repeat them.
        var quiet = logger
        quiet.logLevel = .critical
        let group = ServiceGroup(configuration: .init(services: configurations, logger: quiet))
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await attend(to: watch, group) }
                defer { tasks.cancelAll() }
                try await group.run()
            }
        } catch {
            // A server that cannot listen says itself why, at which address, and what to do.
            throw CommandFailure(.unavailable, String(describing: error))
        }
        logger.notice("stopped")
    }

    /// SIGHUP reads the manifest anew; SIGINT and SIGTERM begin the end.
    private func attend(to watch: SignalWatch, _ group: ServiceGroup) async {
        await withDiscardingTaskGroup { tasks in
            for await signal in watch.signals {
                if signal == SIGHUP {
                    // Beside the loop, which has to hear a SIGTERM meanwhile; the engine tells what came of it.
                    tasks.addTask { _ = await engine.reload() }
                } else {
                    logger.notice("stopping; another signal ends it at once")
                    await group.triggerGracefulShutdown()
                }
            }
        }
    }
}

/// The HTTP server; tells when it is never going to listen.
private struct ListeningService: Service {
    let server: HTTPWiring.Server

    func run() async throws {
        defer { server.giveUp() }
        try await server.service.run()
    }
}

/// The engine: starts tasks once HTTP listens.
private struct EngineService: Service {
    let engine: Engine
    let http: HTTPWiring.Server?
    let logger: Logger
    let place: StoreURL

    func run() async throws {
        var address = "without HTTP"
        if let http {
            guard let port = await port(of: http) else { return }
            address = HTTPWiring.url(host: http.host, port: port)
        }
        logger.notice(
            "ready: \(address)",
            metadata: [
                "tasks": .stringConvertible(engine.manifest.tasks.count), "database": "\(place.text)",
                "pid": .stringConvertible(getpid()),
            ])
        await withGracefulShutdownHandler {
            await engine.run()
        } onGracefulShutdown: {
            engine.shutdown()
        }
    }

    /// The port, or `nil` when the server gave up or the end came first.
    private func port(of http: HTTPWiring.Server) async -> Int? {
        await withGracefulShutdownHandler {
            for await port in http.listening { return port }
            return nil
        } onGracefulShutdown: {
            http.giveUp()
        }
    }
}
