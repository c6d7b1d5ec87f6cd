import Testing

@testable import InsightsBuiltins

@Suite("What a clone URL means")
struct RemoteAddressTests {
    static let accepted: [(text: String, clean: String, key: String?, web: String?, name: String)] = [
        (
            "https://github.com/Apple/Swift-NIO.git", "https://github.com/Apple/Swift-NIO.git",
            "github.com/apple/swift-nio", "https://github.com/Apple/Swift-NIO", "Swift-NIO"
        ),
        ("HTTPS://GitHub.com:443//o/n/", "https://github.com/o/n", "github.com/o/n", "https://github.com/o/n", "n"),
        (
            "https://u:p%40ss@git.example.org:8443/a/b/c.git", "https://git.example.org:8443/a/b/c.git",
            "git.example.org:8443/a/b/c", "https://git.example.org:8443/a/b/c", "c"
        ),
        (
            "http://127.0.0.1:3000/o/n", "http://127.0.0.1:3000/o/n", "127.0.0.1:3000/o/n", "http://127.0.0.1:3000/o/n",
            "n"
        ),
        ("ssh://git@host:22/o/n", "ssh://git@host/o/n", "host/o/n", "https://host/o/n", "n"),
        ("ssh://git:pw@host:2222/o/n", "ssh://git@host:2222/o/n", "host:2222/o/n", "https://host/o/n", "n"),
        ("git@GitHub.com:o/N.git", "git@github.com:o/N.git", "github.com/o/n", "https://github.com/o/N", "N"),
        ("host:/srv/git/n.git", "host:/srv/git/n.git", "host/srv/git/n", "https://host/srv/git/n", "n"),
        ("git://host/o/n", "git://host/o/n", "host/o/n", "https://host/o/n", "n"),
        ("https://[::1]:8080/o/n", "https://[::1]:8080/o/n", "[::1]:8080/o/n", "https://[::1]:8080/o/n", "n"),
        ("file:///srv/git/Project.git", "file:///srv/git/Project.git", nil, nil, "Project"),
        ("file://localhost/x", "file:///x", nil, nil, "x"),
        ("https://host/.git", "https://host/.git", "host/.git", "https://host/.git", ".git"),
    ]

    @Test("What git can clone from, with its key", arguments: accepted)
    func accept(text: String, clean: String, key: String?, web: String?, name: String) throws {
        let address = try RemoteAddress(text)
        #expect(address.cleanURL == clean)
        #expect(address.key == key)
        #expect(address.webURL == web)
        #expect(address.name == name)
    }

    @Test(
        "What is no URL, or could be an option or run a program, is refused",
        arguments: [
            "", "-uhttps://x/y", "--upload-pack=touch /x", "ext::sh -c touch% /x", "fd::17", "https://", "https:///o/n",
            "https://host", "https://host/", "https://-oProxyCommand=x/o/n", "ssh://-oProxyCommand=x/o/n",
            "-x@host:o/n",
            "ssh://-x@host/o/n", "-host:o/n", "http://example.org/o/n", "ftp://host/o/n", "javascript://x/y",
            "/srv/git/x",
            "./x", "host", "https://host:0/o/n", "https://host:99999/o/n", "https://host:a/o/n", "https://ho st/o/n",
            "https://host/o\n/n", "https://h$(x)/o/n", "file://otherhost/x", "file:///",
        ])
    func refuse(text: String) {
        #expect(throws: RemoteAddress.Problem.self) { try RemoteAddress(text) }
    }

    @Test("A credential is taken off, decoded for HTTP, and never shown")
    func credential() throws {
        func credential(_ url: String) throws -> String? {
            try RemoteAddress(url).basicCredential.map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try credential("https://user:p%40s%3As@host/o/n") == "user:p@s:s")
        #expect(try credential("https://token@host/o/n") == "token:")
        #expect(try credential("https://a%:b%4@host/o/n") == "a%:b%4")
        #expect(try credential("https://host/o/n") == nil)
        #expect(try credential("ssh://git:pw@host/o/n") == nil)
    }
}
