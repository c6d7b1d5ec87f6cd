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
    /// Each check that has more to say than "ok".
    let notices: [Notice]

    struct Notice: Sendable {
        let text: String
        let tone: String

        init?(_ name: String, _ check: Readiness.Check) {
            if check.isOK, check.detail == "ok" { return nil }
            let isGood = check.isOK && check.detail.hasPrefix("ok: ")
            text = "\(name): " + (isGood ? String(check.detail.dropFirst("ok: ".count)) : check.detail)
            // A bad manifest keeps nothing from working, as the former one is in force, and is a trouble all the same.
            tone = isGood ? "idle" : "bad"
        }
    }

    init(title: String, _ call: Call) {
        let readiness = call.daemon.readiness()
        self.title = title
        state = readiness.isReady ? "ready" : "not ready"
        tone = readiness.isReady ? "good" : "bad"
        let now = call.site.clock.now.description
        self.now = now.prefix(10) + " " + now.dropFirst(11).prefix(5) + " UTC"
        version = call.site.version
        notices = [("store", readiness.store), ("scheduler", readiness.scheduler), ("manifest", readiness.manifest)]
            .compactMap { Notice($0.0, $0.1) }
    }
}
