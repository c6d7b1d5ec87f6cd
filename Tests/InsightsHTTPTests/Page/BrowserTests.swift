import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Testing

@testable import InsightsHTTP

/// A real browser, where Debian's `chromium` or another of that family is installed.
enum Browser {
    static let name = ["chromium", "chromium-browser", "google-chrome"].first { name in
        // Without `which` there is no browser that we could find either.
        (try? Outside.run(["which", name], input: ""))?.status == 0
    }

    /// Opens a page, and waits until it is drawn.
    ///
    /// - Returns: What the page has become, and what the browser had to say of it on its console.
    static func open(_ url: String, width: Int) throws -> (status: Int32, document: String, complaints: [String]) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "browser-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }  // a cache that is left behind harms nobody
        let (status, output) = try Outside.run(
            [
                "timeout", "--signal=KILL", "60", name ?? "chromium", "--headless", "--no-sandbox", "--disable-gpu",
                "--no-first-run", "--user-data-dir=\(folder.path)", "--window-size=\(width),900",
                "--enable-logging=stderr", "--dump-dom", url,
            ], input: "")
        return (status, output, output.split(separator: "\n").filter { $0.contains(":CONSOLE") }.map(String.init))
    }
}

@Suite("What a browser makes of the pages", .enabled(if: Browser.name != nil, "no chromium"), .serialized)
struct BrowserTests {
    @Test("Pages are drawn without a complaint, on a desk and on a phone", arguments: [1200, 360])
    func pages(width: Int) async throws {
        try await withServer { server in
            for (target, parts) in [
                ("/", ["activity", "every 6h", "<svg", "Swift &amp; friends"]), ("/subjects/7", ["commits", "<svg"]),
            ] {
                let (status, document, complaints) = try await offPool {
                    try Browser.open("http://127.0.0.1:\(server.port)\(target)", width: width)
                }
                #expect(status == 0)
                #expect(complaints.isEmpty, "\(target)")
                for part in parts { #expect(document.contains(part), "\(part) on \(target)") }
            }
        }
    }

    @Test("A style that the policy does not allow would be complained of")
    func complains() async throws {
        let page =
            "data:text/html,<meta http-equiv=Content-Security-Policy content=\"style-src 'none'\"><style>p{}</style>"
        let (status, _, complaints) = try await offPool { try Browser.open(page, width: 360) }
        #expect(status == 0)
        #expect(complaints.contains { $0.contains("Content Security Policy") })
    }
}
