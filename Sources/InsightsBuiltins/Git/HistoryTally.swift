/// The figures of a history, gathered commit by commit.
///
/// Memory grows with days and authors, and by eight bytes with each author of each day, not with commits.
struct HistoryTally: Sendable {
    /// A commit that later runs may count among the recent ones.
    struct Recent: Equatable, Sendable {
        var seconds: Int64
        var author: UInt32
    }

    /// Most recent commits that are remembered; a busier year is read again at each run.
    private static let recentLimit = 50_000

    private let recentStart: Int64
    private var numbers: [[UInt8]: UInt32] = [:]
    /// Day and author in one word, so that sorting brings a day's authors together.
    private var pairs: [UInt64] = []
    private var compactAt = 1 << 20

    /// Commits, merges included.
    private(set) var commits = 0
    /// Commits by day.
    private(set) var commitsByDay: [UTCDay: Int] = [:]
    /// The earliest committer date, in seconds since 1970; commits without a readable one tell nothing of it.
    private(set) var first: Int64?
    /// Who wrote the recent commits.
    private(set) var recentAuthors: RecentAuthors
    /// The commits from 365 days before now on; `nil` when there are too many to remember.
    private(set) var recent: [Recent]? = []

    /// - Parameter now: The run's scheduled instant, in seconds since 1970.
    init(at now: Int64) {
        recentStart = RecentAuthors.start(before: now)
        recentAuthors = RecentAuthors(before: now)
    }

    /// How many authors there are.
    var authors: Int { numbers.count }

    /// Takes a commit.
    mutating func add(_ commit: CommitRecord) {
        let day = UTCDay(holding: commit.seconds)
        let author = number(of: commit.author)
        commits += 1
        commitsByDay[day, default: 0] += 1
        if commit.isDated { first = min(first ?? commit.seconds, commit.seconds) }
        pairs.append(UInt64(UInt32(bitPattern: day.number)) << 32 | UInt64(author))
        if pairs.count >= compactAt { compact() }
        guard commit.seconds >= recentStart else { return }
        recentAuthors.add(author, at: commit.seconds)
        recent?.append(Recent(seconds: commit.seconds, author: author))
        if let count = recent?.count, count > HistoryTally.recentLimit { recent = nil }
    }

    /// How many authors each day has.
    mutating func authorsByDay() -> [UTCDay: Int] {
        compact()
        var counts: [UTCDay: Int] = [:]
        for pair in pairs { counts[UTCDay(number: Int32(bitPattern: UInt32(pair >> 32))), default: 0] += 1 }
        return counts
    }

    private mutating func number(of author: [UInt8]) -> UInt32 {
        if let known = numbers[author] { return known }
        let number = UInt32(numbers.count)
        numbers[author] = number
        return number
    }

    /// Drops what is there twice; the next time is when the list has doubled, so that sorting stays cheap.
    private mutating func compact() {
        pairs.sort()
        var kept = 0
        for pair in pairs where kept == 0 || pairs[kept - 1] != pair {
            pairs[kept] = pair
            kept += 1
        }
        pairs.removeLast(pairs.count - kept)
        compactAt = max(1 << 20, kept * 2)
    }
}
