internal import ArgumentParser
internal import Glibc
internal import InsightsEngine

/// The program: what `main` calls.
public enum Insights {
    /// Reads the arguments, does what they say, and ends the process with its exit status:
    /// 0 done, 1 a task did not succeed, 64 usage, 69 out of reach, 75 already running, 78 configuration; 129, 130 and
    /// 143 ended by SIGHUP, SIGINT and SIGTERM.
    ///
    /// - Parameter arguments: Without the program's name.
    public static func main(_ arguments: [String]) async -> Never {
        do {
            try checkName(arguments)
            var command = try InsightsCommand.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            ProcessEnd.end(.success)
        } catch let failure as CommandFailure {
            end(failure)
        } catch let error as StoreError {
            end(CommandFailure(error))
        } catch {
            // Help is one of these as well; a wrong use ends with 64.
            InsightsCommand.exit(withError: error)
        }
    }

    /// The parser of arguments answers `help nope` with the program's own help, and success, and to `nope` it knows no
    /// way out.
    private static func checkName(_ arguments: [String]) throws(CommandFailure) {
        let named = arguments.first == "help" ? arguments.dropFirst().first : arguments.first
        guard let name = named, !name.hasPrefix("-") else { return }
        var known = ["help"]
        for command in InsightsCommand.configuration.subcommands {
            known += [command.configuration.commandName ?? ""] + command.configuration.aliases
        }
        guard !known.contains(name) else { return }
        // Of a short name, one edit is not yet a different one.
        let nearest =
            NearestName.nearest(to: name, among: known) ?? NearestName.nearest(to: name, among: known, atMost: 1)
        throw CommandFailure(
            .usage, "there is no command \"\(name)\"",
            help: nearest.map { "did you mean \"\($0)\"?" } ?? "`insights help` shows the commands")
    }

    private static func end(_ failure: CommandFailure) -> Never {
        let text = failure.description
        if !text.isEmpty { _ = Output.write(Array((text + "\n").utf8), to: STDERR_FILENO) }
        ProcessEnd.end(failure.status)
    }
}

/// How this process ends.
enum ProcessEnd {
    /// Ends it without what libraries have registered for the end (`atexit`): OpenSSL clears up beside threads that are
    /// still connected to a database, and these crash. Nothing waits in a buffer, and stores stand a SIGKILL anyway.
    static func end(_ status: ExitStatus) -> Never {
        fflush(nil)
        _exit(status.rawValue)
    }
}

/// The root of all commands.
struct InsightsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "insights",
        abstract: "Runs named tasks on cadences from one file, and keeps what they measure.",
        discussion: """
            Tables are for people: on a pipe their facts are tab-separated, without a
            header, "-" where there is nothing, instants in UTC, durations in seconds.
            --json, which all commands but serve and migrate take, has names for them.

            Example: insights check && insights run && insights metrics
            """,
        version: ProgramVersion.current,
        subcommands: [
            ServeCommand.self, RunCommand.self, TriggerCommand.self, CheckCommand.self, ListCommand.self,
            NextCommand.self, HistoryCommand.self, LogsCommand.self, WhyCommand.self, PauseCommand.self,
            ResumeCommand.self, CancelCommand.self, MetricsCommand.self, SeriesCommand.self, ModulesCommand.self,
            SchemaCommand.self, NodesCommand.self, MigrateCommand.self, StoreCommand.self,
        ])
}
