package import InsightsPlugin
private import Synchronization

/// A simulated forge: what is in it, its calendar, its limits, and a record of what was asked.
///
/// It is the truth that a test compares with what was collected. ``ForgeServer`` puts it on a socket. Everything here
/// may be called at any time, also while requests are under way; each call sees and leaves a whole state.
package final class Forge: Sendable {
    /// Which forge it pretends to be.
    package let kind: ForgeKind
    private let calendar: Calendar
    private let state: Mutex<ForgeState>

    /// Creates an empty forge whose calendar stands at `now` until a test moves it.
    package init(_ kind: ForgeKind = .github, now: Instant) {
        self.kind = kind
        let calendar = Calendar(now)
        self.calendar = calendar
        state = Mutex(ForgeState(kind: kind, clock: { calendar.now }))
    }

    /// Creates an empty forge whose calendar is `clock`.
    package init(_ kind: ForgeKind = .github, clock: @escaping @Sendable () -> Instant) {
        self.kind = kind
        calendar = Calendar(clock())
        state = Mutex(ForgeState(kind: kind, clock: clock))
    }

    /// The forge's own time: `Date`, windows, resets and expiries go by it. Setting it moves a calendar of its own.
    package var now: Instant {
        get { state.withLock { $0.now } }
        set { calendar.now = newValue }
    }

    /// Changes how it behaves; requests that are under way keep to what was.
    package func configure(_ edit: (inout ForgeSettings) -> Void) {
        state.withLock { edit(&$0.settings) }
    }

    func withState<Result>(_ body: (inout sending ForgeState) -> sending Result) -> sending Result {
        state.withLock(body)
    }
}

/// A calendar that is moved by hand.
private final class Calendar: Sendable {
    private let instant: Mutex<Instant>

    init(_ instant: Instant) { self.instant = Mutex(instant) }

    var now: Instant {
        get { instant.withLock { $0 } }
        set { instant.withLock { $0 = newValue } }
    }
}

// MARK: What is in it

extension Forge {
    /// Makes an account: an organisation, a user, or a group; a subgroup's path holds its parents (`acme/tools`).
    ///
    /// - Returns: Its id.
    @discardableResult
    package func addAccount(
        _ path: String, _ kind: ForgeAccount.Kind = .organization, _ edit: (inout ForgeAccount) -> Void = { _ in }
    ) -> Int64 {
        state.withLock { $0.addAccount(path, kind: kind, edit: edit) }
    }

    /// The account with this id.
    package func account(_ id: Int64) -> ForgeAccount? { state.withLock { $0.accounts[id] } }

    /// Changes an account's figures.
    package func editAccount(_ id: Int64, _ edit: (inout ForgeAccount) -> Void) {
        state.withLock { $0.editAccount(id, edit) }
    }

    /// Gives an account another path; its repositories' old names lead to the new ones.
    package func renameAccount(_ id: Int64, to path: String) {
        state.withLock { $0.renameAccount(id, to: path) }
    }

    /// Makes a repository under an account that is there; also under a name that another one had before.
    ///
    /// - Parameters:
    ///   - fullName: `owner/name`.
    ///   - createdAt: When it was made, and its traffic begins; `nil` for now.
    /// - Returns: Its id.
    @discardableResult
    package func addRepository(
        _ fullName: String, createdAt: Instant? = nil, _ edit: (inout ForgeRepository) -> Void = { _ in }
    ) -> Int64 {
        state.withLock { $0.addRepository(fullName, createdAt: createdAt, edit: edit) }
    }

    /// The repository with this id; `nil` when it is deleted.
    package func repository(_ id: Int64) -> ForgeRepository? { state.withLock { $0.repositories[id] } }

    /// All repositories, in the order in which they were made.
    package var repositories: [ForgeRepository] {
        state.withLock { $0.repositories.values.sorted { $0.id < $1.id } }
    }

    /// `owner/name` of the repository with this id; `nil` when it is deleted.
    package func fullName(_ id: Int64) -> String? {
        state.withLock { state in state.repositories[id].map { state.fullName($0) } }
    }

    /// Changes a repository's figures: stars, forks, whether it is archived.
    package func edit(_ id: Int64, _ edit: (inout ForgeRepository) -> Void) {
        state.withLock { $0.editRepository(id, edit) }
    }

    /// Adds a release to a repository.
    package func addRelease(_ release: ForgeRelease, to id: Int64) {
        state.withLock { state in
            var release = release
            release.id = state.takeID()
            release.createdAt = release.createdAt ?? state.now
            state.editRepository(id) { $0.releases.append(release) }
        }
    }

    /// Renames a repository, or transfers it to another account that is there. Its old name leads to it.
    ///
    /// - Parameter fullName: The new `owner/name`.
    package func move(_ id: Int64, to fullName: String) {
        state.withLock { $0.moveRepository(id, to: fullName) }
    }

    /// Deletes a repository: its id and its names lead nowhere.
    package func delete(_ id: Int64) {
        state.withLock { $0.deleteRepository(id) }
    }

    /// Lets the forge know a token, in place of one with the same secret.
    package func addToken(_ token: ForgeToken) {
        state.withLock { state in
            state.tokens.removeAll { $0.secret == token.secret }
            state.tokens.append(token)
        }
    }

    /// Lets the forge forget a token.
    package func removeToken(_ secret: String) {
        state.withLock { state in state.tokens.removeAll { $0.secret == secret } }
    }
}

// MARK: What goes wrong

extension Forge {
    /// Lets something go wrong from now on; of several faults that match a request the first one strikes.
    ///
    /// - Parameters:
    ///   - pattern: A glob over `METHOD target`, for example `GET */traffic/views`.
    ///   - spared: How many matching requests are spared at first.
    ///   - times: How many it strikes then; `nil` for all.
    ///   - chance: How likely it strikes, 0…1, drawn from `seed`.
    package func inject(
        _ effect: ForgeFault.Effect, on pattern: String, sparing spared: Int = 0, times: Int? = nil,
        chance: Double = 1, seed: UInt64 = 0
    ) {
        var fault = ForgeFault(effect, on: pattern)
        (fault.spared, fault.times, fault.chance, fault.seed) = (spared, times, chance, seed)
        let made = fault
        state.withLock { $0.faults.append(made) }
    }

    /// Lets nothing go wrong any more.
    package func removeFaults() { state.withLock { $0.faults = [] } }

    /// Refuses everything like a secondary limit until the forge's calendar has come to `instant`; `nil` for no longer.
    package func refuse(until instant: Instant?) { state.withLock { $0.refusedUntil = instant } }

    /// Uses up a user's budget but for `rest`, as another program with a token of the same user would.
    ///
    /// - Parameter user: The user of a ``ForgeToken``, or `127.0.0.1` for all without a token.
    package func useUp(_ resource: ForgeResource = .core, of user: String = "octocat", leaving rest: Int = 0) {
        state.withLock { state in
            let caller = ForgeState.Caller(user: user, token: state.tokens.first { $0.user == user })
            guard let budget = state.budget(of: caller, resource) else { return }
            state.charge(budget.remaining - rest, to: caller, resource)
        }
    }
}

// MARK: What was asked

extension Forge {
    /// All requests since the last ``clearLog()``, in the order of arrival.
    package var log: [ForgeLogEntry] { state.withLock { $0.log } }

    /// Forgets what was asked, and how much at once. Budgets stay as they are.
    package func clearLog() {
        state.withLock { state in
            state.log = []
            state.mostAtOnce = state.underWay
        }
    }

    /// The most requests that were under way at once.
    package var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }

    /// What all requests of the log were charged.
    package var charged: Int { state.withLock { $0.log.reduce(0) { $0 + $1.cost } } }
}
