/// What a task module says of itself before it ever runs.
public struct ModuleDeclaration: Hashable, Sendable {
    /// The word after the dot in `uses:`, e.g. `activity` of `git.activity`.
    public var id: String
    /// One sentence.
    public var summary: String
    /// What may stand under `with:`.
    public var parameters: [Parameter]
    /// What it emits.
    public var metrics: [MetricDeclaration]
    /// Whether runs may declare further metrics as they go, as a module that relays others' samples does.
    public var declaresMetricsAtRun: Bool
    /// How long the source keeps its data; `nil` when it keeps them.
    public var retention: Duration?
    /// Whether it blocks its thread or keeps a processor busy: then it runs on the pool for such work.
    public var isBlocking: Bool
    /// The timeout it wants where the manifest names none.
    public var timeout: Duration?

    /// Creates a declaration.
    public init(
        id: String, summary: String, parameters: [Parameter] = [], metrics: [MetricDeclaration] = [],
        declaresMetricsAtRun: Bool = false, retention: Duration? = nil, blocking: Bool = false, timeout: Duration? = nil
    ) {
        self.id = id
        self.summary = summary
        self.parameters = parameters
        self.metrics = metrics
        self.declaresMetricsAtRun = declaresMetricsAtRun
        self.retention = retention
        self.isBlocking = blocking
        self.timeout = timeout
    }
}

/// Code that does work: one per kind of task.
///
/// A module is a value without state of its own: many runs of it can go on at once. What must
/// survive a run belongs into ``RunContext/state``.
public protocol TaskModule: Sendable {
    /// What it says of itself; the same at every call.
    var declaration: ModuleDeclaration { get }

    /// Finds what is wrong in parameters that fit the schema, such as two entries that name one thing.
    ///
    /// Called while the manifest is checked: no I/O, no clock. Where something does not fit the schema, it is asked
    /// about the rest, so that all problems are told at once: what is wrong is not there then, not even its default, and
    /// an item of a list is `null`. What it finds in such a place is not told. The default finds nothing.
    func problems(in parameters: Value) -> [ParameterProblem]

    /// Finds out what a run with these parameters could do: what the credentials may read, what it would measure, and
    /// what it would cost.
    ///
    /// Called by `insights check --online`: nothing that is emitted, stored or checkpointed here is kept, and no program
    /// runs. The default finds nothing.
    ///
    /// - Throws: Only `CancellationError`: what a server does wrong is a finding.
    func survey(_ context: RunContext) async throws -> [OnlineFinding]

    /// Does the work of one attempt.
    ///
    /// - Parameter context: Parameters, instants, and everything the host lends.
    /// - Returns: A one-line summary for people, or `nil`.
    /// - Throws: ``RunFailure`` to say whether trying again can help; any other error is retryable.
    ///   On cancellation (timeout, shutdown, an operator) throw `CancellationError` soon: what was not
    ///   checkpointed is dropped, and code that goes on after its attempt ended can no longer write.
    func run(_ context: RunContext) async throws -> String?
}

extension TaskModule {
    /// Finds nothing.
    public func problems(in parameters: Value) -> [ParameterProblem] { [] }

    /// Finds nothing.
    public func survey(_ context: RunContext) async throws -> [OnlineFinding] { [] }
}

/// A named bundle of task modules.
public struct Plugin: Sendable {
    /// The word before the dot in `uses:`: `[a-z0-9]([a-z0-9_-]*[a-z0-9])?`.
    public var name: String
    /// The version of the plugin, for people.
    public var version: String
    /// Its modules, each id once.
    public var modules: [any TaskModule]

    /// Creates a plugin.
    public init(name: String, version: String, modules: [any TaskModule]) {
        self.name = name
        self.version = version
        self.modules = modules
    }
}
