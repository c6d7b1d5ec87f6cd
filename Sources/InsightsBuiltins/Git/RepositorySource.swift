internal import InsightsPlugin

/// One entry under `repositories:`.
struct RepositorySource: Sendable {
    /// Where the history is.
    enum Place: Sendable {
        /// A folder of this machine, absolute.
        case folder(String)
        /// Something to clone.
        case remote(RemoteAddress)

        /// As the manifest has it, but for a credential.
        var text: String {
            switch self {
            case .folder(let path): path
            case .remote(let address): address.cleanURL
            }
        }
    }

    let place: Place
    /// The subject's key, if the manifest names it.
    let key: String?
    /// The subject's name, if the manifest names it.
    let name: String?
    /// The branch to read, if the manifest names it; without `refs/heads/`.
    let branch: String?

    /// Reads one entry.
    ///
    /// - Throws: ``ParameterProblem`` with a path from the entry.
    init(_ entry: Value) throws(EntryProblem) {
        switch (entry["path"]?.string, entry["url"]?.string) {
        case (let path?, nil): place = .folder(path)
        case (nil, let url?):
            do { place = .remote(try RemoteAddress(url)) } catch {
                throw EntryProblem(key: "url", message: error.message)
            }
        case (nil, nil):
            throw EntryProblem(
                message: "a repository needs \"path\" or \"url\"", help: "path: . is the manifest's folder")
        case (_?, _?):
            throw EntryProblem(key: "url", message: "a repository has either \"path\" or \"url\", not both")
        }
        key = entry["key"]?.string
        name = entry["name"]?.string
        branch = entry["branch"]?.string
        if let key, let problem = RepositorySource.problem(withKey: key) {
            throw EntryProblem(key: "key", message: problem)
        }
        if key == nil, let derived = knownKey, let problem = RepositorySource.problem(withDerivedKey: derived) {
            throw EntryProblem(key: "url", message: "the URL gives no key: \(problem)", help: "set \"key\"")
        }
        if let branch, !RepositorySource.isBranchName(branch) {
            throw EntryProblem(key: "branch", message: "\"\(branch)\" cannot be a branch's name")
        }
    }

    /// What the entry is called before its key is known.
    var label: String {
        switch place {
        case .folder(let path): key ?? path
        case .remote(let address): key ?? address.key ?? address.cleanURL
        }
    }

    /// The key, as far as it follows from the manifest alone.
    var knownKey: String? {
        if let key { return key }
        return if case .remote(let address) = place { address.key } else { nil }
    }

    private static func problem(withKey key: String) -> String? {
        if key.unicodeScalars.contains(" ") { return "a key holds no blank" }
        return problem(withDerivedKey: key)
    }

    /// Why a key that a folder's name or a URL gives cannot be one, or `nil`. Blanks are let through, as folders have
    /// them; "#" is the mark of a key that was given up.
    static func problem(withDerivedKey key: String) -> String? {
        if key.isEmpty || key.utf8.count > 256 { return "a key has 1 to 256 bytes" }
        if key != key.lowercased() { return "a key is in lower case: \"\(key.lowercased())\"" }
        let isPlain = key.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "#" }
        return isPlain ? nil : "a key holds no control character and no \"#\""
    }

    /// What `git check-ref-format --branch` lets through, and nothing that could be an option or an expression.
    private static func isBranchName(_ name: String) -> Bool {
        let forbidden: Set<Unicode.Scalar> = ["~", "^", ":", "?", "*", "[", "\\"]
        let isPlain = name.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F && !forbidden.contains($0) }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return isPlain && !name.hasPrefix("-") && !name.contains("..") && !name.contains("@{") && !name.hasSuffix(".")
            && parts.allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".lock") }
    }
}

/// What is wrong with an entry, and under which of its keys.
struct EntryProblem: Error, Hashable {
    var key: String?
    var message: String
    var help: String?

    /// The problem as the manifest's check tells it, for the entry at `index`.
    func at(_ index: Int) -> ParameterProblem {
        let steps: [ParameterProblem.Step] = [.key("repositories"), .index(index)]
        return ParameterProblem(at: steps + (key.map { [.key($0)] } ?? []), message, help: help)
    }
}
