internal import InsightsPlugin

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

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

    /// Text from outside without the token, should the forge or a visitor's link have it in there.
    func withoutToken(_ text: String) -> String {
        guard let token, token.utf8.count >= 6 else { return text }
        let base64 = Data(token.utf8).base64EncodedString()
        let hex = token.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let percent = token.utf8.map { byte in
            byte.isUnreserved ? String(Unicode.Scalar(byte)) : "%" + String(byte, radix: 16, uppercase: true)
        }.joined()
        return [token, base64, base64.filter { $0 != "=" }, hex, hex.uppercased(), percent].reduce(text) {
            $0.contains($1) ? $0.replacing($1, with: "***") : $0
        }
    }
}

extension UInt8 {
    /// RFC 3986, 2.3.
    fileprivate var isUnreserved: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
            || [0x2D, 0x2E, 0x5F, 0x7E].contains(self)
    }
}
