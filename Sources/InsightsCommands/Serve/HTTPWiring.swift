internal import InsightsEngine
internal import InsightsHTTP
internal import Logging
internal import ServiceLifecycle

/// The one place that makes the HTTP side.
enum HTTPWiring {
    /// What is served, and how others learn the port it got.
    struct Server: Sendable {
        let host: String
        let service: any Service
        /// Yields the port once, when connections are taken; ends without one when that cannot be.
        let listening: AsyncStream<Int>
        /// Ends ``listening``.
        let giveUp: @Sendable () -> Void
    }

    /// Makes the server; it listens once it is run.
    static func service(
        host: String, port: Int, settings: Settings, grace: Duration, daemon: any Daemon, logger: Logger
    ) -> Server {
        let (listening, continuation) = AsyncStream<Int>.makeStream()
        let configuration = HTTPConfiguration(
            host: host, port: port, adminToken: settings.adminToken.map(Secret.init), version: ProgramVersion.current,
            grace: grace)
        let service = HTTPServerService(
            configuration: configuration, daemon: daemon, logger: logger,
            onListening: { port in
                continuation.yield(port)
                continuation.finish()
            })
        return Server(host: host, service: service, listening: listening) { continuation.finish() }
    }

    /// What people and programs open: an IPv6 address stands in brackets, and "any address" is this machine's.
    static func url(host: String, port: Int) -> String {
        let reachable =
            switch host {
            case "0.0.0.0": "127.0.0.1"
            case "::", "[::]": "[::1]"
            default: host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
            }
        return "http://\(reachable):\(port)"
    }
}
