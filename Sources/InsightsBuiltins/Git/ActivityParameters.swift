internal import InsightsPlugin

/// What stands under `with:` of a `git.activity`.
struct ActivityParameters: Sendable {
    /// Which commits of a repository count.
    enum Branches: String, Sendable {
        /// Those of the branch that HEAD names.
        case head = "default"
        /// Those of every branch.
        case all
    }

    static let schema: [Parameter] = [
        Parameter(
            "repositories", .array(of: Parameter("", .object(entry), summary: "One repository."), minItems: 1),
            required: true, summary: "The repositories to read: each a folder (path) or something to clone (url)."),
        Parameter(
            "branches", .enumeration(["default", "all"]), default: "default",
            summary: "default: what HEAD names; all: every branch."),
        Parameter(
            "cache", .string(minLength: 1, format: .path),
            summary: "Where clones are kept; default: $XDG_CACHE_HOME/insights, else ~/.cache/insights."),
        Parameter(
            "timeout", .string(minLength: 1, format: .duration), default: "1800",
            summary: "How long one clone or fetch may take."),
    ]

    private static let entry: [Parameter] = [
        Parameter(
            "path", .string(minLength: 1, format: .path),
            summary: "The folder of a repository, with a working tree or bare; it is only read."),
        Parameter(
            "url", .string(minLength: 1, maxLength: 2048), examples: ["https://github.com/apple/swift-log"],
            summary: "What to clone and, from then on, fetch: https, ssh, git or file; a password in it is never shown."
        ),
        Parameter(
            "key", .string(minLength: 1, maxLength: 256),
            summary: "The subject's key; default: host and path of the URL or of the remote origin, else local/FOLDER."),
        Parameter(
            "name", .string(minLength: 1, maxLength: 256), summary: "The subject's name; default: the repository's."),
        Parameter(
            "branch", .string(minLength: 1, maxLength: 256), summary: "The one branch to read, whatever branches says."),
    ]

    let repositories: [RepositorySource]
    let branches: Branches
    let cache: String?
    let networkTimeout: Duration

    /// Reads parameters that fit the schema.
    ///
    /// - Throws: ``RunFailure`` `parameter` for what ``problems(in:)`` would have found.
    init(_ parameters: Value) throws(RunFailure) {
        var repositories: [RepositorySource] = []
        for entry in parameters["repositories"]?.array ?? [] {
            do { repositories.append(try RepositorySource(entry)) } catch {
                throw RunFailure("parameter", error.message, retryable: false)
            }
        }
        self.repositories = repositories
        branches = Branches(rawValue: parameters["branches"]?.string ?? "") ?? .head
        cache = parameters["cache"]?.string
        // The host gives seconds, whatever the manifest wrote.
        networkTimeout = .seconds(parameters["timeout"]?.string.flatMap(Double.init) ?? 1800)
    }

    /// What is wrong beyond the schema, each at the entry (for two equal ones the second) that is to change.
    static func problems(in parameters: Value) -> [ParameterProblem] {
        var problems: [ParameterProblem] = []
        var places: [String: Int] = [:]
        var keys: [String: Int] = [:]
        for (index, entry) in (parameters["repositories"]?.array ?? []).enumerated() {
            do {
                let source = try RepositorySource(entry)
                if let problem = duplicate(source, index, &places, &keys) { problems.append(problem.at(index)) }
            } catch {
                problems.append(error.at(index))
            }
        }
        return problems
    }

    private static func duplicate(
        _ source: RepositorySource, _ index: Int, _ places: inout [String: Int], _ keys: inout [String: Int]
    ) -> EntryProblem? {
        let help = "give one of them another \"key\", or drop it"
        let (word, place) =
            switch source.place {
            case .folder(let path): ("path", normalized(path))
            case .remote(let address): ("url", address.cleanURL)
            }
        // One folder may be read twice, under two keys, for two branches.
        if source.key == nil, let first = places.updateValue(index, forKey: place) {
            return EntryProblem(key: word, message: "the \(word) is that of repositories[\(first)]", help: help)
        }
        if let key = source.knownKey, let first = keys.updateValue(index, forKey: key) {
            let word = source.key == nil ? word : "key"
            return EntryProblem(key: word, message: "the key \"\(key)\" is that of repositories[\(first)]", help: help)
        }
        return nil
    }

    /// Without `.`, `..` and doubled slashes, as far as that can be told without looking.
    private static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}
