internal import InsightsPlugin

/// What one user has used of one resource in the window that began with its first request.
struct Budget: Sendable {
    let limit: Int
    private(set) var used = 0
    private(set) var resetsAt: Instant

    init(limit: Int, at now: Instant, window: Duration) {
        self.limit = limit
        resetsAt = now.advanced(by: window)
    }

    var remaining: Int { max(0, limit - used) }

    mutating func charge(_ cost: Int) { used += cost }
}
