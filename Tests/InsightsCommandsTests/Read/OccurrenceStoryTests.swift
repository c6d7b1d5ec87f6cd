import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsCommands

@Suite("The story of an occurrence")
struct OccurrenceStoryTests {
    private func story(_ fate: OccurrenceFate, task definition: TaskDefinition? = nil, paused: Bool = false) -> String {
        let definition = definition ?? task(.every(milliseconds: 3_600_000, starting: nil))
        return OccurrenceStory(
            task: definition, instant: at("2026-01-04T02:00:00Z"), fate: fate, isPaused: paused,
            presentation: Presentation()
        ).sentences.joined(separator: " ")
    }

    @Test("a run that succeeded: when, how long, what it said, where its log is")
    func succeeded() {
        let text = story(.run(run(.succeeded, summary: "3 tables")))
        #expect(text.contains("is run 01890a5d-ac96-774b-bcce-b302099a8057, due by its cadence."))
        #expect(text.contains("It started at 2026-01-04T02:00:00Z, 4ms after it was due."))
        #expect(text.contains("It ended succeeded at 2026-01-04T02:00:09Z after 9s, with 2 samples stored."))
        #expect(text.contains("3 tables"))
        #expect(text.contains("insights logs 01890a5d"))
    }

    @Test("a disabled task: nothing was to come")
    func disabled() {
        let text = story(.noRecord, task: task(.every(milliseconds: 3_600_000, starting: nil), enabled: false))
        #expect(text.contains("Nothing is recorded of backup at 2026-01-04T02:00:00Z. The task is disabled now"))
    }

    @Test("a run that a shutdown cut short: whether it is started again")
    func interrupted() {
        let hourly = Cadence.every(milliseconds: 3_600_000, starting: nil)
        let again = "A shutdown cut it short; the next `insights serve` starts it again."
        #expect(story(.run(run(.interrupted))).contains(again))
        #expect(
            story(.run(run(.interrupted)), task: task(hourly, enabled: false)).contains(
                "as its task is disabled, the next `insights serve` ends it as cancelled (shutdown)."))
        var policy = Policy()
        policy.catchUp = .none
        #expect(story(.run(run(.interrupted)), task: task(hourly, policy: policy)).contains("as `catch_up` is none, "))
        func alone(_ task: RunStory.Definition) -> String {
            RunStory(run: run(.interrupted), presentation: Presentation(), task: task).sentences.joined(separator: " ")
        }
        #expect(alone(.gone).contains("as the manifest no longer has its task, "))
        #expect(alone(.unknown).contains(again))
    }

    @Test("attempts: how many, and those that `retry` does not count")
    func attempts() {
        func text(_ attempt: Int) -> String {
            var record = run(.succeeded)
            record.attempt = attempt
            return story(.run(record))
        }
        #expect(!text(1).contains("attempts"))
        #expect(text(3).contains("It took 3 attempts of 3."))
        let cut = "cut short by a shutdown or a dead process."
        #expect(text(4).contains("It took 4 attempts; `retry` allows 3, another was \(cut)"))
        #expect(text(5).contains("It took 5 attempts; `retry` allows 3, the others were \(cut)"))
    }

    @Test("a run that failed: the error")
    func failed() {
        let error = RunError(code: "credential", message: "the token is refused", isRetryable: false)
        #expect(story(.run(run(.failed, error: error))).contains("credential: the token is refused."))
    }

    @Test(
        "a skip: its reason in words",
        arguments: [
            ("overlap", "the run before it was still going"), ("catch_up", "it was missed while nothing ran"),
            ("paused", "the task was paused"), ("upstream_failed", "a task that it follows did not succeed"),
            ("shutdown", "the program was stopping"),
        ])
    func skipped(reason: String, words: String) {
        #expect(story(.skipped(run(.skipped, reason: reason, started: false))).contains(words))
    }

    @Test("a skip of many: how many and which")
    func range() {
        let record = run(.skipped, reason: "catch_up", count: 24, until: "2026-01-05T01:00:00Z", started: false)
        let text = story(.skipped(record))
        #expect(text.contains("So were 23 others: 24 occurrences from 2026-01-04T02:00:00Z to 2026-01-05T01:00:00Z"))
    }

    @Test("one to come: and what keeps it from running")
    func toCome() {
        #expect(story(.toCome).contains("is still to come."))
        #expect(story(.toCome, paused: true).contains("The task is paused"))
        let disabled = task(.every(milliseconds: 1000, starting: nil), enabled: false)
        #expect(story(.toCome, task: disabled).contains("The task is disabled now"))
    }

    @Test("none: the cadence and the nearest ones")
    func none() {
        let text = story(.notAnOccurrence(before: at("2026-01-04T01:30:00Z"), after: at("2026-01-04T02:30:00Z")))
        #expect(text.contains("its cadence (every 1h) has no such instant"))
        #expect(text.contains("The one before is 2026-01-04T01:30:00Z, the one after 2026-01-04T02:30:00Z."))
    }

    @Test("as JSON it has every key, whatever became of it")
    func json() throws {
        let fates: [OccurrenceFate] = [
            .run(run(.succeeded)), .skipped(run(.skipped, started: false)), .toCome, .undecided, .notRegistered,
            .beforeRegistration(at("2026-01-04T02:00:00Z")), .notAnOccurrence(before: nil, after: nil),
            .onlyAfterOthers(["a"]), .noRecord,
        ]
        for fate in fates {
            let story = OccurrenceStory(
                task: task(.after(["a"])), instant: at("2026-01-04T02:00:00Z"), fate: fate, isPaused: false,
                presentation: Presentation())
            #expect(
                story.json.object?.keys == ["task", "scheduled_at", "outcome", "explanation", "run", "nearest"])
            #expect(story.json["explanation"]?.string?.isEmpty == false)
        }
    }
}
