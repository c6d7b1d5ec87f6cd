internal import Glibc
internal import InsightsBuiltins
internal import InsightsEngine
internal import InsightsHTTPClient
internal import InsightsManifest
internal import InsightsPlugin
internal import InsightsStorage
internal import Logging

/// What a command works with: settings, manifest, database, and where it writes. The one place where everything is
/// wired together.
struct CommandContext: Sendable {
    let settings: Settings
    /// As the user gave it.
    let manifestPath: String
    let database: StoreURL
    let registry: Registry
    let output: Output
    let console: Console
    let sink: LogSink
    /// Asks servers for module code; to be shut down when no run is left.
    let http: AsyncHTTPAccess
    /// What was asked for by flag or variable; `nil`: nothing was.
    let askedLogLevel: Logger.Level?

    /// Reads the environment and `.env`.
    ///
    /// - Parameter isServing: Whether what only `serve` needs is checked, too.
    /// - Throws: 78 with every problem of either.
    init(_ options: GlobalOptions, isServing: Bool = false) throws(CommandFailure) {
        let environment = ProcessEnvironment.current()
        let folder = ManifestPlace.folder(of: options.manifest)
        do throws(SettingsError) {
            settings = try Settings.read(environment: environment, dotEnvPath: folder + "/.env", isServing: isServing)
        } catch {
            throw CommandFailure(.configuration, error.problems.joined(separator: "\nerror: "))
        }
        let term = environment["TERM"]
        output = Output(terminal: .of(STDOUT_FILENO, allowsColor: settings.allowsColor, term: term))
        console = Console(terminal: .of(STDERR_FILENO, allowsColor: settings.allowsColor, term: term))
        sink = LogSink(console: console, format: settings.logFormat)
        manifestPath = options.manifest
        database = try options.database.map(Self.url) ?? settings.database
        askedLogLevel = options.logLevel ?? settings.logLevel
        registry = Self.builtins()
        let handler = SinkLogHandler(sink: sink, level: askedLogLevel ?? .info)
        http = AsyncHTTPAccess(
            clock: SystemClock(), userAgent: "insights/\(ProgramVersion.current)",
            cacheFolder: Self.cacheFolder(of: database), logger: Logger(label: "insights") { _ in handler })
    }

    /// A logger of this process.
    func logger(_ level: Logger.Level = .info) -> Logger {
        let handler = SinkLogHandler(sink: sink, level: askedLogLevel ?? level)
        return Logger(label: "insights") { _ in handler }
    }

    // MARK: The manifest

    /// Reads the manifest, whatever is wrong with it.
    func readManifest() -> ManifestResult {
        let loader = ManifestLoader(
            registry: registry, environment: settings.variables, defaultInterval: settings.interval,
            processorCount: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), now: SystemClock().now)
        let result = loader.load(path: manifestPath)
        if let manifest = result.manifest { learn(manifest) }
        return result
    }

    /// Reads the manifest.
    ///
    /// - Throws: 78 once every problem has been told.
    func manifest() throws(CommandFailure) -> Manifest {
        let result = readManifest()
        guard let manifest = result.manifest else {
            for diagnostic in result.diagnostics { tell(diagnostic) }
            throw .told(.configuration)
        }
        return manifest
    }

    /// Of a manifest with an error nothing, where a database has tasks all the same.
    ///
    /// - Throws: 78 once every problem has been told, where there is no database.
    func manifestIfNothingIsStored() async throws(CommandFailure) -> Manifest? {
        guard let store = try existingStore() else { return try manifest() }
        await store.close()
        return nil
    }

    /// Tells a problem of the manifest to people.
    func tell(_ diagnostic: Diagnostic) {
        console.line(diagnostic.rendered(color: console.terminal.isLively))
    }

    /// What is secret must not be logged, and people read times in the manifest's zone.
    func learn(_ manifest: Manifest) {
        var secrets: Set<String> = []
        if let token = settings.adminToken { secrets.insert(token) }
        for task in manifest.tasks { secrets.formUnion(task.settings.secrets) }
        sink.learn(secrets: secrets, zone: manifest.zone)
    }

    /// For people: times in the manifest's zone, in UTC where there is no manifest to tell it.
    ///
    /// - Parameter manifest: One that was read already; `nil`: read now, if a person is looking.
    func presentation(_ manifest: Manifest? = nil) -> Presentation {
        if let manifest { return Presentation(zone: manifest.zone) }
        guard output.terminal.isTerminal else { return Presentation() }
        return Presentation(zone: readManifest().manifest?.zone ?? .utc)
    }

    /// Beside the database, as both are this program's alone.
    private static func cacheFolder(of database: StoreURL) -> String {
        switch database {
        case .sqlite(let path): path + ".http-cache"
        case .postgres: "insights.http-cache"
        }
    }

    /// Read here and not by the parser of arguments, whose messages quote the whole value: it may hold a password.
    private static func url(_ text: String) throws(CommandFailure) -> StoreURL {
        do throws(StoreError) {
            return try StoreURL(text)
        } catch {
            throw CommandFailure(.usage, "--database: \(error.message)", help: error.help)
        }
    }

    private static func builtins() -> Registry {
        do throws(RegistryError) {
            return try Registry(Builtins.plugins)
        } catch {
            preconditionFailure("a built-in plugin is malformed: \(error)")
        }
    }
}

/// Where the manifest is.
enum ManifestPlace {
    /// The manifest's folder, as near to what the user gave as it can be: `.` for a bare name.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The manifest's folder as an absolute path; as it is when it does not exist.
    static func absoluteFolder(of path: String) -> String {
        let folder = folder(of: path)
        guard let resolved = realpath(folder, nil) else { return folder }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// The process's environment.
enum ProcessEnvironment {
    /// A copy of it; what is not UTF-8 is repaired.
    static func current() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2, !pair[0].isEmpty { variables[String(pair[0])] = String(pair[1]) }
            entry = entry.advanced(by: 1)
        }
        return variables
    }
}
