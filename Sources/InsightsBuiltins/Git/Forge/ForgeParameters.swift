internal import InsightsPlugin

/// What stands under `with:` of `git.repositories`, `git.accounts` and `git.platforms`: the same for the three, so
/// that one anchor serves the whole pipeline.
struct ForgeParameters: Sendable {
    static let schema: [Parameter] = [
        Parameter(
            "forges", .array(of: Parameter("", .object(entry), summary: "One server."), minItems: 1), required: true,
            summary: "The servers to ask, who asks, and what is tracked on each.")
    ]

    private static let entry: [Parameter] = [
        Parameter(
            "platform", .enumeration(ForgePlatform.allCases.map(\.rawValue)), required: true,
            summary: "The software that the server runs."),
        Parameter(
            "base_url", .string(minLength: 1, maxLength: 2048), examples: ["https://codeberg.org"],
            summary: "The server's root as a person opens it; default: github.com, gitlab.com."),
        Parameter(
            "token", .string(maxLength: 4096), secret: true,
            summary: "Who asks; without one only what is public is told, and at a slow pace."),
        Parameter(
            "accounts", .array(of: Parameter("", .string(minLength: 1), summary: "One account.")), default: [],
            summary: "Organisations, users and groups, all of whose repositories are tracked."),
        Parameter(
            "repositories", .array(of: Parameter("", .string(minLength: 1), summary: "One repository.")), default: [],
            summary: "Single repositories, owner/name."),
        Parameter(
            "include", .array(of: Parameter("", .string(minLength: 1), summary: "One glob.")), default: [],
            summary: "Globs on the name, any case: of an account's repositories only those are tracked."),
        Parameter(
            "exclude", .array(of: Parameter("", .string(minLength: 1), summary: "One glob.")), default: [],
            summary: "Globs on the name, any case: of an account's repositories those are not tracked."),
        Parameter("forks", .boolean, default: false, summary: "Whether an account's forks are tracked."),
        Parameter("archived", .boolean, default: true, summary: "Whether an account's archived ones are tracked."),
        Parameter("concurrency", .integer(1...100), default: 8, unit: "requests", summary: "Requests at once."),
        Parameter(
            "requests_per_minute", .integer(1...1_000_000), unit: "requests",
            summary: "Most requests a minute; default: 900 on github.com, otherwise as many as the server takes."),
    ]

    let forges: [ForgeEntry]

    /// Reads parameters that fit the schema.
    ///
    /// - Throws: ``RunFailure`` `parameter` for what ``problems(in:)`` would have found.
    init(_ parameters: Value) throws(RunFailure) {
        if let problem = ForgeParameters.problems(in: parameters).first {
            throw RunFailure("parameter", problem.message, retryable: false)
        }
        // The problems are those of these very entries, so that none of them can have one.
        forges = (parameters["forges"]?.array ?? []).compactMap { try? ForgeEntry($0) }
    }

    /// What is wrong beyond the schema, each at the value that is to change.
    static func problems(in parameters: Value) -> [ParameterProblem] {
        var problems: [ParameterProblem] = []
        var known = Known()
        for (index, entry) in (parameters["forges"]?.array ?? []).enumerated() {
            do {
                for problem in known.add(try ForgeEntry(entry), at: index) { problems.append(problem.at(index)) }
            } catch {
                problems.append(error.at(index))
            }
        }
        return problems
    }

    /// What the entries before hold: nothing is tracked twice, as two entries would answer for one figure.
    private struct Known {
        private var servers: [String: (platform: ForgePlatform, root: String, index: Int)] = [:]
        private var accounts: [String: Int] = [:]
        private var repositories: [String: Int] = [:]

        mutating func add(_ entry: ForgeEntry, at index: Int) -> [ForgeEntry.Problem] {
            let key = entry.address.key
            if let known = servers[key], known.root != entry.address.root {
                return [
                    ForgeEntry.Problem(
                        path: [.key("base_url")],
                        message: "\(entry.address.root) has the same host and port as \(known.root) of "
                            + "forges[\(known.index)]",
                        help: "what is tracked is known by host and port, and one of them is one server")
                ]
            }
            if let known = servers[key], known.platform != entry.platform {
                return [
                    ForgeEntry.Problem(
                        path: [.key("platform")],
                        message: "\(key) runs \(known.platform.title) by forges[\(known.index)]",
                        help: "one server is one platform")
                ]
            }
            servers[key] = servers[key] ?? (entry.platform, entry.address.root, index)
            var problems: [ForgeEntry.Problem] = []
            for (word, names) in [("accounts", entry.accounts), ("repositories", entry.repositories)] {
                for (position, name) in names.enumerated() {
                    let place = "\(key)/\(name)".lowercased()
                    let first =
                        word == "accounts"
                        ? accounts.updateValue(index, forKey: place) : repositories.updateValue(index, forKey: place)
                    guard let first else { continue }
                    problems.append(
                        ForgeEntry.Problem(
                            path: [.key(word), .index(position)],
                            message: "\"\(name)\" of \(key) is tracked by forges[\(first)] already",
                            help: "drop one of them"))
                }
            }
            return problems
        }
    }
}

extension ForgeEntry.Problem {
    /// The problem as the manifest's check tells it, for the entry at `index`.
    fileprivate func at(_ index: Int) -> ParameterProblem {
        ParameterProblem(at: [.key("forges"), .index(index)] + path, message, help: help)
    }
}
