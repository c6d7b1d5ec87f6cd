package import InsightsPlugin

/// A repository, or a GitLab project, as the forge itself knows it.
package struct ForgeRepository: Sendable {
    /// The forge's own number: the true identity, never used again.
    package let id: Int64
    /// The account it belongs to.
    package internal(set) var ownerID: Int64
    /// The name within its account, in the spelling it was made with.
    package internal(set) var name: String
    /// When it was made; there is no traffic before that day.
    package let createdAt: Instant
    /// How many starred it.
    package var stars = 0
    /// How many forks it has.
    package var forks = 0
    /// How many are told of what happens in it: GitHub's `subscribers_count`, not its `watchers_count`.
    package var watchers = 0
    /// Open issues, pull requests not among them.
    package var openIssues = 0
    /// Open pull or merge requests.
    package var openPullRequests = 0
    /// Its size in KiB.
    package var sizeKiB = 0
    /// Commits on the default branch; GitLab alone tells.
    package var commits = 0
    /// Whether nothing can be changed any more.
    package var isArchived = false
    /// Whether it was forked from another.
    package var isFork = false
    /// Whether only a token that may read it sees that it is there.
    package var isPrivate = false
    /// The branch that HEAD names.
    package var defaultBranch = "main"
    /// Releases, oldest first.
    package internal(set) var releases: [ForgeRelease] = []
    /// Who came to see it, day by day.
    package var traffic: TrafficTruth
}
