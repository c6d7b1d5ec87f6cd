internal import InsightsPlugin

/// Everything of one repository, fetched before any of it is emitted.
struct RepositoryReading: Sendable {
    var repository: ForgeRepository
    /// Gauges by metric.
    var figures: [String: ForgeFigure] = [:]
    /// Daily figures by metric.
    var days: [String: [UTCDay: Double]] = [:]
    var rankings: [String: [RankedValue]] = [:]
    var gaps: [(metric: String, days: ClosedRange<UTCDay>)] = []
    /// Metrics other than gauges that are not told, and why.
    var absences: [(metric: String, reason: String)] = []
    /// What went wrong and cost no more than some of the figures, for the run's log.
    var troubles: [RunFailure] = []
    /// Why a part of its traffic could not be fetched: what is here is stored, and the repository has to be read again.
    var failure: RunFailure?
    /// What a later run has to know.
    var memory: RepositoryMemory
    /// The forge's day of the rankings.
    var rankedAt: Instant?

    /// Every metric that there is no figure for, with its reason.
    var absent: [(metric: String, reason: String)] {
        absences
            + figures.compactMap { metric, figure in
                if case .absent(let reason) = figure { (metric, reason) } else { nil }
            }
    }

    mutating func lack(_ metrics: [String], _ reason: String) {
        absences += metrics.map { ($0, reason) }
    }

    /// What the host is handed.
    ///
    /// - Parameter now: The instant of the gauges.
    func emissions(of subject: SubjectReference, at now: Instant) -> [Emission] {
        var emissions: [Emission] = []
        for metric in figures.keys.sorted() {
            guard let number = figures[metric]?.number else { continue }
            emissions.append(.sample(Sample(subject, metric, at: now, number)))
        }
        for (metric, days) in days.sorted(by: { $0.key < $1.key }) {
            for (day, number) in days.sorted(by: { $0.key < $1.key }) {
                emissions.append(.sample(Sample(subject, metric, at: day.midnight, number)))
            }
        }
        for (metric, ranking) in rankings.sorted(by: { $0.key < $1.key }) {
            emissions.append(.sample(Sample(subject, metric, at: rankedAt ?? now, ranking: ranking)))
        }
        for gap in gaps {
            emissions.append(
                .gap(Gap(subject, gap.metric, from: gap.days.lowerBound.midnight, to: gap.days.upperBound.midnight)))
        }
        return emissions
    }
}

/// What a task remembers of a repository between runs.
struct RepositoryMemory: Hashable, Sendable {
    /// Its path when it was last read, as written.
    var path: String
    /// By entry (``ForgeEntry/mark``): the scheduled instant of the run that last finished it. An attempt of the same run
    /// leaves it alone; what another entry has read of it, by another token, is no reason to.
    private(set) var finishedFor: [String: Instant] = [:]
    /// By source of traffic (`views`, `clones`, `fetches`): the forge's time of the last reading with every day, or the
    /// midnight before which all that was lost since is recorded.
    var read: [String: Instant] = [:]
    /// Since when the forge has it no longer; `nil` while it is there.
    var goneAt: Instant?

    init(path: String) { self.path = path }

    /// Reads what ``value`` wrote; `nil` for anything else.
    init?(_ value: Value?) {
        guard let path = value?["path"]?.string else { return nil }
        self.path = path
        for (entry, instant) in value?["finished_for"]?.object ?? [:] {
            finishedFor[entry] = instant.integer.map(Instant.init(milliseconds:))
        }
        for (source, instant) in value?["read"]?.object ?? [:] {
            read[source] = instant.integer.map(Instant.init(milliseconds:))
        }
        goneAt = value?["gone_at"]?.integer.map(Instant.init(milliseconds:))
    }

    var value: Value {
        var object: ValueObject = [
            "path": .string(path), "finished_for": RepositoryMemory.value(finishedFor),
            "read": RepositoryMemory.value(read),
        ]
        if let goneAt { object["gone_at"] = .integer(goneAt.milliseconds) }
        return .object(object)
    }

    private static func value(_ instants: [String: Instant]) -> Value {
        .object(ValueObject(instants.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value.milliseconds)) }))
    }

    /// Notes that an entry has finished it; what is of earlier runs is forgotten.
    mutating func finish(for instant: Instant, by entry: String) {
        finishedFor = finishedFor.filter { $0.value == instant }
        finishedFor[entry] = instant
    }

    /// Takes in what another entry has noted meanwhile: of each source the later reading, as it saw every day.
    mutating func join(_ other: RepositoryMemory) {
        finishedFor.merge(other.finishedFor, uniquingKeysWith: max)
        read.merge(other.read, uniquingKeysWith: max)
    }

    /// Notes that the forge has it no longer.
    ///
    /// - Returns: The days that nobody can tell any more, by source: from the last reading up to yesterday, once. Should it
    ///   turn up again, the next gap begins where these end.
    mutating func leave(at now: Instant) -> [String: ClosedRange<UTCDay>] {
        guard goneAt == nil else { return [:] }
        goneAt = now
        let today = now.utcDay
        var lost: [String: ClosedRange<UTCDay>] = [:]
        for (source, last) in read where last.utcDay < today {
            lost[source] = last.utcDay...UTCDay(number: today.number - 1)
            read[source] = today.midnight
        }
        return lost
    }

    /// When it is its turn: what was never tried comes first, then by its oldest reading what has traffic, as its days are
    /// the next to be lost, and at last by its last run what has none, or has none that may be read.
    var turn: (rank: Int, since: Instant) {
        if let oldest = read.values.min() { return (1, oldest) }
        guard let last = finishedFor.values.max() else { return (0, Instant(milliseconds: 0)) }
        return (2, last)
    }
}
