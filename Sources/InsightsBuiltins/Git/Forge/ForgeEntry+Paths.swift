internal import InsightsPlugin

extension ForgeEntry {
    /// The account that a repository counts to, as written.
    ///
    /// On GitLab that is the tracked group that holds it, however deep; where none does, the first folder of its path.
    func account(ofPath path: String) -> String {
        let folders = path.split(separator: "/").dropLast()
        guard platform.hasNestedAccounts else { return folders.joined(separator: "/") }
        let lower = path.lowercased()
        let holders = accounts.filter { lower.hasPrefix($0.lowercased() + "/") }
        return holders.max { $0.utf8.count < $1.utf8.count } ?? folders.first.map(String.init) ?? path
    }

    /// The forge's subject.
    var platformSubject: Subject {
        Subject(kind: "platform", key: address.key, name: address.key, url: address.root)
    }

    /// An account's subject.
    func accountSubject(_ path: String, id: String?) -> Subject {
        Subject(
            kind: "account", key: "\(address.key)/\(path)".lowercased(), externalID: id, name: path,
            url: "\(address.root)/\(path)", parent: platformSubject.reference)
    }

    /// What names a repository of this path.
    func reference(ofPath path: String) -> SubjectReference {
        SubjectReference(kind: "repository", key: "\(address.key)/\(path)".lowercased())
    }

    /// A repository, preceded by what it belongs to.
    func subjects(of repository: ForgeRepository) -> [Subject] {
        let path = account(ofPath: repository.path)
        let isOwn = path.lowercased() == repository.owner.path.lowercased()
        let account = accountSubject(isOwn ? repository.owner.path : path, id: isOwn ? repository.owner.id : nil)
        let state: SubjectState? = repository.isArchived.map { $0 ? .archived : .active }
        return [
            platformSubject, account,
            Subject(
                kind: "repository", key: reference(ofPath: repository.path).key, externalID: repository.id,
                name: withoutToken(repository.name), url: repository.url.map(withoutToken), parent: account.reference,
                state: state),
        ]
    }

    /// Reads a repository of an answer; `nil` when it lacks its identity or its path, or cannot be a subject: its key is
    /// too long, has a control character or a form of the token in it, and would fail the whole run or tell the token.
    func repository(_ answer: Value) -> ForgeRepository? {
        guard let repository = ForgeRepository(answer, platform), admits(path: repository.path, id: repository.id)
        else { return nil }
        return repository
    }

    /// Whether the path of a repository or an account that an answer told can be a subject's key, and neither it nor the
    /// identity has a form of the token in it.
    func admits(path: String, id: String?) -> Bool {
        let key = reference(ofPath: path).key
        return key.utf8.count <= 512 && key == key.lowercased()
            && !key.unicodeScalars.contains { $0.properties.generalCategory == .control }
            && ![key, path, id ?? ""].contains(where: secrets.occur)
    }

    /// Text from outside without the token, should the forge or a visitor's link have it in there.
    func withoutToken(_ text: String) -> String { secrets.replaced(in: text) }

    /// A failure whose words may hold something from outside.
    func withoutToken(_ failure: RunFailure) -> RunFailure {
        var failure = failure
        failure.message = withoutToken(failure.message)
        return failure
    }

    /// What tells this entry from others of its server, which track other accounts and repositories: nothing is named by
    /// two entries.
    var mark: String {
        let names = accounts.map { "account \($0)" } + repositories.map { "repository \($0)" }
        return StableHash.of(names.joined(separator: "\n").lowercased().utf8)
    }
}
