internal import InsightsPlugin

/// What a task remembers of a repository between runs.
struct ActivityState: Equatable, Sendable {
    /// Raised when the meaning of a figure changes: a state of another version is as none.
    private static let version: Int64 = 1

    /// The commits that the branches named, sorted.
    var tips: [String]
    /// The commit whose `.mailmap` told who is who.
    var mailmapCommit: String?
    /// The id of that `.mailmap`; `nil` without one.
    var mailmap: String?
    /// Identifies where the history was cut; empty when it is whole.
    var shallow: String
    /// Commits, authors and the earliest date (in seconds since 1970) of the whole history.
    var commits: Int
    var authors: Int
    var first: Int64?
    /// Every day that has a figure, so that it can be set to 0 when its commits are gone.
    var days: [UTCDay]
    /// The recent commits and from when on they are complete; `nil` when there are too many.
    var recent: RecentCommits?

    /// Commits from one instant on.
    struct RecentCommits: Equatable, Sendable {
        /// In seconds since 1970.
        var since: Int64
        /// By date.
        var commits: [HistoryTally.Recent]
    }

    /// The state's values by what follows the repository's key; each fits the state's bounds.
    ///
    /// A value that would not fit is left out: the next run then reads more again, and tells the same.
    var values: [String: Value?] {
        var object = ValueObject([
            ("version", .integer(ActivityState.version)), ("tips", .array(tips.map(Value.string))),
            ("mailmap_commit", Value(mailmapCommit)), ("mailmap", Value(mailmap)), ("shallow", .string(shallow)),
            ("commits", .integer(Int64(commits))), ("authors", .integer(Int64(authors))),
            ("first", first.map(Value.integer) ?? .null),
            ("days", .string(NumberText.encode(days.lazy.map { Int64($0.number) }))),
        ])
        if !ActivityState.fits(.object(object)) { object["days"] = "" }
        var recentValue: Value?
        if let recent {
            recentValue = [
                "since": .integer(recent.since),
                "dates": .string(NumberText.encode(recent.commits.lazy.map(\.seconds))),
                "authors": .string(NumberText.encode(recent.commits.lazy.map { Int64($0.author) })),
            ]
        }
        return [
            ActivityState.mainKey: ActivityState.fits(.object(object)) ? .object(object) : nil,
            ActivityState.recentKey: recentValue.flatMap { ActivityState.fits($0) ? $0 : nil },
        ]
    }

    /// What the keys of the state's two values begin with, before the repository's key.
    static let mainKey = "activity/"
    static let recentKey = "recent/"

    /// Reads a state; `nil` when there is none, or one that this version does not understand.
    init?(main: Value?, recent: Value?) {
        guard let main, main["version"]?.integer == ActivityState.version,
            let tips = main["tips"]?.array?.compactMap(\.string), let commits = main["commits"]?.integer,
            let authors = main["authors"]?.integer, let days = main["days"]?.string.flatMap(NumberText.decode)
        else { return nil }
        self.tips = tips
        mailmapCommit = main["mailmap_commit"]?.string
        mailmap = main["mailmap"]?.string
        shallow = main["shallow"]?.string ?? ""
        self.commits = Int(commits)
        self.authors = Int(authors)
        first = main["first"]?.integer
        self.days = days.map { UTCDay(number: Int32(clamping: $0)) }
        self.recent = recent.flatMap(ActivityState.readRecent)
    }

    init(
        tips: [String], mailmapCommit: String?, mailmap: String?, shallow: String, commits: Int, authors: Int,
        first: Int64?, days: [UTCDay], recent: RecentCommits?
    ) {
        self.tips = tips
        self.mailmapCommit = mailmapCommit
        self.mailmap = mailmap
        self.shallow = shallow
        self.commits = commits
        self.authors = authors
        self.first = first
        self.days = days
        self.recent = recent
    }

    private static func readRecent(_ value: Value) -> RecentCommits? {
        guard let since = value["since"]?.integer, let dates = value["dates"]?.string.flatMap(NumberText.decode),
            let authors = value["authors"]?.string.flatMap(NumberText.decode), dates.count == authors.count
        else { return nil }
        let commits = zip(dates, authors).map { HistoryTally.Recent(seconds: $0, author: UInt32(clamping: $1)) }
        return RecentCommits(since: since, commits: commits)
    }

    /// Whether a value may be stored: 256 KiB of JSON.
    private static func fits(_ value: Value) -> Bool { value.json.utf8.count <= 256 << 10 }
}
