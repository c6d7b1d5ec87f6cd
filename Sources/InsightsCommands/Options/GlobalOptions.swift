internal import ArgumentParser
internal import Logging

/// What every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The manifest, .env beside it.", valueName: "path"))
    var manifest = "tasks.yaml"

    @Option(
        name: .long,
        help: ArgumentHelp(
            "sqlite:PATH, postgres://… (else DATABASE_URL)", valueName: "url"))
    var database: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "From trace to critical. (LOG_LEVEL, else info)",
            valueName: "level"),
        transform: { text in
            guard let level = Logger.Level(rawValue: text.lowercased()) else {
                throw ValidationError("must be one of \(Logger.Level.words)")
            }
            return level
        })
    var logLevel: Logger.Level?
}

/// The flag of the commands that give facts to programs.
struct JSONOption: ParsableArguments {
    @Flag(name: .long, help: "The same facts as JSON.")
    var json = false
}

/// The flags of the commands that give numbers to programs.
struct DataOptions: ParsableArguments {
    @Flag(name: .long, help: "The same facts as JSON.")
    var json = false

    @Flag(name: .long, help: "The same facts as CSV (RFC 4180) with a header.")
    var csv = false

    func validate() throws {
        if json, csv { throw ValidationError("--json and --csv exclude each other") }
    }
}
