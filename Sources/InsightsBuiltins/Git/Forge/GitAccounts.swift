internal import InsightsPlugin
internal import Logging

/// `git.accounts`: reads each account of the forges, and sums up its repositories.
struct GitAccounts: TaskModule {
    let declaration = ModuleDeclaration(
        id: "accounts",
        summary: "Followers, members and public repositories of accounts, and the sums over their repositories.",
        parameters: ForgeParameters.schema,
        metrics: ForgeMetrics.account + ForgeMetrics.additive,
        timeout: .seconds(2 * 3600))

    func problems(in parameters: Value) -> [ParameterProblem] { ForgeParameters.problems(in: parameters) }

    func run(_ context: RunContext) async throws -> String? {
        let parameters = try ForgeParameters(context.parameters)
        var outcome = ForgeOutcome(one: "account", many: "accounts")
        let total = parameters.forges.reduce(0) { $0 + $1.ownAccounts.count }
        var done = 0
        for entry in parameters.forges {
            let reader = AccountReader(client: try ForgeClient(entry, http: context.http, clock: context.clock))
            var isOver = false
            for path in entry.ownAccounts {
                do {
                    if isOver {
                        try await sumUp(path, entry, context)
                    } else {
                        try await read(path, by: reader, context, &outcome)
                    }
                } catch let failure as RunFailure where failure.endsTurn {
                    isOver = true
                    outcome.addStop(failure)
                    try await sumUp(path, entry, context)
                }
                done += 1
                context.report(done: done, of: total, "\(entry.address.key)/\(path)")
            }
        }
        if let failure = outcome.failure { throw failure }
        return outcome.summary
    }

    private func read(
        _ path: String, by reader: AccountReader, _ context: RunContext, _ outcome: inout ForgeOutcome
    ) async throws {
        let entry = reader.client.entry
        let key = AccountMemory.key(of: path, entry)
        let known = AccountMemory(try await context.state.value(forKey: key))
        if known.finishedFor == context.scheduledAt {
            outcome.addFinishedBefore(1)
            return
        }
        let reading: AccountReading
        do {
            reading = try await reader.read(path, known)
        } catch let failure as RunFailure where !failure.endsTurn {
            context.logger.warning(
                "\(failure.message)", metadata: ["subject": "\(entry.address.key)/\(path)", "code": "\(failure.code)"])
            outcome.addFailure("\(entry.address.key)/\(path)", failure)
            try await sumUp(path, entry, context)
            return
        }
        for trouble in reading.troubles {
            context.logger.warning(
                "\(trouble.message)", metadata: ["subject": "\(entry.address.key)/\(path)", "code": "\(trouble.code)"])
        }
        let account = entry.accountSubject(reading.path, id: reading.id)
        let now = context.clock.now
        try context.emit([.subject(entry.platformSubject), .subject(account)])
        for (metric, figure) in reading.figures.sorted(by: { $0.key < $1.key }) {
            if let number = figure.number {
                try context.emit(.sample(Sample(account.reference, metric, at: now, number)))
            }
        }
        try context.emit(GitAccounts.sum(of: account))
        let memory = AccountMemory(
            route: reading.route, finishedFor: context.scheduledAt, id: reading.id, path: reading.path,
            repositories: reading.repositories)
        try context.state.set(memory.value, forKey: key)
        try await context.checkpoint()
        outcome.addRead(reading.absent, of: entry.address.key)
        if reading.path.lowercased() != path.lowercased() {
            outcome.addRenamed("\(entry.address.key)/\(path)", to: reading.path)
        }
    }

    /// Sums up what is stored of an account that could not be read this time: that asks nobody.
    private func sumUp(_ path: String, _ entry: ForgeEntry, _ context: RunContext) async throws {
        let known = AccountMemory(try await context.state.value(forKey: AccountMemory.key(of: path, entry)))
        guard let path = known.path, known.finishedFor != context.scheduledAt else { return }
        try context.emit(GitAccounts.sum(of: entry.accountSubject(path, id: known.id)))
        try await context.checkpoint()
    }

    private static func sum(of account: Subject) -> Emission {
        .rollUp(RollUp(account.reference, from: "repository", metrics: ForgeMetrics.additive.map(\.name)))
    }
}

/// What a task remembers of an account between runs.
struct AccountMemory: Hashable, Sendable {
    /// Under which route it is: the first one of its platform, or the second.
    var route = 0
    /// The scheduled instant of the run that last finished it.
    var finishedFor: Instant?
    /// As ``ForgeOwner/id``.
    var id: String?
    /// What it was called when it was last read; `nil` when it never was.
    var path: String?
    /// The numbers of some of its repositories, where it cannot be asked for by its own.
    var repositories: [String] = []

    init(route: Int, finishedFor: Instant?, id: String?, path: String, repositories: [String]) {
        self.route = route
        self.finishedFor = finishedFor
        self.id = id
        self.path = path
        self.repositories = repositories
    }

    init(_ value: Value?) {
        route = Int(value?["route"]?.integer ?? 0)
        finishedFor = value?["finished_for"]?.integer.map(Instant.init(milliseconds:))
        id = value?["id"]?.string
        path = value?["path"]?.string
        repositories = value?["repositories"]?.array?.compactMap(\.string) ?? []
    }

    var value: Value {
        [
            "route": .integer(Int64(route)),
            "finished_for": finishedFor.map { .integer($0.milliseconds) } ?? .null, "id": Value(id),
            "path": Value(path),
            "repositories": .array(repositories.map(Value.string)),
        ]
    }

    /// A path may be longer than a key of the state.
    static func key(of path: String, _ entry: ForgeEntry) -> String {
        "account/\(entry.address.key)/\(StableHash.of(path.lowercased().utf8))"
    }
}
