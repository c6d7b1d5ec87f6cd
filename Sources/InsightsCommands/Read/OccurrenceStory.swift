internal import InsightsEngine
internal import InsightsPlugin

/// The story of an occurrence in words.
struct OccurrenceStory: Sendable {
    let task: TaskDefinition
    let instant: Instant
    let fate: OccurrenceFate
    let isPaused: Bool
    let presentation: Presentation

    /// `{"task","scheduled_at","outcome","explanation","run","nearest"}`.
    var json: Value {
        var nearest = Value.null
        if case .notAnOccurrence(let before, let after) = fate {
            nearest = ["before": Value(before), "after": Value(after)]
        }
        return [
            "task": .string(task.name), "scheduled_at": Value(instant), "outcome": .string(fate.word),
            "explanation": .string(sentences.joined(separator: " ")), "run": fate.record?.json ?? .null,
            "nearest": nearest,
        ]
    }

    /// One sentence a line.
    var sentences: [String] {
        let name = "\(task.name) at \(presentation.text(instant))"
        switch fate {
        case .run(let run):
            return RunStory(run: run, presentation: presentation, task: .known(task)).sentences
        case .skipped(let record): return skipped(record, name)
        case .toCome: return ["\(name) is still to come."] + obstacles
        case .undecided:
            return [
                "\(name) is due and not decided yet: it starts within moments if `insights serve` runs.",
                "If none runs, `catch_up: \(task.settings.policy.catchUp.rawValue)` decides when the next one starts.",
            ] + obstacles
        case .beforeRegistration(let first):
            return ["\(name) lies before the task's beginning, \(presentation.text(first)): nothing was due then."]
        case .notRegistered:
            return [
                "\(name) has no story: no `insights serve` or `run` has seen this task yet.",
                "\(cadence) counts from the moment that one does.",
            ]
        case .notAnOccurrence(let before, let after): return notAnOccurrence(name, before, after)
        case .onlyAfterOthers(let tasks):
            return [
                "\(task.name) has no instants of its own: it follows \(tasks.joined(separator: ", ")).",
                "Nothing is recorded of it at \(presentation.text(instant)); its occurrences have those of theirs.",
            ]
        case .noRecord where !task.settings.isEnabled: return ["Nothing is recorded of \(name)."] + obstacles
        case .noRecord:
            return [
                "Nothing is recorded of \(name), and later occurrences are.",
                "The task was disabled or had another cadence then, "
                    + "or the record is older than `keep` (\(DurationText.format(task.settings.policy.keep))).",
            ] + obstacles
        }
    }

    private var cadence: String { "Its cadence (\(task.cadence.description))" }

    /// What keeps a coming occurrence from running.
    private var obstacles: [String] {
        var obstacles: [String] = []
        if !task.settings.isEnabled { obstacles.append("The task is disabled now: its cadence starts nothing.") }
        if isPaused { obstacles.append("The task is paused: occurrences are skipped until `insights resume`.") }
        return obstacles
    }

    private func skipped(_ record: RunRecord, _ name: String) -> [String] {
        let reason = record.reason.flatMap(SkipReason.init(rawValue:))
        var sentences = ["\(name) was skipped: \(words(for: reason, record.reason))."]
        if record.count > 1, let until = record.until {
            sentences.append(
                "So were \(record.count - 1) others: \(record.count) occurrences from "
                    + "\(presentation.text(record.scheduledAt)) to \(presentation.text(until)) share this record.")
        }
        if let error = record.error { sentences.append("\(error.code): \(error.message).") }
        return sentences
    }

    private func words(for reason: SkipReason?, _ text: String?) -> String {
        switch reason {
        case .overlap: "the run before it was still going, and `overlap` is \(task.settings.policy.overlap.rawValue)"
        case .catchUp:
            "it was missed while nothing ran, and `catch_up: \(task.settings.policy.catchUp.rawValue)` left it out"
        case .paused: "the task was paused"
        case .upstreamFailed: "a task that it follows did not succeed"
        case .shutdown: "the program was stopping"
        case nil: text ?? "no reason was recorded"
        }
    }

    private func notAnOccurrence(_ name: String, _ before: Instant?, _ after: Instant?) -> [String] {
        var sentences = ["\(name) is no occurrence: \(cadence.lowercasedFirst) has no such instant."]
        let nearest = [
            before.map { "the one before is \(presentation.text($0))" },
            after.map { "the one after \(presentation.text($0))" },
        ].compactMap { $0 }
        if !nearest.isEmpty { sentences.append(nearest.joined(separator: ", ").capitalizedFirst + ".") }
        return sentences
    }
}

/// The story of a run in words.
struct RunStory: Sendable {
    /// The run's task by the manifest of now.
    enum Definition: Sendable {
        case known(TaskDefinition)
        /// The manifest no longer has it.
        case gone
        /// The manifest cannot be read.
        case unknown
    }

    let run: RunRecord
    let presentation: Presentation
    let task: Definition

    var sentences: [String] {
        var sentences = ["\(run.task) at \(presentation.text(run.scheduledAt)) is run \(run.id), \(origin)."]
        if let started = run.startedAt {
            let late = run.lateness.map { ", \(Presentation.text($0)) after it was due" } ?? ""
            sentences.append("It started at \(presentation.text(started))\(late).")
        } else {
            sentences.append("It has not started.")
        }
        sentences.append(state)
        if let attempts { sentences.append(attempts) }
        if let error = run.error {
            sentences.append("\(error.code): \(error.message)\(error.message.hasSuffix(".") ? "" : ".")")
        }
        if let summary = run.summary { sentences.append("Its summary: \(summary)") }
        if run.startedAt != nil { sentences.append("`insights logs \(run.id)` shows its log.") }
        return sentences
    }

    private var origin: String {
        switch run.trigger {
        case .cadence: "due by its cadence"
        case .catchUp: "made up for after it was missed"
        case .after: "following the tasks that it names in `after`"
        case .manual: "triggered by hand"
        case .start: "started with the program, as `on_start: always` says"
        }
    }

    /// An attempt that a shutdown or a dead process cut short does not count for `retry`.
    private var attempts: String? {
        guard run.attempt > 1 else { return nil }
        if run.attempt <= run.attempts { return "It took \(run.attempt) attempts of \(run.attempts)." }
        let (others, were) = run.attempt - run.attempts == 1 ? ("another", "was") : ("the others", "were")
        return "It took \(run.attempt) attempts; `retry` allows \(run.attempts), "
            + "\(others) \(were) cut short by a shutdown or a dead process."
    }

    /// What the next process does with a run that a shutdown cut short; see `Planner`.
    private var goesOn: String {
        let obstacle: String? =
            switch task {
            case .gone: "the manifest no longer has its task"
            case .unknown: nil
            case .known(let task) where !task.settings.isEnabled: "its task is disabled"
            case .known(let task) where task.settings.policy.catchUp == .none: "`catch_up` is none"
            case .known: nil
            }
        guard let obstacle else { return "the next `insights serve` starts it again" }
        return "as \(obstacle), the next `insights serve` ends it as cancelled (shutdown)"
    }

    private var state: String {
        let reason = run.reason.map { " (\($0))" } ?? ""
        switch run.status {
        case .queued: return "It waits for a place to run."
        case .running: return "It is running."
        case .retrying: return "Its last attempt failed; another follows."
        case .interrupted: return "A shutdown cut it short; \(goesOn)."
        case .succeeded, .failed, .timedOut, .cancelled, .skipped:
            let took = run.duration.map { " after \(Presentation.text($0))" } ?? ""
            let end = run.finishedAt.map { " at \(presentation.text($0))" } ?? ""
            return "It ended \(run.status.rawValue)\(reason)\(end)\(took), with \(run.samples) samples stored."
        }
    }
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
