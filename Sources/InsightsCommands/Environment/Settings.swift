internal import InsightsEngine
internal import InsightsHTTP
internal import InsightsStorage
internal import Logging

/// How log lines are written.
enum LogFormat: String, Sendable, CaseIterable {
    /// Lines for people on a terminal, JSON otherwise.
    case auto
    case text
    case json
}

/// What the environment and `.env` say, checked.
struct Settings: Sendable {
    /// `DATABASE_URL`.
    var database = StoreURL.sqlite(path: "insights.db")
    /// `INSIGHTS_NOTIFY`: whether nodes on one PostgreSQL database use NOTIFY, or ask every second only.
    var notifies = true
    /// `TASK_SCHEDULER_ENABLED`.
    var isSchedulerEnabled = true
    /// `TASK_SCHEDULER_INTERVAL`: the cadence of a task that names none.
    var interval: Duration = .seconds(1_209_600)
    /// `INSIGHTS_ADMIN_TOKEN`; `nil` when unset.
    var adminToken: String?
    /// `HOST`.
    var host = "127.0.0.1"
    /// `PORT`, 0…65 535.
    var port = 8080
    /// `LOG_LEVEL`; `nil` when unset, which means `info`.
    var logLevel: Logger.Level?
    /// `LOG_FORMAT`.
    var logFormat = LogFormat.auto
    /// Whether `NO_COLOR` (no-color.org) leaves room for colour and progress.
    var allowsColor = true
    /// All variables, those of `.env` included: what `${NAME}` in the manifest stands for.
    var variables: [String: String] = [:]

    /// Reads the settings.
    ///
    /// A variable that is set to nothing counts as unset, and hides that of `.env` all the same.
    ///
    /// - Parameters:
    ///   - environment: The real one; it wins.
    ///   - dotEnvPath: The file beside the manifest.
    ///   - isServing: Whether what only `serve` needs is checked, too.
    /// - Throws: Every problem at once, each with the variable's name or the line.
    static func read(
        environment: [String: String], dotEnvPath: String, isServing: Bool = false
    ) throws(SettingsError) -> Settings {
        var problems: [String] = []
        var variables = environment
        do throws(DotEnvProblems) {
            variables.merge(try DotEnvFile.read(dotEnvPath)) { real, _ in real }
        } catch {
            problems += error.errors.map(\.description)
        }
        var reader = SettingsReader(variables: variables)
        var settings = Settings()
        settings.variables = variables
        reader.read(into: &settings)
        problems += reader.problems
        if isServing, let problem = settings.adminTokenProblem { problems.append(problem) }
        guard problems.isEmpty else { throw SettingsError(problems: problems) }
        return settings
    }

    /// Why `serve` cannot use the admin token, or `nil`.
    var adminTokenProblem: String? {
        guard let adminToken, adminToken.count < Secret.minimumLength else { return nil }
        return "INSIGHTS_ADMIN_TOKEN must have at least \(Secret.minimumLength) characters, it has \(adminToken.count):"
            + " openssl rand -hex 16 makes one"
    }
}

/// What is wrong with the environment or `.env`; never empty.
struct SettingsError: Error, Sendable {
    let problems: [String]
}

/// Reads each variable by its type and collects what is malformed.
private struct SettingsReader {
    let variables: [String: String]
    var problems: [String] = []

    init(variables: [String: String]) { self.variables = variables }

    mutating func read(into settings: inout Settings) {
        readDatabase(into: &settings)
        take("INSIGHTS_NOTIFY", "must be on or off") { ["on": true, "off": false][$0.lowercased()] }
            .map { settings.notifies = $0 }
        take("TASK_SCHEDULER_ENABLED", "must be true or false") { SettingsReader.boolean($0) }
            .map { settings.isSchedulerEnabled = $0 }
        take("TASK_SCHEDULER_INTERVAL", "must be a whole number of seconds, 1 to 3153600000; 14 days are 1209600") {
            SettingsReader.integer($0, in: 1...3_153_600_000)
        }.map { settings.interval = .seconds($0) }
        settings.adminToken = value("INSIGHTS_ADMIN_TOKEN")
        take("HOST", "must be a host name or an address of this machine, such as 127.0.0.1") { HostName.checked($0) }
            .map { settings.host = $0 }
        take("PORT", "must be a port, 0 to 65535") { SettingsReader.integer($0, in: 0...65_535) }
            .map { settings.port = Int($0) }
        take("LOG_LEVEL", "must be one of \(Logger.Level.words)") { Logger.Level(rawValue: $0.lowercased()) }
            .map { settings.logLevel = $0 }
        take("LOG_FORMAT", "must be one of \(LogFormat.allCases.map(\.rawValue).joined(separator: ", "))") {
            LogFormat(rawValue: $0.lowercased())
        }.map { settings.logFormat = $0 }
        settings.allowsColor = value("NO_COLOR") == nil
    }

    private func value(_ name: String) -> String? {
        guard let value = variables[name], !value.isEmpty else { return nil }
        return value
    }

    private mutating func readDatabase(into settings: inout Settings) {
        guard let text = value("DATABASE_URL") else { return }
        do throws(StoreError) {
            settings.database = try StoreURL(text)
        } catch {
            problems.append("DATABASE_URL: \(error)")
        }
    }

    /// No value read by this is secret, so the wrong one is quoted.
    private mutating func take<T>(_ name: String, _ expected: String, _ parse: (String) -> T?) -> T? {
        guard let text = value(name) else { return nil }
        if let parsed = parse(text) { return parsed }
        problems.append("\(name) \(expected), not \"\(text.prefix(80))\"")
        return nil
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    private static func integer(_ text: String, in range: ClosedRange<Int64>) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text) else { return nil }
        return range.contains(number) ? number : nil
    }
}

/// The form of a host, for `HOST` and `--host`.
enum HostName {
    /// The text, or `nil` when it cannot be a name or an address: a port or a scheme in it is a common mistake.
    static func checked(_ text: String) -> String? {
        let isPlain = text.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "@")
        }
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        return !text.isEmpty && text.utf8.count <= 253 && isPlain && colons != 1 ? text : nil
    }
}

extension Logger.Level {
    /// All of them, for messages.
    static let words = allCases.map(\.rawValue).joined(separator: ", ")
}
