internal import InsightsEngine
internal import InsightsPlugin

/// `GET /`: tasks, and subjects with their latest values.
struct OverviewPage: Sendable {
    struct TaskRow: Sendable {
        let name: String
        let description: String
        let status: String
        /// `good`, `bad` or `idle`: the colour.
        let tone: String
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
            (status, tone) = TaskRow.state(of: task)
        }

        private static func state(of task: TaskView) -> (String, String) {
            if !task.isEnabled { return ("disabled", "idle") }
            if task.isPaused { return ("paused", "idle") }
            guard let run = task.lastRun else { return ("not run yet", "idle") }
            let words = run.status.rawValue.replacing("_", with: " ")
            switch run.status {
            case .succeeded: return (words, "good")
            case .failed, .timedOut: return (words, "bad")
            case .queued, .running, .retrying, .interrupted, .cancelled, .skipped: return (words, "idle")
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
    let total: String
    let search: String
    /// What stands where subjects would be.
    let nothing: String
    /// A path; `nil` on the last page.
    let nextPage: String?
}
