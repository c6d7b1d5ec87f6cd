package import InsightsPlugin

/// Three small forges to try the forge modules against: figures move, traffic is told day by day, no token is needed
/// but the one that stands here.
///
/// Everything follows from the calendar, so that a demo started again goes on where the former one was.
package struct DemoForges: Sendable {
    /// The token that all three know.
    package static let token = "demo-token"
    /// Where they listen when nothing else is said: GitHub, GitLab, Forgejo.
    package static let ports = 8470...8472
    /// When everything was made; figures grow from then on.
    private static let birth = Instant("2026-01-01") ?? Instant(milliseconds: 0)

    /// GitHub: an organisation and a user.
    package let github: Forge
    /// GitLab: a group with a subgroup.
    package let gitlab: Forge
    /// Forgejo: an organisation.
    package let forgejo: Forge
    private let plans: [Plan]

    /// What one repository is like.
    private struct Plan: Sendable {
        let forge: Forge
        let id: Int64
        /// On the day everything was made, and how many more each day.
        let stars: Int
        let starsPerDay: Double
    }

    /// A line of the tables below.
    private typealias Entry = (name: String, stars: Int, perDay: Double, views: Int)

    /// Makes the forges, as they are at the calendar's time.
    package init(clock: @escaping @Sendable () -> Instant) {
        github = Forge(.github, clock: clock)
        gitlab = Forge(.gitlab, clock: clock)
        forgejo = Forge(.forgejo, clock: clock)
        for forge in [github, gitlab, forgejo] { forge.addToken(ForgeToken(Self.token, user: "demo")) }
        github.addAccount("nimbus-labs", .organization) { ($0.followers, $0.members, $0.publicMembers) = (840, 14, 9) }
        github.addAccount("ada-fern", .user) { $0.followers = 212 }
        gitlab.addAccount("skyforge", .group) { $0.members = 8 }
        gitlab.addAccount("skyforge/tools", .group) { $0.members = 3 }
        forgejo.addAccount("pinewood") { ($0.followers, $0.members, $0.publicMembers) = (37, 5, 2) }
        plans =
            Self.add(Self.onGitHub, to: github) + Self.add(Self.onGitLab, to: gitlab)
            + Self.add(Self.onForgejo, to: forgejo)
        addHistory()
        grow()
    }

    private static let onGitHub: [Entry] = [
        ("nimbus-labs/nimbus", 18_240, 60, 4200), ("nimbus-labs/nimbus-cli", 3120, 14, 800),
        ("nimbus-labs/nimbus-swift", 960, 5, 260), ("nimbus-labs/nimbus-python", 1410, 7, 300),
        ("nimbus-labs/docs", 210, 2, 150), ("nimbus-labs/website", 88, 1, 60), ("nimbus-labs/examples", 402, 3, 90),
        ("nimbus-labs/benchmarks", 61, 0.5, 12), ("nimbus-labs/charts", 133, 3, 40),
        ("nimbus-labs/nimbus-legacy", 2050, 0.2, 25), ("nimbus-labs/old-name", 14, 0.1, 4),
        ("nimbus-labs/nimbus-fork", 2, 0, 1), ("ada-fern/dotfiles", 57, 0.4, 9), ("ada-fern/tiny-json", 745, 6, 110),
    ]
    private static let onGitLab: [Entry] = [
        ("skyforge/anvil", 530, 5, 70), ("skyforge/bellows", 77, 1, 12), ("skyforge/tools/tongs", 34, 0.6, 8),
        ("skyforge/tools/hammer", 150, 3, 25),
    ]
    private static let onForgejo: [Entry] = [
        ("pinewood/cone", 41, 0.7, 0), ("pinewood/resin", 12, 0.2, 0), ("pinewood/needle", 96, 1.5, 0),
    ]

    private static func add(_ entries: [Entry], to forge: Forge) -> [Plan] {
        entries.map { entry in
            let id = forge.addRepository(entry.name, createdAt: birth) {
                $0.forks = entry.stars / 9
                $0.watchers = entry.stars / 40 + 3
                $0.openIssues = entry.stars / 120 + 2
                $0.openPullRequests = entry.stars / 700 + 1
                $0.sizeKiB = 900 + entry.stars * 3
                $0.commits = 150 + entry.stars / 4
                $0.traffic.viewsPerDay = entry.views
            }
            return Plan(forge: forge, id: id, stars: entry.stars, starsPerDay: entry.perDay)
        }
    }

    /// What has happened to some of them, and releases with downloads.
    private func addHistory() {
        for plan in plans where plan.stars > 100 {
            for (number, tag) in ["1.0.0", "1.1.0", "2.0.0-rc.1"].enumerated() {
                let made = Self.birth.advanced(by: .seconds(number * 20 * 86_400))
                plan.forge.addRelease(
                    ForgeRelease(
                        tag: tag, isPrerelease: tag.contains("rc"), downloads: [plan.stars * (3 - number), plan.stars],
                        createdAt: made), to: plan.id)
            }
        }
        for plan in plans {
            switch plan.forge.fullName(plan.id) {
            case "nimbus-labs/nimbus-legacy": plan.forge.edit(plan.id) { $0.isArchived = true }
            case "nimbus-labs/nimbus-fork": plan.forge.edit(plan.id) { $0.isFork = true }
            case "nimbus-labs/old-name": plan.forge.move(plan.id, to: "nimbus-labs/new-name")
            default: break
            }
        }
    }

    /// Brings all figures to what they are at the calendar's time; to be called now and then.
    package func grow() {
        for plan in plans {
            let days = Double(plan.forge.now.since(Self.birth).wholeMilliseconds) / 86_400_000
            plan.forge.edit(plan.id) {
                $0.stars = plan.stars + max(0, Int(days * plan.starsPerDay))
                $0.forks = $0.stars / 9
                // Issues are opened and closed: up and down with a period of their own.
                $0.openIssues = plan.stars / 120 + 2 + Int(3 * (1 + Self.wave(days * 5 + Double(plan.id % 7))))
                $0.commits = 150 + plan.stars / 4 + max(0, Int(days * 2))
            }
        }
    }

    /// A triangle between −1 and 1 with a period of 1.
    private static func wave(_ turns: Double) -> Double { 4 * abs(turns - turns.rounded()) - 1 }
}
