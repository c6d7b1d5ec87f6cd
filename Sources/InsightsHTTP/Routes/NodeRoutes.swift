internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin

/// The processes that run tasks on the same database.
enum NodeRoutes {
    static let all: [Route] = [
        Route(
            .get, "/api/nodes", id: "listNodes", "The processes that run tasks on this database, by start.",
            answers: [Answer(.ok, "The nodes.", Schema.list("nodes", of: .node))], handler: list)
    ]

    @Sendable private static func list(_ call: Call) async throws(Problem) -> Reply {
        let nodes = try await stored { () async throws(StoreError) in try await call.daemon.reader.nodes() }
        return .json(["nodes": .array(nodes.json)])
    }
}
