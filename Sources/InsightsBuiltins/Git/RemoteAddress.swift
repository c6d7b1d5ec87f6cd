/// Where a repository is cloned from: what git calls a URL, taken apart.
struct RemoteAddress: Hashable, Sendable {
    /// How git talks to it.
    enum Scheme: String, Sendable {
        case https, http, ssh, git, file

        /// The port that a key does not name.
        var usualPort: Int? {
            switch self {
            case .https: 443
            case .http: 80
            case .ssh: 22
            case .git: 9418
            case .file: nil
            }
        }
    }

    /// Why a text is no address that insights clones from.
    struct Problem: Error, Hashable {
        let message: String
    }

    let scheme: Scheme
    /// `nil` or, of an ssh address, who logs in. Of other schemes it is part of ``credential``.
    let user: String?
    /// `user:password` as given, still percent-encoded: never shown, and never an argument of a program.
    let credential: String?
    /// In lower case; empty for `file`.
    let host: String
    /// `nil` for the usual one.
    let port: Int?
    /// Without a leading `/`, but for `file` and for ssh's `host:/absolute`.
    let path: String
    /// `host:path` as scp(1) has it, which means another path than `ssh://host/path`.
    let isSCPLike: Bool

    /// Reads an address.
    ///
    /// Accepted are `https`, `http` to this machine, `ssh`, `git` and `file`, and scp's `user@host:path`.
    /// Refused is what git would take for an option or run as a program (`ext::`, a host that begins with `-`).
    init(_ text: String) throws(Problem) {
        guard !text.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F }) else {
            throw Problem(message: "a URL holds no blank and no control character")
        }
        guard !text.isEmpty, !text.hasPrefix("-") else { throw Problem(message: "a URL does not begin with \"-\"") }
        if let separator = text.firstRange(of: "://") {
            try self.init(scheme: String(text[..<separator.lowerBound]), rest: text[separator.upperBound...])
        } else if text.contains("::") {
            throw Problem(message: "git's remote helpers (\"x::…\") are not offered: they can run programs")
        } else {
            try self.init(scpLike: text)
        }
    }

    private init(scheme word: String, rest: Substring) throws(Problem) {
        guard let scheme = Scheme(rawValue: word.lowercased()) else {
            throw Problem(message: "the scheme \"\(word)\" is none of https, ssh, git, file")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        let path = RemoteAddress.trimmed(rest[slash...])
        var credential: String?
        if let at = authority.lastIndex(of: "@") {
            credential = String(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        let (host, port) = try RemoteAddress.hostAndPort(authority)
        self.scheme = scheme
        self.user = scheme == .ssh ? credential?.split(separator: ":").first.map(String.init) : nil
        self.credential = scheme == .ssh ? nil : credential
        self.host = host == "localhost" && scheme == .file ? "" : host
        self.port = port == scheme.usualPort ? nil : port
        self.path = scheme == .file ? "/" + path : path
        isSCPLike = false
        try check()
    }

    private init(scpLike text: String) throws(Problem) {
        let colon = text.firstIndex(of: ":")
        guard let colon, !text[..<colon].contains("/") else {
            throw Problem(message: "it is no URL; name a folder of this machine by \"path\"")
        }
        var host = text[..<colon]
        var user: String?
        if let at = host.lastIndex(of: "@") {
            user = String(host[..<at])
            host = host[host.index(after: at)...]
        }
        let path = text[text.index(after: colon)...]
        scheme = .ssh
        self.user = user
        credential = nil
        (self.host, port) = (host.lowercased(), nil)
        self.path = (path.hasPrefix("/") ? "/" : "") + RemoteAddress.trimmed(path)
        isSCPLike = true
        try check()
    }

    private func check() throws(Problem) {
        guard path.contains(where: { $0 != "/" }) else { throw Problem(message: "the URL names no repository") }
        if scheme == .file {
            guard host.isEmpty else { throw Problem(message: "a file URL names no host: file:///srv/git/x.git") }
            return
        }
        let isName = host.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0)
                || [0x2D, 0x2E, 0x5F, 0x3A, 0x5B, 0x5D].contains($0)
        }
        guard !host.isEmpty, !host.hasPrefix("-"), isName else { throw Problem(message: "the URL has no proper host") }
        if let user, user.hasPrefix("-") { throw Problem(message: "the user of a URL does not begin with \"-\"") }
        if scheme == .http, !["localhost", "127.0.0.1", "[::1]"].contains(host) {
            throw Problem(message: "plain http is for this machine only; use https")
        }
    }

    /// What is given to git: without any credential but ssh's user.
    var cleanURL: String {
        let login = user.map { $0 + "@" } ?? ""
        if isSCPLike { return "\(login)\(host):\(path)" }
        if scheme == .file { return "file://\(path)" }
        return "\(scheme.rawValue)://\(login)\(host)\(port.map { ":\($0)" } ?? "")/\(path)"
    }

    /// `user:password` as HTTP's basic authentication has it; `nil` without one, and for ssh and git.
    var basicCredential: [UInt8]? {
        guard let credential, scheme == .https || scheme == .http else { return nil }
        // A colon that was encoded is part of the user or the password, so it is looked for before.
        return RemoteAddress.percentDecoded(credential.contains(":") ? credential : credential + ":")
    }

    private static func percentDecoded(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let digits = bytes[index...].dropFirst().prefix(2)
            if bytes[index] == UInt8(ascii: "%"), digits.count == 2,
                let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                decoded.append(byte)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return decoded
    }

    /// The key of the repository, e.g. `github.com/apple/swift-nio`; `nil` for one without a host.
    var key: String? {
        guard !host.isEmpty else { return nil }
        let place = port.map { "\(host):\($0)" } ?? host
        return place + "/" + repositoryPath.lowercased()
    }

    /// Where a person can look at it; `nil` for one without a host.
    var webURL: String? {
        guard !host.isEmpty else { return nil }
        // The port of ssh or git is not that of the web pages.
        let isWeb = scheme == .https || scheme == .http
        let place = isWeb ? port.map { "\(host):\($0)" } ?? host : host
        return "\(scheme == .http ? "http" : "https")://\(place)/\(repositoryPath)"
    }

    /// The repository's name, as written.
    var name: String { repositoryPath.split(separator: "/").last.map(String.init) ?? repositoryPath }

    /// The path without the slashes around it and without `.git`.
    private var repositoryPath: String {
        let bare = RemoteAddress.trimmed(path[...])
        return bare.hasSuffix(".git") && bare.count > 4 ? String(bare.dropLast(4)) : bare
    }

    private static func hostAndPort(_ text: Substring) throws(Problem) -> (host: String, port: Int?) {
        let end = text.hasPrefix("[") ? text.firstIndex(of: "]") ?? text.startIndex : text.startIndex
        guard let colon = text[end...].lastIndex(of: ":") else { return (text.lowercased(), nil) }
        let digits = text[text.index(after: colon)...]
        if digits.isEmpty { return (text[..<colon].lowercased(), nil) }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
            (1...65_535).contains(port)
        else { throw Problem(message: "the port of the URL is none") }
        return (text[..<colon].lowercased(), port)
    }

    /// Without leading, trailing and doubled slashes.
    private static func trimmed(_ path: Substring) -> String {
        path.split(separator: "/").joined(separator: "/")
    }
}
