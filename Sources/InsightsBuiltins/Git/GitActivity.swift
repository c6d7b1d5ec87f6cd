internal import Glibc
package import InsightsPlugin
internal import Logging

/// `git.activity`: reads histories from folders and clones, and tells commits, authors and change.
///
/// Every commit that the branches reach is listed at each change, which is cheap and exact whatever the
/// commits' dates; the costly part, counting lines, is done for the days alone whose commits changed.
package struct GitActivity: TaskModule {
    /// Creates the module.
    package init() {}

    package let declaration = ModuleDeclaration(
        id: "activity", summary: "Reads commits, authors and change from git histories: local folders or clone URLs.",
        parameters: ActivityParameters.schema, metrics: ActivityMetrics.declarations)

    package func problems(in parameters: Value) -> [ParameterProblem] { ActivityParameters.problems(in: parameters) }

    package func run(_ context: RunContext) async throws -> String? {
        let parameters = try ActivityParameters(context.parameters)
        var outcome = ActivityOutcome()
        let keys = try await RepositoryKeys(of: parameters.repositories, context)
        let total = parameters.repositories.count
        for (index, source) in parameters.repositories.enumerated() {
            try Task.checkCancellation()
            context.report(done: index, of: total, source.label)
            let reading = RepositoryRun(source: source, parameters: parameters, context: context) { done, commits in
                context.report(done: index, of: total, "\(source.label): lines of \(done) of \(commits) commits")
            }
            do {
                outcome.add(try await reading.run(keys.entry(at: index)))
            } catch let failure as RunFailure {
                // Without git no repository can be read: that is told once, and not per repository.
                if failure.code.hasPrefix("command_not_") { throw GitFailure.noGit(failure) }
                // Whether that fails the run is decided below, and logged as an error by whoever ends it.
                context.logger.warning(
                    "\(failure.message)", metadata: ["repository": "\(source.label)", "code": "\(failure.code)"])
                outcome.add(failure, of: source.label)
            }
        }
        context.report(done: total, of: total, "done")
        if let conflict = keys.conflict {
            // Which entry has which key stays known, whichever of them can be read next time.
            try await context.checkpoint()
            throw conflict
        }
        if let failure = outcome.failure { throw failure }
        return outcome.summary
    }

    /// Processors of this machine: as many gits count lines at once.
    static var processors: Int { max(1, min(16, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) }
}

/// One repository within a run: found or fetched, read, emitted and checkpointed.
struct RepositoryRun: Sendable {
    /// What a repository's turn came to.
    struct Result: Sendable {
        var key: String
        var commits: Int
        var newCommits: Int
        var isShallow: Bool
    }

    let source: RepositorySource
    let parameters: ActivityParameters
    let context: RunContext
    let progress: @Sendable (_ done: Int, _ total: Int) -> Void

    /// Reads the repository and makes its figures durable.
    ///
    /// - Throws: ``RunFailure`` as ``GitFailure`` says; `CancellationError`.
    func run(_ entry: RepositoryKeys.Entry) async throws -> Result {
        switch source.place {
        case .folder(let path): return try await measure(GitFolder(path), entry.settings)
        case .remote(let remote):
            let path = try CloneCache(parameters.cache).path(of: remote)
            let lock = try await CloneLock(path, clock: context.clock)
            defer { withExtendedLifetime(lock) {} }
            let clone = GitClone(
                remote: remote, label: source.label, path: path, commands: context.commands,
                timeout: parameters.networkTimeout)
            do {
                try await clone.update()
                return try await measure(GitFolder(path))
            } catch let failure as RunFailure where failure.code == "corrupt_repository" {
                context.logger.warning("the clone of \(source.label) is damaged and made anew: \(failure.message)")
                try clone.remove()
                try await clone.update()
                return try await measure(GitFolder(path))
            }
        }
    }

    private func measure(_ folder: GitFolder, _ settings: GitSettings? = nil) async throws -> Result {
        let view = try await GitView(folder, settings, label: source.label, commands: context.commands)
        let identity = RepositoryIdentity(source, origin: view.origin)
        let references = try await GitReferences(view)
        let tips = try references.tips(branch: source.branch, parameters.branches, label: source.label)
        let state = ActivityState(
            main: try await context.state.value(forKey: ActivityState.mainKey + identity.key),
            recent: try await context.state.value(forKey: ActivityState.recentKey + identity.key))
        let figures = try await RepositoryMeasurement(
            view: view, processors: GitActivity.processors, now: context.scheduledAt.milliseconds / 1000,
            progress: progress
        ).figures(references, tips: tips, state: state)
        try await tell(figures, of: identity)
        return Result(
            key: identity.key, commits: figures.commits, newCommits: figures.newCommits,
            isShallow: !folder.shallow.isEmpty)
    }

    private func tell(_ figures: ActivityFigures, of identity: RepositoryIdentity) async throws {
        try context.emit(identity.subjects.map(Emission.subject))
        let samples = figures.samples(of: identity.reference, scheduledAt: context.scheduledAt, now: context.clock.now)
        // A host takes a million between two checkpoints; what comes before the state is told again if need be.
        let most = 500_000
        for start in stride(from: 0, to: samples.count, by: most) {
            if start > 0 { try await context.checkpoint() }
            try context.emit(samples[start..<min(start + most, samples.count)].map(Emission.sample))
        }
        for (prefix, value) in figures.state?.values ?? [:] {
            try context.state.set(value, forKey: prefix + identity.key)
        }
        try await context.checkpoint()
    }
}
