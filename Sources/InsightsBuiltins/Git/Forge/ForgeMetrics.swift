internal import InsightsPlugin

/// The metrics of the forges, of repositories and of what they are rolled up to.
enum ForgeMetrics {
    static let stars = "stars"
    static let forks = "forks"
    static let watchers = "watchers"
    static let openIssues = "open_issues"
    static let openPullRequests = "open_pull_requests"
    static let sizeBytes = "size_bytes"
    static let releases = "releases"
    static let releaseDownloads = "release_downloads"
    static let views = "views"
    static let viewsUnique = "views_unique"
    static let clones = "clones"
    static let clonesUnique = "clones_unique"
    static let fetches = "fetches"
    static let viewsUnique14d = "views_unique_14d"
    static let clonesUnique14d = "clones_unique_14d"
    static let referrers14d = "referrers_14d"
    static let paths14d = "paths_14d"
    static let followers = "followers"
    static let members = "members"
    static let publicRepositories = "public_repositories"

    /// What may be summed over repositories, and over accounts.
    static let additive: [MetricDeclaration] = [
        gauge(stars, "stars", "Accounts that starred it."),
        gauge(forks, "forks", "Forks of it on the same server."),
        gauge(watchers, "accounts", "Accounts that are told of what happens in it (GitHub's subscribers)."),
        gauge(openIssues, "issues", "Open issues, pull requests not among them."),
        gauge(openPullRequests, "pull requests", "Open pull requests, on GitLab merge requests."),
        gauge(sizeBytes, "bytes", "Size of the repository on the server."),
        gauge(releases, "releases", "Published releases, prereleases among them; drafts are none."),
        gauge(releaseDownloads, "downloads", "Downloads of all files of all published releases."),
        daily(views, "views", additive: true, "Views of its pages on that day."),
        daily(clones, "clones", additive: true, "Clones of it on that day."),
        daily(fetches, "fetches", additive: true, "Clones and fetches of it over HTTP on that day (GitLab)."),
    ]

    /// What `git.repositories` emits.
    static let repository: [MetricDeclaration] =
        additive + [
            daily(viewsUnique, "visitors", additive: false, "Visitors on that day; the same one again another day."),
            daily(
                clonesUnique, "cloners", additive: false, "Who cloned it on that day; the same one again another day."),
            MetricDeclaration(
                viewsUnique14d, unit: "visitors", shape: .gauge, additive: false,
                summary: "Visitors of the last 14 days."),
            MetricDeclaration(
                clonesUnique14d, unit: "cloners", shape: .gauge, additive: false,
                summary: "Who cloned it in the last 14 days."),
            MetricDeclaration(
                referrers14d, unit: "views", shape: .ranking, additive: false,
                summary: "Views by the site they came from, over the last 14 days; at most ten."),
            MetricDeclaration(
                paths14d, unit: "views", shape: .ranking, additive: false,
                summary: "Views by page, over the last 14 days; at most ten."),
        ]

    /// What an account is asked for itself.
    static let account: [MetricDeclaration] = [
        gauge(followers, "accounts", "Accounts that follow it."),
        gauge(members, "accounts", "Members that the token may see; of organisations and groups only."),
        gauge(publicRepositories, "repositories", "Repositories that everybody can see."),
    ]

    private static func gauge(_ name: String, _ unit: String, _ summary: String) -> MetricDeclaration {
        MetricDeclaration(name, unit: unit, shape: .gauge, additive: true, summary: summary)
    }

    private static func daily(
        _ name: String, _ unit: String, additive: Bool, _ summary: String
    ) -> MetricDeclaration {
        MetricDeclaration(name, unit: unit, shape: .daily, additive: additive, summary: summary)
    }

    /// What a platform never tells, and why.
    static func lacking(_ platform: ForgePlatform) -> [(metrics: [String], reason: String)] {
        switch platform {
        case .github: [([fetches], "GitHub counts clones instead")]
        case .gitlab:
            [
                ([watchers, releaseDownloads], "GitLab does not count them"),
                (traffic, "GitLab tells fetches instead"),
            ]
        case .forgejo, .gitea: [(traffic + [fetches], "\(platform.title) counts no traffic")]
        }
    }

    /// What a platform keeps for some days only: of each source of traffic the metrics that it tells.
    static func passing(_ platform: ForgePlatform) -> [(source: String, metrics: [String])] {
        switch platform {
        case .github: [(views, [views, viewsUnique]), (clones, [clones, clonesUnique])]
        case .gitlab: [(fetches, [fetches])]
        case .forgejo, .gitea: []
        }
    }

    /// GitHub's traffic, day by day and over 14 days.
    static let traffic = [
        views, viewsUnique, viewsUnique14d, clones, clonesUnique, clonesUnique14d, referrers14d, paths14d,
    ]
}
