internal import ArgumentParser
internal import InsightsEngine
internal import InsightsManifest
internal import InsightsPlugin

/// `insights why`.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Tell what became of an occurrence, and why.",
        usage: "insights why [<options>] <task> <instant>",
        discussion: """
            Run, skipped, still to come, or no occurrence at all: then the nearest ones.

            Example: insights why backup 2026-01-04T02:00:00Z
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("The task.", valueName: "task"))
    var task: String

    @Argument(
        help: ArgumentHelp("Its scheduled instant, RFC 3339 with an offset.", valueName: "instant"),
        transform: InstantArgument.parse)
    var instant: Instant

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let manifest = context.readManifest()
        var known: [StoredTask] = []
        var record: RunRecord?
        if let store = try context.existingStore() {
            known = try await stored { () async throws(StoreError) in try await store.tasks() }
            record = try await stored { () async throws(StoreError) in
                try await store.occurrence(task: task, at: instant)
            }
            await store.close()
        }
        let presentation = context.presentation(manifest.manifest)
        guard let definition = manifest.manifest?.tasks.first(where: { $0.name == task }) else {
            return try tellWithoutDefinition(record, manifest.manifest, known, presentation, context)
        }
        let row = known.first { $0.name == task }
        let story = OccurrenceStory(
            task: definition, instant: instant,
            fate: .of(instant, of: definition, stored: row, record: record, now: SystemClock().now),
            isPaused: row?.isPaused ?? false, presentation: presentation)
        tell(story.json, story.sentences, context)
    }

    /// Of a task that the manifest no longer has, what is stored can still be told.
    private func tellWithoutDefinition(
        _ record: RunRecord?, _ manifest: Manifest?, _ known: [StoredTask], _ presentation: Presentation,
        _ context: CommandContext
    ) throws {
        guard let record else {
            _ = try context.manifest()
            try TaskNames.check([task], known: (manifest?.tasks.map(\.name) ?? []) + known.map(\.name))
            throw CommandFailure(
                .usage,
                "nothing is recorded of \"\(task)\" at \(presentation.text(instant)), "
                    + "and the manifest no longer has the task that could tell its cadence")
        }
        let story = RunStory(run: record, presentation: presentation, task: manifest == nil ? .unknown : .gone)
        let sentences = story.sentences
        let json: Value = [
            "task": .string(task), "scheduled_at": Value(instant),
            "outcome": .string(record.status == .skipped ? "skipped" : "run"),
            "explanation": .string(sentences.joined(separator: " ")), "run": record.json, "nearest": nil,
        ]
        tell(json, sentences, context)
    }

    private func tell(_ json: Value, _ sentences: [String], _ context: CommandContext) {
        if format.json { return context.output.line(json.json) }
        for sentence in sentences { context.output.line(CellText.safe(sentence)) }
    }
}
