import InsightsForgeServer
import InsightsTestWire

/// Runs blocking `work` against a server for `forge`, with a connection to it.
func withClient<Result: Sendable>(
    _ forge: Forge, _ work: @escaping @Sendable (Wire) throws -> Result
) async throws -> Result {
    try await ForgeServer.run(forge) { server in
        let port = server.port
        return try await offPool { try work(Wire(port: port)) }
    }
}
