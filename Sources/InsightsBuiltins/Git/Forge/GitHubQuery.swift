internal import InsightsPlugin

/// GitHub's counters of many repositories by one GraphQL query.
///
/// - SeeAlso: docs.github.com/graphql/reference/queries (`nodes`), docs.github.com/graphql/overview/rate-limits.
enum GitHubQuery {
    /// Most repositories a query: GitHub takes no more ids.
    static let batch = 100
    /// A query of so few that still takes too long is asked by REST instead: each timeout costs extra.
    static let smallestBatch = 10

    private static let text = """
        query($ids: [ID!]!) {
          nodes(ids: $ids) {
            ...on Repository {
              id stargazerCount forkCount watchers { totalCount } issues(states: OPEN) { totalCount }
              pullRequests(states: OPEN) { totalCount } releases { totalCount } diskUsage isArchived
            }
          }
          rateLimit { cost remaining resetAt }
        }
        """

    /// The body of the request; ids go as variables, so that none of them is ever part of the query.
    static func body(_ ids: [String]) -> [UInt8] {
        let flat = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let body: Value = ["query": .string(flat), "variables": ["ids": .array(ids.map(Value.string))]]
        return Array(body.json.utf8)
    }

    /// What came of a query.
    enum Answer: Equatable {
        /// The counters by node id; one that is not there could not be told.
        case counters([String: [String: ForgeFigure]])
        /// The points are used up, which GraphQL says with status 200.
        case rateLimited
        /// There are no data at all; why, in our words.
        case failed(String)
    }

    /// Reads an answer with status 200; errors beside data cost only what they are about.
    static func answer(_ body: Value, ids: [String]) -> Answer {
        let errors = body["errors"]?.array ?? []
        if errors.contains(where: isRateLimit) { return .rateLimited }
        guard let nodes = body["data"]?["nodes"]?.array else {
            return .failed(errors.isEmpty ? "its answer has no data" : "it answered with errors alone")
        }
        var counters: [String: [String: ForgeFigure]] = [:]
        for (index, node) in nodes.enumerated() where node.object != nil {
            // In the order of the ids; a node's own word counts first.
            guard let id = node["id"]?.filledText ?? (nodes.count == ids.count ? ids[index] : nil) else { continue }
            let figures = figures(node)
            // A counter that is missing here may still be told by REST.
            if figures.values.allSatisfy({ $0.number != nil }) { counters[id] = figures }
        }
        return .counters(counters)
    }

    private static func figures(_ node: Value) -> [String: ForgeFigure] {
        [
            ForgeMetrics.stars: ForgeFigure(node["stargazerCount"], "stargazerCount"),
            ForgeMetrics.forks: ForgeFigure(node["forkCount"], "forkCount"),
            ForgeMetrics.watchers: ForgeFigure(node["watchers"]?["totalCount"], "watchers"),
            ForgeMetrics.openIssues: ForgeFigure(node["issues"]?["totalCount"], "issues"),
            ForgeMetrics.openPullRequests: ForgeFigure(node["pullRequests"]?["totalCount"], "pullRequests"),
            ForgeMetrics.sizeBytes: ForgeFigure(node["diskUsage"], "diskUsage", unit: 1024),
        ]
    }

    private static func isRateLimit(_ error: Value) -> Bool {
        let words = [error["type"]?.string, error["extensions"]?["code"]?.string, error["code"]?.string]
        return words.contains { $0?.uppercased().contains("RATE_LIMIT") ?? false }
    }
}
