internal import InsightsPlugin

/// Under which subject a repository's samples go.
struct RepositoryIdentity: Hashable, Sendable {
    /// `github.com/apple/swift-nio`, or `local/` and a folder's name.
    let key: String
    /// For people.
    let name: String
    /// Where a person can look at it.
    let url: String?
    /// Whether the key begins with a host, so that it has an account and a platform above it.
    private let hasHost: Bool

    /// Works out the identity: the manifest's key, else the remote's host and path, else the folder's name.
    ///
    /// - Parameters:
    ///   - source: The manifest's entry.
    ///   - origin: For a folder, the URL of its remote `origin`, whatever that is.
    init(_ source: RepositorySource, origin: String?) {
        let address: RemoteAddress?
        let folder: String
        switch source.place {
        case .remote(let remote): (address, folder) = (remote, remote.name)
        case .folder(let path):
            // An origin that is none of ours, such as another folder, is no failure: it only gives no key.
            address = origin.flatMap { try? RemoteAddress($0) }  // nil is the answer wanted here
            folder = RepositoryIdentity.folderName(path)
        }
        let derived = address?.key
        key = source.key ?? derived ?? "local/" + folder.lowercased()
        name = source.name ?? (derived == nil ? folder : address?.name ?? folder)
        url = address?.webURL
        let first = key.prefix { $0 != "/" }
        hasHost = source.key == nil ? derived != nil : first.contains(".") || first.contains(":")
    }

    /// The subject that the samples name.
    var reference: SubjectReference { SubjectReference(kind: "repository", key: key) }

    /// The repository, preceded by what it belongs to: its platform (the host) and its account (the first
    /// folder of the path; what lies between, such as a subgroup, counts to it).
    var subjects: [Subject] {
        var subjects: [Subject] = []
        var parent: SubjectReference?
        let parts = key.split(separator: "/")
        if hasHost, parts.count >= 2 {
            let platform = Subject(kind: "platform", key: String(parts[0]), name: String(parts[0]))
            subjects.append(platform)
            parent = platform.reference
            if parts.count >= 3 {
                let account = Subject(
                    kind: "account", key: "\(parts[0])/\(parts[1])", name: String(parts[1]), parent: parent)
                subjects.append(account)
                parent = account.reference
            }
        }
        subjects.append(Subject(kind: "repository", key: key, name: name, url: url, parent: parent))
        return subjects
    }

    /// The last proper part of a path, without `.git`.
    private static func folderName(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        if parts.last == ".git" { parts.removeLast() }
        let name = repairedText((parts.last ?? "root").utf8)
        return name.hasSuffix(".git") && name.count > 4 ? String(name.dropLast(4)) : name
    }
}
