import InsightsPlugin
import Testing

@Suite("The HTTP contract")
struct HTTPContractTests {
    private static let origin = HTTP.Origin.example

    @Test("A credential is printed by no way of printing")
    func credential() {
        let credential = HTTP.Credential.bearer("sesame", at: Self.origin)
        var request = HTTP.Request(.get, Self.origin.url(["a"]))
        request.credential = credential
        var dumped = ""
        dump(request, to: &dumped)
        dump(credential, to: &dumped)
        for text in [
            "\(credential)", String(reflecting: credential), "\(request)", String(reflecting: request), dumped,
        ] {
            #expect(!text.contains("sesame"))
        }
        #expect("\(credential)" == "credential in authorization at https://example.org")
    }

    @Test("Headers are found in any case, and several of a name are one list")
    func headers() {
        var headers: HTTP.Headers = ["Link": "a", "X-Thing": "1"]
        headers.append("link", "b")
        #expect(headers["LINK"] == "a, b")
        #expect(headers.values(of: "Link") == ["a", "b"])
        headers["lInK"] = "c"
        #expect(headers.map(\.name) == ["X-Thing", "lInK"])
        headers["x-thing"] = nil
        #expect(headers.count == 1)
        #expect(headers["x@thing"] == nil)
    }

    @Test(
        "What no host may send is refused",
        arguments: [
            ("X-A", "a\r\nX-B: b"), ("X-A", "a\u{0}"), ("X-A", " a"), ("X A", "a"), ("", "a"), ("X-Ä", "a"),
            ("Authorization", "Bearer x"), ("host", "elsewhere"), ("Content-Length", "5"), ("accept-encoding", "br"),
            ("Transfer-Encoding", "chunked"), ("private-token", "x"),
        ])
    func refused(name: String, value: String) {
        var request = HTTP.Request(.get, Self.origin.url(["a"]), headers: [name: value])
        request.credential = HTTP.Credential(header: "Private-Token", value: "sesame", at: Self.origin)
        #expect(request.refusal?.code == HTTP.FailureCode.refused)
        #expect(request.refusal?.message.contains("Bearer x") == false)
    }

    @Test("So is an empty credential, one with a line end in it, and a GET with a body")
    func refusedOtherwise() {
        for value in ["", " \n", "a\nb"] {
            var request = HTTP.Request(.get, Self.origin.url(["a"]))
            request.credential = HTTP.Credential(header: "private-token", value: value, at: Self.origin)
            #expect(request.refusal != nil)
        }
        #expect(HTTP.Request(.get, Self.origin.url(["a"]), body: [1]).refusal != nil)
        #expect(HTTP.Request(.post, Self.origin.url(["a"]), body: [1]).refusal == nil)
    }

    @Test(
        "Links are found by their relation and resolved",
        arguments: [
            (#"<https://example.org/a?page=2>; rel="next", <https://example.org/a?page=9>; rel="last""#, "/a?page=2"),
            (#"</b>; title="x, y; rel=\"prev\""; rel=next"#, "/b"),
            (#"<c>;rel="prev NEXT""#, "/c"),
            (#"<x>; rel="last", <d>; rel=next; rel=prev"#, "/d"),
        ])
    func links(field: String, target: String) throws {
        let response = HTTP.Response(status: 200, headers: ["Link": field], url: Self.origin.url(["a"]))
        #expect(try response.link("next")?.text == "https://example.org" + target)
        #expect(try response.link("first") == nil)
    }

    @Test(
        "A malformed list of links has none",
        arguments: ["", ",", "<", "<a", "a; rel=next", "<a> rel=next", #"<a>; title="rel=next"#, "<a>; rel"])
    func noLinks(field: String) throws {
        let response = HTTP.Response(status: 200, headers: ["Link": field], url: Self.origin.url(["a"]))
        #expect(try response.link("next") == nil)
    }

    @Test("A link that is no URL is a bad answer")
    func badLink() {
        let headers: HTTP.Headers = ["Link": "<https://user:pw@example.org/>; rel=next"]
        let response = HTTP.Response(status: 200, headers: headers, url: Self.origin.url(["a"]))
        let failure = #expect(throws: RunFailure.self) { try response.link("next") }
        #expect(failure?.code == HTTP.FailureCode.badAnswer)
    }

    @Test("JSON is read to the depth that was asked for")
    func depth() throws {
        var response = HTTP.Response(status: 200, body: Array("[[[1]]]".utf8), url: Self.origin.url(["a"]))
        response.depthLimit = 3
        #expect(try response.json() == [[[1]]])
        response.depthLimit = 2
        #expect(throws: RunFailure.self) { try response.json() }
    }

    @Test(
        "Dates of all three forms are read",
        arguments: ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    func dates(text: String) { #expect(Instant(httpDate: text) == Instant("1994-11-06T08:49:37Z")) }

    @Test(
        "What is no date is none",
        arguments: [
            "", "0", "Sun", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 November 1994 08:49:37 GMT",
            "2026-01-04T02:00:00Z", "Sun, 06 Nov 1994",
        ])
    func noDates(text: String) { #expect(Instant(httpDate: text) == nil) }
}

extension HTTP.Origin {
    fileprivate static var example: HTTP.Origin {
        guard let origin = try? HTTP.Origin("https://example.org") else { preconditionFailure("it is one") }
        return origin
    }
}
