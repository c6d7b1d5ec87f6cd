internal import InsightsPlugin

/// Finds out what an account is called now, by the forge's own number of it.
struct AccountTrail: Sendable {
    /// Where no account can be asked for by its number, so many of its repositories are: some may have moved on.
    static let repositoryLimit = 3

    let client: ForgeClient

    private var entry: ForgeEntry { client.entry }

    /// The account's path.
    ///
    /// - Parameters:
    ///   - id: As ``ForgeOwner/id``.
    ///   - repositories: The numbers of repositories that it had.
    /// - Returns: `nil` when the forge has no such account any more, or does not tell.
    /// - Throws: ``RunFailure`` of the client; `CancellationError`.
    /// - SeeAlso: docs.github.com/rest/users ("Get a user using their ID", of organisations too);
    ///   docs.gitlab.com/api/groups, docs.gitlab.com/api/users.
    func path(of id: String, through repositories: [String]) async throws -> String? {
        switch entry.platform {
        case .github: return try await path(["user", id], id, name: "login")
        case .gitlab:
            if let user = ForgeOwner.gitLabUserNumber(id) {
                return try await path(["users", user], user, name: "username")
            }
            return try await path(["groups", id], id, name: "full_path")
        case .forgejo, .gitea:
            for repository in repositories.prefix(AccountTrail.repositoryLimit) {
                let answer = try await client.get(["repositories", repository])
                guard answer.status == 200, let owner = try answer.object()["owner"] else { continue }
                if owner["id"]?.identifier == id { return AccountTrail.name(owner["login"]) }
            }
            return nil
        }
    }

    private func path(_ segments: [String], _ id: String, name: String) async throws -> String? {
        let answer = try await client.get(segments)
        guard answer.status == 200 else { return nil }
        let account = try answer.object()
        return account["id"]?.identifier == id ? AccountTrail.name(account[name]) : nil
    }

    /// What can stand in a key and in a request's path.
    static func name(_ value: Value?) -> String? {
        guard let name = value?.filledText, name.utf8.count <= 255,
            name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty && $0 != ".." }),
            name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && $0 != "#" })
        else { return nil }
        return name
    }
}
