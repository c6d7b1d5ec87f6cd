private import Crypto
internal import InsightsPlugin

/// All that a forge knows, as a value: requests go in, answers come out; no socket, no clock but its own.
struct ForgeState: Sendable {
    let kind: ForgeKind
    var settings = ForgeSettings()
    var clock: @Sendable () -> Instant

    private(set) var accounts: [Int64: ForgeAccount] = [:]
    private(set) var repositories: [Int64: ForgeRepository] = [:]
    /// Living repositories by their full name in lower case.
    private var names: [String: Int64] = [:]
    /// Former names that still lead somewhere.
    private var formerNames: [String: Int64] = [:]
    var tokens: [ForgeToken] = []
    var budgets: [String: Budget] = [:]
    /// Points of secondary limits by user, for the minute in which they were spent.
    var points: [String: (minute: Int64, spent: Int)] = [:]
    /// Until when a user was told to wait.
    var waits: [String: Instant] = [:]
    /// Until when a test has everything refused.
    var refusedUntil: Instant?
    /// The first that strikes is the one that counts.
    var faults: [ForgeFault] = []
    var log: [ForgeLogEntry] = []
    var underWay = 0
    var mostAtOnce = 0
    private var arrivals = 0
    private var connections = 0
    private var nextID: Int64 = 1_000_001

    init(kind: ForgeKind, clock: @escaping @Sendable () -> Instant) {
        self.kind = kind
        self.clock = clock
        settings.limits = ForgeLimits(kind)
        settings.omitsLinkOn304 = kind == .github
    }

    var now: Instant { clock() }

    mutating func takeConnection() -> Int {
        defer { connections += 1 }
        return connections
    }

    mutating func takeID() -> Int64 {
        defer { nextID += 1 }
        return nextID
    }
}

// MARK: Accounts and repositories

extension ForgeState {
    mutating func addAccount(_ path: String, kind: ForgeAccount.Kind, edit: (inout ForgeAccount) -> Void) -> Int64 {
        precondition(account(named: path) == nil, "the account \(path) is there already")
        var account = ForgeAccount(id: takeID(), kind: kind, path: path, name: path, createdAt: now)
        edit(&account)
        accounts[account.id] = account
        return account.id
    }

    func account(named path: String) -> ForgeAccount? {
        let wanted = path.lowercased()
        return accounts.values.first { $0.path.lowercased() == wanted }
    }

    mutating func editAccount(_ id: Int64, _ edit: (inout ForgeAccount) -> Void) {
        guard var account = accounts[id] else { preconditionFailure("no account has the id \(id)") }
        edit(&account)
        accounts[id] = account
    }

    mutating func renameAccount(_ id: Int64, to path: String) {
        let owned = repositories.values.filter { $0.ownerID == id }
        let former = owned.map { fullName($0).lowercased() }
        editAccount(id) { $0.path = path }
        for (repository, former) in zip(owned, former) { rename(repository, from: former) }
    }

    mutating func addRepository(
        _ fullName: String, createdAt: Instant?, edit: (inout ForgeRepository) -> Void
    ) -> Int64 {
        let parts = ForgeState.split(fullName)
        guard let owner = account(named: parts.owner) else {
            preconditionFailure("no account is called \(parts.owner)")
        }
        precondition(names[fullName.lowercased()] == nil, "the repository \(fullName) is there already")
        let id = takeID()
        let created = createdAt ?? now
        var repository = ForgeRepository(
            id: id, ownerID: owner.id, name: parts.name, createdAt: created,
            traffic: TrafficTruth(seed: UInt64(id), viewsPerDay: 40, firstDay: created))
        edit(&repository)
        repositories[id] = repository
        names[fullName.lowercased()] = id
        // A newcomer takes a name, whoever had it before: the way from there to the former holder is gone.
        formerNames[fullName.lowercased()] = nil
        return id
    }

    mutating func editRepository(_ id: Int64, _ edit: (inout ForgeRepository) -> Void) {
        guard var repository = repositories[id] else { preconditionFailure("no repository has the id \(id)") }
        edit(&repository)
        repositories[id] = repository
    }

    mutating func moveRepository(_ id: Int64, to fullName: String) {
        guard let repository = repositories[id] else { preconditionFailure("no repository has the id \(id)") }
        let parts = ForgeState.split(fullName)
        guard let owner = account(named: parts.owner) else {
            preconditionFailure("no account is called \(parts.owner)")
        }
        let former = self.fullName(repository).lowercased()
        editRepository(id) {
            $0.ownerID = owner.id
            $0.name = parts.name
        }
        repositories[id].map { rename($0, from: former) }
    }

    mutating func deleteRepository(_ id: Int64) {
        guard let repository = repositories.removeValue(forKey: id) else {
            preconditionFailure("no repository has the id \(id)")
        }
        names[fullName(repository).lowercased()] = nil
        formerNames = formerNames.filter { $0.value != id }
    }

    func fullName(_ repository: ForgeRepository) -> String {
        "\(accounts[repository.ownerID]?.path ?? "ghost")/\(repository.name)"
    }

    /// What stands under a name.
    enum Found {
        case here(ForgeRepository)
        /// A former name of it.
        case moved(ForgeRepository)
        case nothing
    }

    func find(_ fullName: String) -> Found {
        let key = fullName.lowercased()
        if let repository = names[key].flatMap({ repositories[$0] }) { return .here(repository) }
        if let repository = formerNames[key].flatMap({ repositories[$0] }) { return .moved(repository) }
        return .nothing
    }

    /// The repositories of `owners` that `reader` sees, in the order in which they were made.
    func repositories(of owners: Set<Int64>, for reader: ForgeToken?) -> [ForgeRepository] {
        repositories.values
            .filter { owners.contains($0.ownerID) && (!$0.isPrivate || reader?.readsPrivate == true) }
            .sorted { $0.id < $1.id }
    }

    private mutating func rename(_ repository: ForgeRepository, from former: String) {
        let key = fullName(repository).lowercased()
        guard key != former else { return }
        precondition(names[key] == nil, "the repository \(key) is there already")
        names[former] = nil
        formerNames[former] = repository.id
        formerNames[key] = nil
        names[key] = repository.id
    }

    private static func split(_ fullName: String) -> (owner: String, name: String) {
        guard let slash = fullName.lastIndex(of: "/") else { preconditionFailure("\(fullName) is not owner/name") }
        return (String(fullName[..<slash]), String(fullName[fullName.index(after: slash)...]))
    }
}

// MARK: Requests

extension ForgeState {
    /// Who sends a request.
    struct Caller: Sendable {
        /// Whose budget is used: a user, or the address of all who send no token.
        var user: String
        var token: ForgeToken?
    }

    /// Records a request's arrival.
    ///
    /// - Returns: Its number.
    mutating func arrive(_ request: ForgeRequest, connection: Int) -> Int {
        underWay += 1
        mostAtOnce = max(mostAtOnce, underWay)
        let secret = ForgeState.secret(of: request)
        let credential = secret.map(ForgeState.digest)
        let user = caller(secret)?.user ?? "unknown"
        let headers = request.headers.map { header in
            (header.name, ForgeState.secretHeaders.contains(header.name) ? credential ?? "" : header.value)
        }
        defer { arrivals += 1 }
        log.append(
            ForgeLogEntry(
                number: arrivals, at: now, method: request.method, target: request.target,
                headers: settings.keepsHeaders ? headers : [], credential: credential, connection: connection,
                atOnce: underWay, wasToldToWait: waits[user].map { now < $0 } ?? false))
        return arrivals
    }

    /// Records that an answer was sent, or never will be.
    ///
    /// - Parameter answer: `nil` when the connection was cut without one.
    mutating func leave(_ number: Int, _ answer: ForgeAnswer?) {
        underWay -= 1
        if let wait = answer?.wait { waits[wait.user] = max(waits[wait.user] ?? wait.until, wait.until) }
        guard let index = index(of: number), let answer else { return }
        log[index].status = answer.status
        log[index].bytes = answer.body.count
    }

    /// Where the log has a request; `nil` when it was cleared since.
    func index(of number: Int) -> Int? {
        guard let first = log.first?.number, log.indices.contains(number - first) else { return nil }
        return number - first
    }

    /// - Returns: `nil` for a secret that the forge does not know, or no longer.
    func caller(_ secret: String?) -> Caller? {
        guard let secret else { return Caller(user: "127.0.0.1", token: nil) }
        guard let token = tokens.first(where: { $0.secret == secret }) else { return nil }
        if let end = token.expiresAt, end <= now { return nil }
        return Caller(user: token.user, token: token)
    }

    /// The secret of `Authorization: Bearer …`, `token …` or `PRIVATE-TOKEN`.
    static func secret(of request: ForgeRequest) -> String? {
        if let token = request.header("private-token") { return token }
        guard let value = request.header("authorization") else { return nil }
        return value.split(separator: " ", maxSplits: 1).last.map(String.init)
    }

    /// 16 hex digits of the SHA-256 of `text`.
    static func digest(_ text: String) -> String { digest(Array(text.utf8)) }

    static func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).prefix(8).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private static let secretHeaders: Set<String> = ["authorization", "private-token", "cookie", "proxy-authorization"]
}
