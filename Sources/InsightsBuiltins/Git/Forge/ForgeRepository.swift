internal import InsightsPlugin

/// Who owns a repository, as an answer tells it.
struct ForgeOwner: Hashable, Sendable {
    /// The forge's own identity of it; `nil` where the answer tells none that can be relied on.
    var id: String?
    /// The path as written, e.g. `apple` or `group/subgroup`.
    var path: String
}

/// A repository as a forge's answer describes it.
struct ForgeRepository: Hashable, Sendable {
    /// The forge's own number: the true identity.
    var id: String
    /// Owner and name as written, e.g. `apple/swift-nio`.
    var path: String
    var owner: ForgeOwner
    /// Where a person can look at it.
    var url: String?
    var isFork: Bool
    /// `nil` where the answer does not say.
    var isArchived: Bool?
    /// GitHub's name of it in GraphQL.
    var nodeID: String?
    /// The figures that stand in the same answer, by metric.
    var figures: [String: ForgeFigure]

    /// The name alone.
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Reads one; `nil` when it lacks its identity or its path.
    ///
    /// - Parameter answer: Of a single repository, or an item of a list.
    init?(_ answer: Value, _ platform: ForgePlatform) {
        let pathName = platform == .gitlab ? "path_with_namespace" : "full_name"
        guard let id = answer["id"]?.identifier, let path = answer[pathName]?.filledText,
            path.utf8.count <= 400, path.split(separator: "/", omittingEmptySubsequences: false).count >= 2,
            path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty }),
            path.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && $0 != "#" })
        else { return nil }
        self.id = id
        self.path = path
        owner = ForgeRepository.owner(answer, path: path, platform)
        url = ForgeRepository.webURL(answer[platform == .gitlab ? "web_url" : "html_url"]?.filledText)
        isFork =
            platform == .gitlab
            ? answer["forked_from_project"]?.object != nil : answer["fork"]?.bool ?? false
        isArchived = answer["archived"]?.bool
        nodeID = platform == .github ? answer["node_id"]?.filledText.flatMap { $0.utf8.count <= 256 ? $0 : nil } : nil
        figures = ForgeRepository.figures(answer, platform)
    }

    private static func owner(_ answer: Value, path: String, _ platform: ForgePlatform) -> ForgeOwner {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        guard platform == .gitlab else { return ForgeOwner(id: answer["owner"]?["id"]?.identifier, path: folder) }
        // Of groups and users only the former's namespace has the number that the group itself goes by.
        let namespace = answer["namespace"]
        guard namespace?["full_path"]?.string?.lowercased() == folder.lowercased() else {
            return ForgeOwner(id: nil, path: folder)
        }
        switch namespace?["kind"]?.string {
        case "group"?: return ForgeOwner(id: namespace?["id"]?.identifier, path: folder)
        case "user"?: return ForgeOwner(id: ForgeOwner.gitLabUser(answer["owner"]?["id"]), path: folder)
        default: return ForgeOwner(id: nil, path: folder)
        }
    }

    /// What a page may link to: nothing that a browser would run.
    private static func webURL(_ text: String?) -> String? {
        guard let text, text.utf8.count <= 2048, text.hasPrefix("https://") || text.hasPrefix("http://") else {
            return nil
        }
        return text
    }

    private static func figures(_ answer: Value, _ platform: ForgePlatform) -> [String: ForgeFigure] {
        func figure(_ name: String, unit: Double = 1) -> ForgeFigure { ForgeFigure(answer[name], name, unit: unit) }
        switch platform {
        case .github:
            return [
                ForgeMetrics.stars: figure("stargazers_count"), ForgeMetrics.forks: figure("forks_count"),
                ForgeMetrics.watchers: figure("subscribers_count"),
                // With the pull requests, which are told apart by another request.
                ForgeMetrics.openIssues: figure("open_issues_count"),
                ForgeMetrics.sizeBytes: figure("size", unit: 1024),
            ]
        case .gitlab:
            return [
                ForgeMetrics.stars: figure("star_count"), ForgeMetrics.forks: figure("forks_count"),
                ForgeMetrics.openIssues: figure("open_issues_count"),
                ForgeMetrics.sizeBytes: ForgeFigure(answer["statistics"]?["repository_size"], "repository_size"),
            ]
        case .forgejo, .gitea:
            return [
                ForgeMetrics.stars: figure("stars_count"), ForgeMetrics.forks: figure("forks_count"),
                ForgeMetrics.watchers: figure("watchers_count"),
                ForgeMetrics.openIssues: figure("open_issues_count"),
                ForgeMetrics.openPullRequests: figure("open_pr_counter"),
                ForgeMetrics.sizeBytes: figure("size", unit: 1024),
            ]
        }
    }
}

extension ForgeOwner {
    /// The identity of a GitLab user: GitLab numbers users and groups apart, and both are accounts.
    static func gitLabUser(_ id: Value?) -> String? { id?.identifier.map { "user-" + $0 } }

    /// GitLab's number of a user, of what ``gitLabUser(_:)`` made of it.
    static func gitLabUserNumber(_ id: String) -> String? {
        id.hasPrefix("user-") ? String(id.dropFirst("user-".count)) : nil
    }
}
