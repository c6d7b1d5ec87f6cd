internal import InsightsPlugin

/// The metrics of `git.activity`.
///
/// A day is the UTC day of the committer date, as in `git log --since`. Counts of authors are not additive:
/// one author of two repositories, or of two days, is one author.
enum ActivityMetrics {
    static let declarations: [MetricDeclaration] = [
        MetricDeclaration(
            commits, unit: "commits", shape: .daily, additive: true, rewritable: true,
            summary: "Commits of the day, merges included."),
        MetricDeclaration(
            linesAdded, unit: "lines", shape: .daily, additive: true, rewritable: true,
            summary: "Lines added by the day's commits that are not merges, as git log --numstat counts them."),
        MetricDeclaration(
            linesDeleted, unit: "lines", shape: .daily, additive: true, rewritable: true,
            summary: "Lines deleted by the day's commits that are not merges, as git log --numstat counts them."),
        MetricDeclaration(
            authorsUnique, unit: "authors", shape: .daily, additive: false, rewritable: true,
            summary: "Authors of the day's commits, by mail address after .mailmap."),
        MetricDeclaration(
            commitsTotal, unit: "commits", shape: .gauge, additive: true,
            summary: "Commits that can be reached from the branches read, merges included."),
        MetricDeclaration(
            authorsTotal, unit: "authors", shape: .gauge, additive: false,
            summary: "Authors of those commits, by mail address after .mailmap."),
        MetricDeclaration(
            authors90d, unit: "authors", shape: .gauge, additive: false,
            summary: "Authors of the commits of the 90 days before the run's scheduled instant."),
        MetricDeclaration(
            contributorAbsenceFactor, unit: "authors", shape: .gauge, additive: false,
            summary: "Fewest authors who made half of the commits of the last 365 days (CHAOSS)."),
        MetricDeclaration(
            ageDays, unit: "days", shape: .gauge, additive: false, summary: "Whole days since the first commit."),
        MetricDeclaration(tags, unit: "tags", shape: .gauge, additive: true, summary: "Tags."),
    ]

    static let commits = "commits"
    static let linesAdded = "lines_added"
    static let linesDeleted = "lines_deleted"
    static let authorsUnique = "authors_unique"
    static let commitsTotal = "commits_total"
    static let authorsTotal = "authors_total"
    static let authors90d = "authors_90d"
    static let contributorAbsenceFactor = "contributor_absence_factor"
    static let ageDays = "age_days"
    static let tags = "tags"
}
