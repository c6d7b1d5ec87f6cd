extension TrafficTruth {
    /// Where visitors of every repository come from.
    package static let referrers = [
        "Google", "github.com", "news.ycombinator.com", "reddit.com", "t.co", "Bing", "swift.org", "DuckDuckGo",
        "lobste.rs", "forums.swift.org", "stackoverflow.com", "linkedin.com",
    ]
    /// What visitors of every repository look at, after `/owner/name`.
    package static let paths = [
        "", "/releases", "/issues", "/tree/main/Sources", "/blob/main/README.md", "/pulls", "/blob/main/Package.swift",
        "/tags", "/wiki", "/actions", "/graphs/contributors", "/network",
    ]

    /// At most ten of `labels` with their shares of `views`, the highest first, as `popular/…` has them.
    ///
    /// - Parameter views: The views of the 14 days.
    package func ranking(of views: Int, labels: [String]) -> [(label: String, count: Int, uniques: Int)] {
        let dice = Dice(seed: seed)
        let weighted = labels.enumerated().map { index, label in
            (label: label, weight: dice.fraction(UInt64(index), 11) / Double(1 + index))
        }
        let whole = weighted.reduce(0) { $0 + $1.weight } * 1.2
        return weighted.map { entry in
            let count = Int(Double(views) * entry.weight / whole)
            return (entry.label, count, count == 0 ? 0 : max(1, count / 2))
        }
        .filter { $0.count > 0 }
        .sorted { ($0.count, $1.label) > ($1.count, $0.label) }
        .prefix(10).map { $0 }
    }
}
