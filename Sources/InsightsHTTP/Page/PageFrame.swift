internal import InsightsEngine
internal import InsightsPlugin

/// What every page shows around its content.
struct PageFrame: Sendable {
    let title: String
    let style = PageStyle.sheet
    /// Whether the program is ready, in words and as a colour.
    let state: String
    let tone: String
    let now: String
    let version: String
    /// Each check that fails.
    let troubles: [String]

    init(title: String, _ call: Call) {
        let readiness = call.daemon.readiness()
        self.title = title
        state = readiness.isReady ? "ready" : "not ready"
        tone = readiness.isReady ? "good" : "bad"
        let now = call.site.clock.now.description
        self.now = now.prefix(10) + " " + now.dropFirst(11).prefix(5) + " UTC"
        version = call.site.version
        troubles = [("store", readiness.store), ("scheduler", readiness.scheduler), ("manifest", readiness.manifest)]
            .filter { !$0.1.isOK }.map { "\($0.0): \($0.1.detail)" }
    }
}
