import InsightsForgeServer
import InsightsPlugin

enum Samples {
    /// A Wednesday, half past ten.
    static let now = Instant("2026-03-11T10:30:00Z")!
    static let token = "Authorization: Bearer ghp_all"

    /// `acme` with `widget`, and a token that may do everything.
    static func forge(_ kind: ForgeKind = .github) -> (forge: Forge, widget: Int64) {
        let forge = Forge(kind, now: now)
        forge.addToken(ForgeToken("ghp_all"))
        forge.addAccount("acme", kind == .gitlab ? .group : .organization) {
            $0.followers = 7
            $0.members = 5
            $0.publicMembers = 2
        }
        let widget = forge.addRepository("acme/Widget", createdAt: Instant("2025-01-01")) {
            $0.stars = 42
            $0.forks = 3
            $0.watchers = 9
            $0.openIssues = 4
            $0.openPullRequests = 2
            $0.sizeKiB = 120
        }
        return (forge, widget)
    }
}
