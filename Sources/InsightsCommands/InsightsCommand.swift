internal import ArgumentParser
internal import Glibc

/// The program: what `main` calls.
public enum Insights {
    /// Reads the arguments, does what they say, and ends the process with its exit status:
    /// 0 done, 1 a task did not succeed, 64 usage, 69 out of reach, 75 already running, 78 configuration.
    ///
    /// - Parameter arguments: Without the program's name.
    public static func main(_ arguments: [String]) async -> Never {
        do {
            var command = try InsightsCommand.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            exit(ExitStatus.success.rawValue)
        } catch let failure as CommandFailure {
            let text = failure.description
            if !text.isEmpty { _ = Output.write(Array((text + "\n").utf8), to: STDERR_FILENO) }
            exit(failure.status.rawValue)
        } catch {
            // Help is one of these as well; a wrong use ends with 64.
            InsightsCommand.exit(withError: error)
        }
    }
}

/// The root of all commands.
struct InsightsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "insights",
        abstract: "Runs named tasks on cadences from one file, and keeps what they measure.",
        discussion: """
            Tables are for people: on a pipe every command prints the same facts as
            lines of tab-separated fields without a header, "-" where there is nothing,
            instants in UTC, durations in seconds. --json has names for them.

            Example: insights check && insights run && insights metrics
            """,
        version: ProgramVersion.current,
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(name: "Run tasks:", subcommands: [ServeCommand.self, RunCommand.self, TriggerCommand.self]),
            CommandGroup(
                name: "Look ahead:", subcommands: [CheckCommand.self, ListCommand.self, NextCommand.self]),
            CommandGroup(
                name: "Look back:", subcommands: [HistoryCommand.self, LogsCommand.self, WhyCommand.self]),
            CommandGroup(
                name: "Steer:", subcommands: [PauseCommand.self, ResumeCommand.self, CancelCommand.self]),
            CommandGroup(name: "Read numbers:", subcommands: [MetricsCommand.self, SeriesCommand.self]),
            CommandGroup(name: "Write a manifest:", subcommands: [ModulesCommand.self, SchemaCommand.self]),
        ])
}
