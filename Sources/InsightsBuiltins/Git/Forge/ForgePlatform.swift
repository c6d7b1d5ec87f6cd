/// The software that a forge runs: what it is asked for, and how.
enum ForgePlatform: String, CaseIterable, Hashable, Sendable {
    case github, gitlab, forgejo, gitea

    /// Its name, for people.
    var title: String {
        switch self {
        case .github: "GitHub"
        case .gitlab: "GitLab"
        case .forgejo: "Forgejo"
        case .gitea: "Gitea"
        }
    }

    /// The server that is meant when none is named; Forgejo and Gitea have no such one.
    var usualServer: String? {
        switch self {
        case .github: "https://github.com"
        case .gitlab: "https://gitlab.com"
        case .forgejo, .gitea: nil
        }
    }

    /// How many days its traffic reaches back, today included; `nil` where it counts none.
    ///
    /// - SeeAlso: docs.github.com/rest/metrics/traffic; docs.gitlab.com/api/project_statistics.
    var trafficDays: Int? {
        switch self {
        case .github: 14
        case .gitlab: 30
        case .forgejo, .gitea: nil
        }
    }

    /// Most items on a page of a list; of Forgejo and Gitea as shipped, where it may be set lower.
    var pageSize: Int {
        switch self {
        case .github, .gitlab: 100
        case .forgejo, .gitea: 50
        }
    }

    /// Whether an account's path may have folders in it, as GitLab's subgroups are.
    var hasNestedAccounts: Bool { self == .gitlab }
}
