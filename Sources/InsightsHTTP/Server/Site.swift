internal import InsightsEngine

/// What all requests share, beside the running program.
struct Site: Sendable {
    /// The program's version.
    let version: String
    let metrics: RequestMetrics
    let clock: any EngineClock
}
