/// Names a subject: its kind and its key, unique within the kind.
public struct SubjectReference: Hashable, Sendable {
    /// `repository`, `account`, `platform`, or a plugin's own word.
    public var kind: String
    /// Unique within the kind, lower case, stable.
    public var key: String

    /// Creates a reference.
    public init(kind: String, key: String) {
        self.kind = kind
        self.key = key
    }
}

/// Where a subject stands in its life; a run never deletes one.
public enum SubjectState: String, Sendable, Codable, CaseIterable {
    /// It is there.
    case active
    /// The source says it is read-only now.
    case archived
    /// The source no longer has it.
    case gone
}

/// What is measured.
public struct Subject: Hashable, Sendable {
    /// Kind and key.
    public var reference: SubjectReference
    /// The source's own identity: when given, it decides, and a new key under it is a rename.
    public var externalID: String?
    /// For people; may change. Without one the key is shown.
    public var name: String?
    /// Where a person can look at it.
    public var url: String?
    /// What it belongs to.
    public var parent: SubjectReference?
    /// Where it stands. `nil` leaves that as it is, so that a module that cannot know does not undo what another
    /// said; a new subject is `active`, and so is one that was `gone` and turns up under a new key.
    public var state: SubjectState?

    /// Creates a subject.
    public init(
        kind: String, key: String, externalID: String? = nil, name: String? = nil, url: String? = nil,
        parent: SubjectReference? = nil, state: SubjectState? = nil
    ) {
        self.reference = SubjectReference(kind: kind, key: key)
        self.externalID = externalID
        self.name = name
        self.url = url
        self.parent = parent
        self.state = state
    }
}

/// One line of a `ranking`.
public struct RankedValue: Hashable, Sendable {
    /// What is ranked, e.g. a referrer's host.
    public var label: String
    /// Its count.
    public var value: Double

    /// Creates a line.
    public init(label: String, value: Double) {
        self.label = label
        self.value = value
    }
}

/// The value of a sample.
public enum SampleValue: Hashable, Sendable {
    /// A finite number; whole numbers are exact up to 2⁵³.
    case number(Double)
    /// A whole ranking, best first.
    case ranking([RankedValue])
}

/// One measured value: (subject, metric, time, value).
public struct Sample: Hashable, Sendable {
    /// What was measured: emitted before, in this run or an earlier one.
    public var subject: SubjectReference
    /// A metric that the module declares, or that ``RunContext/declare(_:)`` named in this run.
    public var metric: String
    /// When: for a `daily` metric midnight UTC of its day.
    public var at: Instant
    /// What.
    public var value: SampleValue

    /// Creates a sample with a number.
    public init(_ subject: SubjectReference, _ metric: String, at: Instant, _ value: Double) {
        self.subject = subject
        self.metric = metric
        self.at = at
        self.value = .number(value)
    }

    /// Creates a sample with a ranking.
    public init(_ subject: SubjectReference, _ metric: String, at: Instant, ranking: [RankedValue]) {
        self.subject = subject
        self.metric = metric
        self.at = at
        self.value = .ranking(ranking)
    }
}

/// Days that the source no longer tells: recorded and shown, never guessed.
public struct Gap: Hashable, Sendable {
    /// What was not measured.
    public var subject: SubjectReference
    /// A `daily` metric.
    public var metric: String
    /// Midnight UTC of the first lost day.
    public var from: Instant
    /// Midnight UTC of the last lost day.
    public var to: Instant

    /// Creates a gap; both ends are days of it.
    public init(_ subject: SubjectReference, _ metric: String, from: Instant, to: Instant) {
        self.subject = subject
        self.metric = metric
        self.from = from
        self.to = to
    }
}

/// Sums over the subjects below one: of an account's repositories, of a platform's accounts.
///
/// The store computes them where the emission stands in the order, from what is stored at that instant, what the run
/// emitted before included. A `gauge` or `total` gets one reading, the sum of the latest values; a `daily` metric the
/// sum of each day, and a day that has changed below since the last roll-up is corrected. Subjects that are `gone` are
/// in it up to the day before. A day on which something is lost below is a gap of the sum as well. A metric that
/// nothing below has stays absent. Each sum is stored with the number of subjects it is of.
public struct RollUp: Hashable, Sendable {
    /// What gets the sums; made if there is none.
    public var subject: SubjectReference
    /// The kind of the subjects whose parent it is and that are summed, e.g. `repository`.
    public var from: String
    /// Names of additive metrics that the module declares; no ``MetricShape/ranking``.
    public var metrics: [String]

    /// Creates a roll-up.
    public init(_ subject: SubjectReference, from kind: String, metrics: [String]) {
        self.subject = subject
        self.from = kind
        self.metrics = metrics
    }
}

/// One thing a run hands over, applied in order.
public enum Emission: Hashable, Sendable {
    /// A subject, new or known.
    case subject(Subject)
    /// A measured value.
    case sample(Sample)
    /// Lost days.
    case gap(Gap)
    /// Sums over the subjects below one, computed from what is stored.
    case rollUp(RollUp)
}
