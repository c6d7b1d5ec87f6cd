import Glibc
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Logging

/// `bench NAME [COUNT] [FILE]`: one measurement, printed as one line of JSON.
let arguments = CommandLine.arguments
LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }

func count(default value: Int) -> Int { arguments.count > 2 ? Int(arguments[2]) ?? value : value }

switch arguments.count > 1 ? arguments[1] : "" {
case "register": try await register(count(default: 1_000_000))
case "lateness-memory": try await lateness(tasks: count(default: 10_000), seconds: 20, recorded: false)
case "lateness-sqlite": try await lateness(tasks: count(default: 10_000), seconds: 20, recorded: true)
case "burst-memory": try await burst(count(default: 1_000_000), recorded: false)
case "burst-sqlite": try await burst(count(default: 200_000), recorded: true)
case "postgres-server": try postgresServer()
case "due-postgres":
    let seconds = arguments.count > 3 ? Int64(arguments[3]) : nil
    try await duePostgres(
        count(default: 100_000),
        at: Instant(milliseconds: (seconds ?? SystemClock().now.milliseconds / 1000 + 60) * 1000))
case "store-postgres":
    try await storePostgres(seconds: count(default: 15), number: arguments.count > 3 ? Int(arguments[3]) ?? 0 : 0)
case "history-postgres": try await historyPostgres(count(default: 1_000_000))
case "health": try await health()
case "history":
    try await History(repositories: count(default: 10_000), path: arguments.count > 3 ? arguments[3] : nil).run()
case "forge": try await ForgeHost(repositories: count(default: 1000)).run()
default:
    print(
        "usage: bench register|lateness-memory|lateness-sqlite|burst-memory|burst-sqlite|postgres-server|due-postgres|store-postgres"
            + "|history-postgres|health|history|forge [COUNT] [FILE]")
    exit(64)
}
