import InsightsPlugin
import Testing

@Suite("URLs")
struct URLTests {
    @Test(
        "An absolute URL is read into its parts",
        arguments: [
            ("https://api.example.org", "https://api.example.org/"),
            ("HTTPS://API.Example.ORG:443/A/b?x=1#part", "https://api.example.org/A/b?x=1"),
            ("http://127.0.0.1:8080/a?x=1?y", "http://127.0.0.1:8080/a?x=1?y"),
            ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443/"),
            ("https://example.org?q=a b", "https://example.org/?q=a%20b"),
            ("https://example.org/ł|\\", "https://example.org/%C5%82%7C%5C"),
            ("https://example.org/a%2Fb", "https://example.org/a%2Fb"),
            ("https://example.org/?x=[1]", "https://example.org/?x=%5B1%5D"),
        ])
    func read(text: String, whole: String) throws { #expect(try HTTP.URL(text).text == whole) }

    @Test(
        "Anything else is refused, without repeating it",
        arguments: [
            "", "/a", "example.org", "ftp://example.org/", "https:///a", "https://", "https:example.org",
            "https://user:hunter2@example.org/", "https://user@example.org/", "https://exa mple.org/",
            "https://example.org:0/", "https://example.org:65536/", "https://example.org:/", "https://example.org:8a/",
            "https://example.org/a\r\nHost: x", "https://exämple.org/", "https://[::1/", "https://[::1]x/",
            "https://example.org/\u{0}", "javascript:alert(1)",
        ])
    func refused(text: String) {
        let failure = #expect(throws: RunFailure.self) { try HTTP.URL(text) }
        #expect(failure?.code == HTTP.FailureCode.refused)
        #expect(failure?.message.contains("hunter2") == false)
    }

    @Test("A printed URL has no query")
    func printed() throws {
        let url = try HTTP.URL("https://example.org/a?token=hidden")
        #expect("\(url)" == "https://example.org/a")
        #expect("\(HTTP.Request(.get, url))" == "GET https://example.org/a")
    }

    @Test("Segments and queries are encoded, so that no name reaches out of its place")
    func built() throws {
        let origin = try HTTP.Origin("https://example.org/some/path")
        let url = origin.url(["api", "a/b", "..", ".", "ü?#"], query: [("a&b", "c=d"), ("e", "")])
        #expect(url.text == "https://example.org/api/a%2Fb/%2E%2E/%2E/%C3%BC%3F%23?a%26b=c%3Dd&e=")
        let base = try HTTP.URL("https://example.org/git/?x=1")
        #expect(base.appending(["api", "v1"]).text == "https://example.org/git/api/v1")
        #expect(origin.url([]).text == "https://example.org/")
    }

    @Test(
        "References are resolved as RFC 3986 says, 5.4",
        arguments: [
            ("g", "https://a/b/c/g"), ("./g", "https://a/b/c/g"), ("g/", "https://a/b/c/g/"), ("/g", "https://a/g"),
            ("//g", "https://g/"), ("?y", "https://a/b/c/d;p?y"), ("g?y", "https://a/b/c/g?y"),
            ("#s", "https://a/b/c/d;p?q"), ("", "https://a/b/c/d;p?q"), (".", "https://a/b/c/"), ("..", "https://a/b/"),
            ("../g", "https://a/b/g"), ("../../g", "https://a/g"), ("../../../g", "https://a/g"),
            ("/./g", "https://a/g"), ("/../g", "https://a/g"), ("g;x=1/../y", "https://a/b/c/y"),
            ("https://x/y?z", "https://x/y?z"),
        ])
    func resolved(reference: String, whole: String) throws {
        #expect(try HTTP.URL("https://a/b/c/d;p?q").resolving(reference).text == whole)
    }

    @Test("This machine is told from others by its own names alone")
    func loopback() throws {
        for host in ["localhost", "127.0.0.1", "127.255.0.9", "[::1]"] {
            #expect(try HTTP.Origin("http://\(host)").isLoopback)
        }
        for host in [
            "127.0.0.1.example.org", "128.0.0.1", "127.0.0.256", "127.0.1", "localhost.example.org", "0.0.0.0",
        ] {
            #expect(try !HTTP.Origin("http://\(host)").isLoopback)
        }
    }

    @Test("An origin's authority has its port where that is not the usual one")
    func authority() throws {
        #expect(try HTTP.Origin("https://example.org:443").authority == "example.org")
        #expect(try HTTP.Origin("http://example.org:443").authority == "example.org:443")
    }
}
