internal import ArgumentParser
internal import Glibc
internal import InsightsEngine
internal import InsightsManifest
internal import Logging

/// `insights serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run tasks by their cadence, and serve HTTP.",
        usage: "insights serve [<options>]",
        discussion: """
            SIGTERM or Ctrl-C ends it in order, a second one at once. SIGHUP reads the
            manifest anew, and so does its change. HOST, PORT, INSIGHTS_ADMIN_TOKEN,
            TASK_SCHEDULER_ENABLED, LOG_LEVEL and LOG_FORMAT come from the environment.

            Example: insights serve --host 0.0.0.0 --port 9000 --grace 2m
            """)

    @OptionGroup var global: GlobalOptions

    @Option(
        name: .long, help: ArgumentHelp("Where it listens. (HOST, else 127.0.0.1)", valueName: "host"),
        transform: { text in
            guard let host = HostName.checked(text) else {
                throw ValidationError("\"\(text)\" is not a host name or an address of this machine")
            }
            return host
        })
    var host: String?

    @Option(
        name: .long, help: ArgumentHelp("0: the system chooses. (PORT, else 8080)", valueName: "port"),
        transform: CountArgument.parse(0...65_535))
    var port: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "What runs has this long after a stop. (30s)", valueName: "duration"),
        transform: DurationArgument.parse)
    var grace: Duration = .seconds(30)

    @Flag(name: .customLong("no-http"), help: "No HTTP.")
    var isWithoutHTTP = false

    @Flag(name: .customLong("no-scheduler"), help: "Start nothing by itself; triggers by hand still run.")
    var isWithoutScheduler = false

    func run() async throws {
        let context = try CommandContext(global, isServing: true)
        do {
            try await serve(context)
        } catch let failure as CommandFailure where context.settings.logFormat == .json && !failure.message.isEmpty {
            // Who asked for JSON reads this program's lines by a program, the last one too.
            context.logger().critical(
                "\(failure.message)", metadata: failure.help.map { ["help": .string($0)] } ?? [:])
            throw CommandFailure.told(failure.status)
        }
    }

    private func serve(_ context: CommandContext) async throws {
        let watch = SignalWatch([SIGINT, SIGTERM, SIGHUP])
        let logger = context.logger()
        // Before the file is read, so that a change from then on is seen.
        let signature = FileSignature(path: context.manifestPath)
        let result = context.readManifest()
        for diagnostic in result.diagnostics { tell(diagnostic, context, logger) }
        guard let manifest = result.manifest else { throw CommandFailure.told(.configuration) }
        let store = try context.openStore()
        let engine = context.engine(store, manifest, engineConfiguration(context, signature), logger)
        try await stored { () async throws(StoreError) in try await engine.start() }
        let http =
            isWithoutHTTP
            ? nil
            : HTTPWiring.service(
                host: host ?? context.settings.host, port: port ?? context.settings.port, settings: context.settings,
                grace: grace, daemon: engine, logger: logger)
        try await ServeHouse(engine: engine, http: http, watch: watch, logger: logger, place: context.database)
            .run()
        await context.closeConnections()
        await close(store)
    }

    /// Closes the store, unless another process holds it: what was to be written is, and the end is not to wait.
    private func close(_ store: any Store) async {
        let (closed, source) = AsyncStream<Void>.makeStream()
        // Unstructured, as it may be left behind: a group would wait for it.
        Task {
            await store.close()
            source.finish()
        }
        // Unstructured, as its only end may be to be cancelled.
        let patience = Task {
            try await SystemClock().sleep(for: .milliseconds(500))
            source.finish()
        }
        for await _ in closed {}
        patience.cancel()
    }

    /// As people read it, or as a line of the log for who asked for JSON.
    private func tell(_ diagnostic: Diagnostic, _ context: CommandContext, _ logger: Logger) {
        guard context.settings.logFormat == .json else { return context.tell(diagnostic) }
        var metadata: Logger.Metadata = [
            "file": .string(diagnostic.file), "line": .stringConvertible(diagnostic.line),
            "column": .stringConvertible(diagnostic.column), "code": .string(diagnostic.code.rawValue),
        ]
        metadata["help"] = diagnostic.help.map { .string($0) }
        logger.log(
            level: diagnostic.severity == .error ? .error : .warning, "\(diagnostic.message)", metadata: metadata)
    }

    private func engineConfiguration(_ context: CommandContext, _ signature: FileSignature?) -> EngineConfiguration {
        var configuration = EngineConfiguration(nodeName: NodeName.make(isServe: true))
        configuration.isSchedulerEnabled = context.settings.isSchedulerEnabled && !isWithoutScheduler
        configuration.grace = grace
        configuration.version = ProgramVersion.current
        configuration.watchedPath = context.manifestPath
        configuration.watchedSignature = signature
        return configuration
    }
}
