/// Who wrote the commits of the last days before an instant.
struct RecentAuthors: Sendable {
    private static let day: Int64 = 86_400

    private let now: Int64
    private var commits: [UInt32: Int] = [:]
    private var lastQuarter: Set<UInt32> = []

    /// - Parameter now: The run's scheduled instant, in seconds since 1970.
    init(before now: Int64) { self.now = now }

    /// The first second that counts.
    static func start(before now: Int64) -> Int64 { now - 365 * day }

    /// Takes a commit; one outside the last 365 days, or after `now`, does not count.
    mutating func add(_ author: UInt32, at seconds: Int64) {
        guard seconds <= now, seconds >= RecentAuthors.start(before: now) else { return }
        commits[author, default: 0] += 1
        if seconds >= now - 90 * RecentAuthors.day { lastQuarter.insert(author) }
    }

    /// Authors of the last 90 days.
    var authors90d: Int { lastQuarter.count }

    /// The fewest authors who together made at least half of the commits of the last 365 days; 0 without any.
    ///
    /// - SeeAlso: CHAOSS, "Contributor Absence Factor".
    var contributorAbsenceFactor: Int {
        let total = commits.values.reduce(0, +)
        var (sum, authors) = (0, 0)
        for count in commits.values.sorted(by: >) where sum * 2 < total {
            sum += count
            authors += 1
        }
        return authors
    }
}
