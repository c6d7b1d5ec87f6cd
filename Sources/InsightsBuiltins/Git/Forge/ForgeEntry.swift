internal import InsightsPlugin

/// One entry under `forges:`: a server, who asks it, and what is tracked there.
struct ForgeEntry: Hashable, Sendable {
    /// What is wrong with an entry, and where in it.
    struct Problem: Error, Hashable {
        var path: [ParameterProblem.Step] = []
        var message: String
        var help: String?
    }

    let platform: ForgePlatform
    let address: ForgeAddress
    /// Who asks; `nil` asks as anybody may. Never part of a message.
    let token: String?
    /// What of the token a forge may send back.
    let secrets: SecretForms
    /// Organisations, users and groups, as written, each once.
    private(set) var accounts: [String]
    /// Single repositories, `owner/name` as written, each once.
    let repositories: [String]
    let include: [Glob]
    let exclude: [Glob]
    let forks: Bool
    let archived: Bool
    /// Requests at once.
    let concurrency: Int
    /// Most requests a minute; `nil` where nothing paces them.
    let requestsPerMinute: Int?

    /// Reads an entry that fits the schema.
    init(_ entry: Value) throws(Problem) {
        guard let platform = ForgePlatform(rawValue: entry["platform"]?.string ?? "") else {
            throw Problem(path: [.key("platform")], message: "the platform is none that is known")
        }
        self.platform = platform
        address = try ForgeEntry.address(entry["base_url"]?.string, platform)
        let token = try ForgeEntry.token(entry["token"]?.string)
        self.token = token
        // A shorter one is none, and stands in other words by chance.
        secrets = SecretForms([token].compactMap { $0 }.filter { $0.utf8.count >= 6 })
        accounts = try ForgeEntry.texts(entry, "accounts") { ForgeEntry.problem(withAccount: $0, platform) }
        repositories = try ForgeEntry.texts(entry, "repositories") { ForgeEntry.problem(withRepository: $0, platform) }
        guard !accounts.isEmpty || !repositories.isEmpty else {
            throw Problem(
                message: "a forge needs \"accounts\" or \"repositories\"",
                help: "accounts: [apple] tracks all of an organisation, repositories: [apple/swift-nio] one of it")
        }
        include = try ForgeEntry.globs(entry, "include")
        exclude = try ForgeEntry.globs(entry, "exclude")
        forks = entry["forks"]?.bool ?? false
        archived = entry["archived"]?.bool ?? true
        concurrency = entry["concurrency"]?.integer.map(Int.init) ?? 8
        requestsPerMinute =
            entry["requests_per_minute"]?.integer.map(Int.init)
            ?? (platform == .github && address.isGitHubItself ? 900 : nil)
    }

    /// Whether a repository that an account's list told of is tracked.
    ///
    /// - Parameter name: Its own name, without its account.
    func tracks(name: String, isFork: Bool, isArchived: Bool) -> Bool {
        if isFork, !forks { return false }
        if isArchived, !archived { return false }
        if !include.isEmpty, !include.contains(where: { $0.matches(name) }) { return false }
        return !exclude.contains { $0.matches(name) }
    }

    /// The same, with accounts under the names that they have now.
    ///
    /// - Parameter names: By the manifest's name in lower case.
    func calling(_ names: [String: String]) -> ForgeEntry {
        var entry = self
        entry.accounts = accounts.map { names[$0.lowercased()] ?? $0 }
        return entry
    }

    private static func address(_ text: String?, _ platform: ForgePlatform) throws(Problem) -> ForgeAddress {
        guard let text = text ?? platform.usualServer else {
            throw Problem(
                message: "\(platform.title) needs \"base_url\"",
                help: "the server's root as a person opens it, e.g. https://codeberg.org")
        }
        do { return try ForgeAddress(text) } catch {
            throw Problem(path: [.key("base_url")], message: error.message, help: error.help)
        }
    }

    /// An empty token is none, so that `${GITHUB_TOKEN:-}` may stand where a token is not needed.
    private static func token(_ text: String?) throws(Problem) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(
                path: [.key("token")], message: "a token has no blank, line end or letter beyond ASCII in it",
                help: "copy it again, without what stands around it")
        }
        return text
    }

    private static func texts(
        _ entry: Value, _ key: String, problem: (String) -> (message: String, help: String?)?
    ) throws(Problem) -> [String] {
        var seen: [String: Int] = [:]
        var texts: [String] = []
        for (index, item) in (entry[key]?.array ?? []).enumerated() {
            let text = item.string ?? ""
            let path: [ParameterProblem.Step] = [.key(key), .index(index)]
            if let problem = problem(text) { throw Problem(path: path, message: problem.message, help: problem.help) }
            if let first = seen.updateValue(index, forKey: text.lowercased()) {
                throw Problem(path: path, message: "\"\(text)\" is \(key)[\(first)] already", help: "drop one of them")
            }
            texts.append(text)
        }
        return texts
    }

    private static func globs(_ entry: Value, _ key: String) throws(Problem) -> [Glob] {
        var globs: [Glob] = []
        for (index, item) in (entry[key]?.array ?? []).enumerated() {
            guard let glob = Glob(item.string ?? "") else {
                throw Problem(
                    path: [.key(key), .index(index)], message: "the glob cannot be read",
                    help: "* is any run of characters, ? one, [a-c] one of those")
            }
            globs.append(glob)
        }
        return globs
    }

    private static func problem(
        withAccount text: String, _ platform: ForgePlatform
    ) -> (message: String, help: String?)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.allSatisfy(isName), parts.count == 1 || platform.hasNestedAccounts { return nil }
        if text.contains("://") {
            return ("an account is a name, not a URL", "the server goes under \"base_url\"")
        }
        if parts.count == 2, parts.allSatisfy(isName) {
            return ("\"\(text)\" is a repository, not an account", "put it under \"repositories\"")
        }
        return ("\"\(text)\" cannot be an account's name", nil)
    }

    private static func problem(
        withRepository text: String, _ platform: ForgePlatform
    ) -> (message: String, help: String?)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.allSatisfy(isName), parts.count == 2 || parts.count > 2 && platform.hasNestedAccounts { return nil }
        if parts.count == 1, isName(parts[0]) {
            return ("\"\(text)\" names no account", "write owner/name; all of an account go under \"accounts\"")
        }
        return ("\"\(text)\" is not owner/name", nil)
    }

    /// What the forges let be a name: nothing that could climb out of a path or needs to be encoded in one.
    private static func isName(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 255, text != ".", text != ".." else { return false }
        return text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2D, 0x2E, 0x5F, 0x2B].contains($0)
        }
    }
}
