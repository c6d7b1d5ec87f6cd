internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// `insights cancel`.
struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel a run and wait for its end.",
        usage: "insights cancel [<options>] <run>",
        discussion: """
            A run that has its end already is left as it is.

            Example: insights cancel 01890a5d-ac96-774b-bcce-b302099a8057
            """)

    /// What a module is given to stop and the store to take its end.
    private static let patience: Duration = .seconds(15)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(
        help: ArgumentHelp("The run's id, as in `insights history`.", valueName: "run"), transform: RunArgument.parse)
    var run: RunID

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let store = try context.requireStore(asking: true)
        guard let record = try await stored({ () async throws(StoreError) in try await store.run(run) }) else {
            throw CommandFailure.unknownRun(run)
        }
        if record.status.isFinal {
            return context.output.line(
                format.json
                    ? record.json.json : "\(run) (\(record.task)) has its end already: \(record.status.rawValue)")
        }
        _ = try await context.requireServe(store)
        let desk = RequestDesk(store: store)
        let answers = try await desk.ask([.cancel(run)])
        guard case .accepted? = answers.first?.answer else { throw context.noServe }
        let ended = try await desk.outcome(of: run, within: CancelCommand.patience)
        await store.close()
        guard let ended else {
            throw CommandFailure(
                .taskFailed, "\(run) (\(record.task)) was told to stop and has not stopped yet",
                help: "`insights history \(record.task)` shows when it has")
        }
        context.output.line(format.json ? ended.json.json : "\(run) (\(record.task)) \(ended.status.rawValue)")
    }
}
