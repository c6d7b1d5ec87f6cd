import InsightsPlugin
import Logging

/// A host for modules that are not going to ask for anything.
struct Nowhere: RunHost {
    var runID: String { "r" }
    var logger: Logger { Logger(label: "nowhere") }
    var clock: any RunClock { preconditionFailure("nobody was to ask for the time") }
    var commands: any CommandRunner { preconditionFailure("no program was to be run") }
    var http: any HTTP.Client { preconditionFailure("no server was to be asked") }

    func emit(_ emissions: [Emission]) {}
    func declare(_ metrics: [MetricDeclaration]) {}
    func checkpoint() {}
    func report(_ progress: Progress) {}
    func state(forKey key: String) -> Value? { nil }
    func setState(_ value: Value?, forKey key: String) {}
}

extension RunContext {
    /// The context of a run on ``Nowhere``.
    static var nowhere: RunContext {
        RunContext(
            task: "t", parameters: [:], scheduledAt: testNow, attempt: 1, deadline: testNow, lastSuccessAt: nil,
            host: Nowhere())
    }
}
