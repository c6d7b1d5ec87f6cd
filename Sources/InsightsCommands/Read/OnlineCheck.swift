internal import InsightsEngine
internal import InsightsHTTPClient
internal import InsightsManifest
internal import InsightsPlugin
internal import Logging

/// What `insights check --online` asks, and how it tells what it found.
struct OnlineCheck: Sendable {
    /// A finding of one task's module.
    struct Finding: Hashable, Sendable {
        var task: String
        var finding: OnlineFinding
    }

    let context: CommandContext
    let timeout: Duration

    /// Asks for the named tasks, else for every enabled one.
    ///
    /// - Throws: 64 for an unknown task.
    func findings(of names: [String], in manifest: Manifest) async throws -> [Finding] {
        let tasks =
            names.isEmpty ? manifest.tasks.filter(\.settings.isEnabled) : try TaskNames.find(names, in: manifest)
        var findings: [Finding] = []
        for task in tasks {
            guard let module = context.registry[task.settings.uses]?.module else { continue }
            let redactor = Redactor(Array(task.settings.secrets))
            for finding in try await ask(module, task) {
                findings.append(Finding(task: task.name, finding: OnlineCheck.clean(finding, redactor)))
            }
        }
        return findings
    }

    private func ask(_ module: any TaskModule, _ task: TaskDefinition) async throws -> [OnlineFinding] {
        let clock = SystemClock()
        let deadline = clock.now.advanced(by: timeout)
        let http = context.http.client(run: RunID(high: 0, low: 0), deadline: deadline) { _ in }
        let host = CheckHost(logger: context.logger(.warning), clock: clock, http: http)
        let run = RunContext(
            task: task.name, parameters: task.settings.parameters, scheduledAt: clock.now, attempt: 1,
            deadline: deadline, lastSuccessAt: nil, host: host)
        do {
            return try await module.survey(run)
        } catch let failure as RunFailure {
            return [OnlineFinding(.error, failure.code, of: task.name, failure.message)]
        }
    }

    private static func clean(_ finding: OnlineFinding, _ redactor: Redactor) -> OnlineFinding {
        OnlineFinding(
            finding.severity, finding.code, of: redactor.clean(finding.subject), redactor.clean(finding.message),
            help: finding.help.map(redactor.clean))
    }

    // MARK: Telling

    /// What is out of reach now may be there later; all else wants the manifest or the credential changed.
    static func status(_ findings: [Finding]) -> ExitStatus? {
        let errors = findings.filter { $0.finding.severity == .error }
        guard !errors.isEmpty else { return nil }
        let passing: Set<String> = [
            HTTP.FailureCode.unreachable, HTTP.FailureCode.timeout, HTTP.FailureCode.rateLimited,
            HTTP.FailureCode.badAnswer, "forge_failed",
        ]
        return errors.allSatisfy { passing.contains($0.finding.code) } ? .unavailable : .configuration
    }

    static func json(_ diagnostics: [Diagnostic], _ findings: [Finding]) -> Value {
        [
            "diagnostics": .array(diagnostics.map(\.json)),
            "findings": .array(
                findings.map { found in
                    [
                        "task": .string(found.task), "severity": .string(found.finding.severity.rawValue),
                        "code": .string(found.finding.code), "subject": .string(found.finding.subject),
                        "message": .string(found.finding.message), "help": Value(found.finding.help),
                    ]
                }),
        ]
    }

    /// To people a block a task, as compilers tell problems; to programs a line a finding, its parts between tabs.
    static func lines(_ findings: [Finding], for terminal: Terminal) -> [String] {
        guard terminal.isTerminal else {
            return findings.map { found in
                let parts = [found.task, found.finding.severity.rawValue, found.finding.subject, found.finding.message]
                return parts.map(CellText.safe).joined(separator: "\t")
            }
        }
        var lines: [String] = []
        var task: String?
        for found in findings {
            if found.task != task { lines.append("\(found.task):") }
            task = found.task
            let severity = found.finding.severity
            let word = severity == .note ? "" : "\(severity.rawValue): "
            lines.append(CellText.safe("  \(found.finding.subject): \(word)\(found.finding.message)"))
            if let help = found.finding.help { lines.append(CellText.safe("    = help: \(help)")) }
        }
        return lines
    }
}

/// The host of a survey: it lends servers and a clock, and keeps nothing.
private struct CheckHost: RunHost {
    var runID: String { RunID(high: 0, low: 0).description }
    let logger: Logger
    let clock: any RunClock
    let http: any HTTP.Client
    var commands: any CommandRunner { NoCommands() }

    func emit(_ emissions: [Emission]) throws(RunFailure) {}
    func declare(_ metrics: [MetricDeclaration]) throws(RunFailure) {}
    func checkpoint() async throws { try Task.checkCancellation() }
    func report(_ progress: Progress) {}
    func state(forKey key: String) async throws -> Value? { nil }
    func setState(_ value: Value?, forKey key: String) throws(RunFailure) {}
}

/// Runs nothing: a check has no side effects.
private struct NoCommands: CommandRunner {
    func run(
        _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
    ) async throws -> CommandExit {
        throw RunFailure("command_not_permitted", "a check runs no program", retryable: false)
    }
}
