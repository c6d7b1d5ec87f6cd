internal import ArgumentParser
internal import InsightsEngine
internal import InsightsStorage

/// `insights migrate`.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Make the tables, or bring them up to date.",
        usage: "insights migrate [<options>]",
        discussion: """
            `serve` and `run` do it by themselves, where they may. On PostgreSQL it
            can be done apart, as the owner of the schema; --grant then lets a role
            work with the tables that may not alter them.

            Example: insights migrate --database postgres://owner@db/insights --grant runner
            """)

    @OptionGroup var global: GlobalOptions

    @Option(name: .long, help: ArgumentHelp("PostgreSQL: a role that is to work with the tables.", valueName: "role"))
    var grant: String?

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        switch context.database {
        case .sqlite:
            if grant != nil {
                throw CommandFailure(.usage, "--grant: a file has no roles", help: "its directory's rights say who may")
            }
            try await context.openStore().close()
            context.output.line("\(context.database.text) is up to date")
        case .postgres(let uri):
            let role = grant
            let versions = try await stored { () async throws(StoreError) in
                try PostgresStore.migrate(uri, grantingTo: role)
            }
            let done =
                versions.from == versions.to
                ? "has version \(versions.to) of the tables: up to date"
                : versions.from == 0
                    ? "has version \(versions.to) of the tables now"
                    : "was brought from version \(versions.from) of the tables to \(versions.to)"
            context.output.line("\(uri) \(done)" + (role.map { "; \($0) may work with them" } ?? ""))
        }
    }
}
