package import InsightsPlugin

/// A credential that the forge knows, and what it may do.
package struct ForgeToken: Sendable {
    /// What the client sends.
    package var secret: String
    /// Whose it is: GitHub's limits are counted by user, not by token.
    package var user: String
    /// Whether it may read traffic, GitLab's statistics, and drafts: GitHub's Administration: read, or push access.
    package var readsTraffic: Bool
    /// Whether it sees private repositories, and members that are not public.
    package var readsPrivate: Bool
    /// Whether it is a fine-grained one: then its expiry stands in each answer, and its refusals read differently.
    package var isFineGrained: Bool
    /// From when it is refused; `nil` for never.
    package var expiresAt: Instant?

    /// Creates a token.
    package init(
        _ secret: String, user: String = "octocat", readsTraffic: Bool = true, readsPrivate: Bool = true,
        isFineGrained: Bool = true, expiresAt: Instant? = nil
    ) {
        self.secret = secret
        self.user = user
        self.readsTraffic = readsTraffic
        self.readsPrivate = readsPrivate
        self.isFineGrained = isFineGrained
        self.expiresAt = expiresAt
    }
}
