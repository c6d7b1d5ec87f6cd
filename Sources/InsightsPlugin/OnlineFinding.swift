/// What a module found out of the world outside, before any run: a line of `insights check --online`.
public struct OnlineFinding: Hashable, Sendable {
    /// How much it matters.
    public enum Severity: String, Hashable, Sendable {
        /// A fact, such as what would be tracked.
        case note
        /// Something that will be missing, such as figures that a credential may not read.
        case warning
        /// A run would fail.
        case error
    }

    /// How much it matters.
    public var severity: Severity
    /// A stable word for programs, `[a-z][a-z0-9_]*`; of an error the code that the run would fail with.
    public var code: String
    /// What it is about, such as a server and an account.
    public var subject: String
    /// A sentence for people, without a full stop.
    public var message: String
    /// The way out, if there is one to name.
    public var help: String?

    /// Creates a finding.
    public init(_ severity: Severity, _ code: String, of subject: String, _ message: String, help: String? = nil) {
        self.severity = severity
        self.code = code
        self.subject = subject
        self.message = message
        self.help = help
    }
}
