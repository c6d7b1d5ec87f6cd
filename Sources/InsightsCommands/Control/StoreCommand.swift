internal import ArgumentParser
internal import Glibc
internal import InsightsEngine
internal import InsightsPlugin
internal import InsightsStorage
internal import Synchronization

/// `insights store`.
struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Move what is stored to another database.",
        subcommands: [StoreCopyCommand.self])
}

/// `insights store copy`.
struct StoreCopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy everything from one database to another, of either kind.",
        usage: "insights store copy <from> <to> [<options>]",
        discussion: """
            Verified by counts and checksums. Nothing may run tasks on either
            meanwhile, and the second must be empty; ended in the middle, it is
            refused until the copy was made again. On a pipe: table, rows, checksum.

            Example: insights store copy sqlite:insights.db postgres://db/insights
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("Where everything is.", valueName: "from"))
    var from: String

    @Argument(help: ArgumentHelp("Where it goes: a new file or an empty database.", valueName: "to"))
    var to: String

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let board = CopyBoard(context.console)
        let copy = StoreCopy(from: try Self.url(from), to: try Self.url(to), progress: board.show)
        let node = NodeIdentity(
            name: NodeName.make(isServe: false), processID: getpid(), version: ProgramVersion.current)
        defer { board.end() }
        let tables = try await copy.run(as: node)
        board.end()
        if format.json {
            context.output.json(
                tables.map {
                    [
                        "table": .string($0.name), "rows": .integer(Int64($0.rows)), "checksum": .string($0.checksum),
                    ] as Value
                })
        } else {
            var table = Table([.init("TABLE"), .init("ROWS", numeric: true), .init("SHA-256", lesser: true)])
            table.rows = tables.map { [.init($0.name), .init(String($0.rows)), .init($0.checksum)] }
            context.output.table(table)
        }
    }

    private static func url(_ text: String) throws(CommandFailure) -> StoreURL {
        do throws(StoreError) {
            return try StoreURL(text)
        } catch {
            throw CommandFailure(error)
        }
    }
}

/// The moving line of a copy, on a terminal.
private final class CopyBoard: Sendable {
    /// More often than this nobody can read it.
    private static let pause: Duration = .milliseconds(100)

    private let console: Console
    private let next = Mutex(ContinuousClock.now)

    init(_ console: Console) { self.console = console }

    @Sendable func show(_ step: StoreCopy.Step, _ table: String, _ done: Int, _ all: Int) {
        guard console.terminal.isLively else { return }
        let isDue = next.withLock { next in
            guard next <= .now else { return false }
            next = .now + CopyBoard.pause
            return true
        }
        if isDue { console.show(["\(step) \(table): \(done) of \(all)"]) }
    }

    func end() {
        if console.terminal.isLively { console.show([]) }
    }
}
