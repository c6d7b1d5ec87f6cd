/// Where a forge is: the root of its web pages, as a person opens it.
struct ForgeAddress: Hashable, Sendable {
    /// Why a text is no such root.
    struct Problem: Error, Hashable {
        let message: String
        var help: String?
    }

    /// `https`, or `http` on this machine.
    let scheme: String
    /// In lower case; an IPv6 address in brackets.
    let host: String
    /// `nil` for the scheme's usual one.
    let port: Int?
    /// The folder that the forge is served under: empty, or `/gitlab`.
    let path: String

    /// Reads a root.
    ///
    /// - Throws: ``Problem`` for what is no URL, has a credential, a query or an API's path in it, or would send a
    ///   token over a network in clear.
    init(_ text: String) throws(Problem) {
        guard !text.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value >= 0x7F }) else {
            throw Problem(message: "a URL holds no blank and only ASCII")
        }
        guard let separator = text.firstRange(of: "://") else {
            throw Problem(message: "the URL has no scheme", help: "write it as https://git.example.org")
        }
        scheme = text[..<separator.lowerBound].lowercased()
        guard scheme == "https" || scheme == "http" else {
            throw Problem(message: "a forge is spoken to by https", help: "write it as https://git.example.org")
        }
        let rest = text[separator.upperBound...]
        guard !rest.contains(where: { $0 == "?" || $0 == "#" || $0 == "\\" }) else {
            throw Problem(message: "the URL is the server's root: it has no query and no fragment")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        guard !authority.contains("@") else {
            throw Problem(message: "the URL has a credential in it", help: "put it under \"token\"")
        }
        (host, port) = try ForgeAddress.hostAndPort(authority, usual: scheme == "https" ? 443 : 80)
        path = rest[slash...].split(separator: "/").map { "/" + $0 }.joined()
        try check()
    }

    private func check() throws(Problem) {
        if scheme == "http", !isThisMachine {
            throw Problem(
                message: "plain http is for this machine only: a token would be readable on the way", help: "use https")
        }
        let isAPI = host == "api.github.com" || path.hasSuffix("/api/v3") || path.hasSuffix("/api/v4")
        if isAPI || path.hasSuffix("/api/v1") || path.hasSuffix("/api") {
            throw Problem(
                message: "the URL is that of an API", help: "name the server's root, as a person opens it")
        }
        guard !path.contains("/."), !path.contains("%") else {
            throw Problem(message: "the URL's path cannot be used as it is")
        }
    }

    private static func hostAndPort(_ text: Substring, usual: Int) throws(Problem) -> (host: String, port: Int?) {
        var host = text[...]
        var port: Int?
        let end = text.hasPrefix("[") ? text.firstIndex(of: "]") ?? text.startIndex : text.startIndex
        if let colon = text[end...].lastIndex(of: ":") {
            let digits = text[text.index(after: colon)...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
                (1...65_535).contains(number)
            else { throw Problem(message: "the port of the URL is none") }
            port = number == usual ? nil : number
            host = text[..<colon]
        }
        let name = host.lowercased()
        let isLiteral = name.hasPrefix("[") && name.hasSuffix("]") && name.utf8.count > 2
        let inner = isLiteral ? name.dropFirst().dropLast() : name[...]
        let isPlain = inner.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: ".")
                || (isLiteral ? $0 == UInt8(ascii: ":") : $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_"))
        }
        guard !inner.isEmpty, isPlain, !inner.hasPrefix("-"), !inner.hasPrefix(".") else {
            throw Problem(message: "the URL has no proper host")
        }
        return (name, port)
    }

    /// Whether nothing sent there leaves this machine.
    private var isThisMachine: Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The key of the forge's subject: the host, and the port if it is not the usual one.
    var key: String { port.map { "\(host):\($0)" } ?? host }

    /// The root, without a slash at its end.
    var root: String { "\(scheme)://\(key)\(path)" }

    /// The API's root, without a slash at its end.
    ///
    /// - SeeAlso: docs.github.com/enterprise-server/rest (`/api/v3`); docs.github.com/enterprise-cloud, "Data
    ///   residency" (`api.SUBDOMAIN.ghe.com`); docs.gitlab.com/api/rest (`/api/v4`); Forgejo's and Gitea's `/api/v1`.
    func api(of platform: ForgePlatform) -> String {
        switch platform {
        case .github: isGitHubCloud ? "\(scheme)://api.\(key)" : root + "/api/v3"
        case .gitlab: root + "/api/v4"
        case .forgejo, .gitea: root + "/api/v1"
        }
    }

    /// Where GitHub answers GraphQL.
    var graphQL: String { isGitHubCloud ? "\(scheme)://api.\(key)/graphql" : root + "/api/graphql" }

    /// Whether GitHub itself runs it, which gives the API a host of its own.
    private var isGitHubCloud: Bool { path.isEmpty && (host == "github.com" || host.hasSuffix(".ghe.com")) }

    /// Whether this is github.com, whose limits are known.
    var isGitHubItself: Bool { host == "github.com" }
}
