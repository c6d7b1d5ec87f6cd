internal import InsightsEngine
internal import InsightsPlugin

/// `GET /`: tasks, and subjects with their latest values.
struct OverviewPage: Sendable {
    struct TaskRow: Sendable {
        let name: String
        let description: String
        let status: String
        /// `good`, `bad`, `live` or `idle`: the colour.
        let tone: String
        /// Why the last run failed, when that is what the status says; the beginning of a long message.
        let error: String?

        /// That data is about to be lost.
        let risk: String?

        /// In characters.
        private static let longestError = 300
        /// HTML.
        let last: String
        /// HTML.
        let next: String
        let cadence: String

        init(_ task: TaskView, now: Instant) {
            name = task.name
            description = task.description
            cadence = task.cadence
            last = PageText.time(task.lastRun.map { $0.finishedAt ?? $0.startedAt ?? $0.scheduledAt }, now: now)
            next = PageText.time(task.isEnabled && !task.isPaused ? task.nextRun : nil, now: now)
            risk = task.isAtRisk ? "at risk: its source soon drops what was not collected since its last success" : nil
            (status, tone) = TaskRow.state(of: task)
            let message = tone == "bad" ? task.lastRun?.error?.message : nil
            error = message.map { $0.count > TaskRow.longestError ? $0.prefix(TaskRow.longestError) + "…" : $0 }
        }

        private static func state(of task: TaskView) -> (String, String) {
            let words = task.lastRun?.status.rawValue.replacing("_", with: " ") ?? "not run yet"
            // By hand a task runs also while it is disabled or paused.
            if task.lastRun?.status == .running { return (words, "live") }
            if !task.isEnabled { return ("disabled", "idle") }
            if task.isPaused { return ("paused", "idle") }
            switch task.lastRun?.status {
            case .succeeded: return (words, "good")
            case .failed, .timedOut: return (words, "bad")
            case .running, .retrying: return (words, "live")
            case .queued, .interrupted, .cancelled, .skipped, nil: return (words, "idle")
            }
        }
    }

    struct SubjectCard: Sendable {
        let id: Int64
        let name: String
        let kind: String
        /// `nil` for an active one.
        let state: String?
        /// SVG.
        let chart: String
        let values: [Figure]
        /// What is not shown here.
        let more: String?

        /// How many figures a card holds.
        static let mostValues = 6

        /// - Parameter hidden: How many further figures there are.
        init(_ subject: SubjectRecord, chart: String, figures: [Figure], hidden: Int) {
            id = subject.id
            name = subject.name
            kind = subject.kind
            state = subject.state == .active ? nil : subject.state.rawValue
            self.chart = chart
            values = figures
            more = hidden > 0 ? "and \(hidden) more" : nil
        }
    }

    struct Figure: Sendable {
        let metric: String
        let value: String

        /// - Parameter sum: Of a count a day over the last 90 days, where it can be summed.
        init(_ latest: LatestValue, sum: Double?) {
            let name = latest.metric.replacing("_", with: " ")
            metric = sum == nil ? name : name + ", 90 d"
            guard case .number(let number) = latest.value else {
                value = ""
                return
            }
            value = PageText.number(sum ?? number)
        }
    }

    let frame: PageFrame
    let tasks: [TaskRow]
    let subjects: [SubjectCard]
    /// Those without a figure of their own, such as accounts: a name is all there is to show.
    let plain: [SubjectCard]
    let total: String
    let search: String
    /// What stands where subjects would be, if there are none.
    let nothing: String?
    /// A path; `nil` on the last page.
    let nextPage: String?
}
