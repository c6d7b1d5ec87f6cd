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
    /// The scheduled instant of the run that last finished it: an attempt of the same run leaves it alone.
    var finishedFor: Instant?
    /// By source of traffic (`views`, `clones`, `fetches`): the forge's time of the last reading with every day.
    var read: [String: Instant] = [:]

    init(path: String) { self.path = path }

    /// Reads what ``value`` wrote; `nil` for anything else.
    init?(_ value: Value?) {
        guard let path = value?["path"]?.string else { return nil }
        self.path = path
        finishedFor = value?["finished_for"]?.integer.map(Instant.init(milliseconds:))
        for (source, instant) in value?["read"]?.object ?? [:] {
            read[source] = instant.integer.map(Instant.init(milliseconds:))
        }
    }

    var value: Value {
        [
            "path": .string(path), "finished_for": finishedFor.map { .integer($0.milliseconds) } ?? .null,
            "read": .object(
                ValueObject(read.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value.milliseconds)) })),
        ]
    }

    /// The oldest of its readings: whose traffic is the next to be lost. One that was never read comes first.
    var oldestReading: Instant { read.values.min() ?? Instant(milliseconds: .min) }
}
