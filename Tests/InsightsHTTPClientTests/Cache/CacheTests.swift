import Foundation
import InsightsPlugin
import Logging
import Testing

@testable import InsightsHTTPClient

@Suite("Answers that are kept")
struct CacheTests {
    /// Answers with a tag, and 304 to who has it.
    private static let tagged: @Sendable (SeenRequest, Int) async -> Reply = { request, number in
        if request.headers["if-none-match"] == "\"v1\"" {
            return .answer(304, ["ETag": "\"v1\"", "X-Number": "\(number)"])
        }
        return .answer(
            200, ["ETag": "\"v1\"", "X-Number": "\(number)", "Set-Cookie": "session=1"], "body of \(request.target)")
    }

    private func request(_ server: TestServer, _ path: String = "a", token: String? = "sesame-open") throws
        -> HTTP.Request
    {
        var request = HTTP.Request(.get, try server.url(path))
        request.isCached = true
        request.credential = try token.map { HTTP.Credential.bearer($0, at: try server.origin) }
        return request
    }

    private func ask(_ bench: Bench, _ server: TestServer, _ path: String = "a") async throws -> HTTP.Response {
        try await bench.client().send(request(server, path))
    }

    @Test("What has not changed is asked about, not for; also after a restart")
    func unchanged() async throws {
        let server = try await TestServer(Self.tagged)
        let bench = Bench()
        let first = try await ask(bench, server)
        #expect(!first.isFromCache)
        let second = try await ask(bench, server)
        #expect(second.isFromCache)
        #expect(second.status == 200)
        #expect(second.body == first.body)
        #expect(second.headers["x-number"] == "1")
        await bench.close(keepingFolder: true)
        let restarted = Bench(folder: bench.folder)
        let third = try await ask(restarted, server)
        #expect(third.isFromCache)
        #expect(third.body == first.body)
        #expect(third.headers["set-cookie"] == nil)
        #expect(server.requests.map { $0.headers["if-none-match"] } == [nil, "\"v1\"", "\"v1\""])
        await restarted.close()
        await server.shutdown()
    }

    @Test("Another credential, URL or header has an answer of its own; and only who wants one is given it")
    func keys() async throws {
        try await withBench(Self.tagged) { bench, server in
            let client = bench.client()
            _ = try await client.send(request(server))
            var others = [
                try request(server, token: "another"), try request(server, token: nil), try request(server, "b"),
                try request(server), try request(server),
            ]
            others[3].headers["Accept"] = "application/json"
            others[4].isCached = false
            for other in others { #expect(try await client.send(other).isFromCache == false) }
            #expect(server.requests.allSatisfy { $0.headers["if-none-match"] == nil })
            #expect(try await ask(bench, server).isFromCache)
        }
    }

    @Test("What changed takes the place of what was kept")
    func changed() async throws {
        try await withBench({ request, number in
            request.headers["if-modified-since"] == "Sun, 0\(number + 3) Jan 2026 02:00:00 GMT"
                ? .answer(304) : .answer(200, ["Last-Modified": "Sun, 04 Jan 2026 02:00:00 GMT"], "v\(number)")
        }) { bench, server in
            let first = try await ask(bench, server)
            #expect(first.body == Array("v0".utf8))
            let second = try await ask(bench, server)
            #expect(second.isFromCache)
            let third = try await ask(bench, server)
            #expect(third.body == Array("v2".utf8))
        }
    }

    @Test("The time is that of the answer that came, never of the one that was kept")
    func time() async throws {
        try await withBench({ _, number in
            switch number {
            case 0: .answer(200, ["ETag": "\"v1\"", "Date": "Sun, 04 Jan 2026 02:00:00 GMT"], "body")
            case 1: .answer(304, ["Date": "Mon, 05 Jan 2026 02:00:00 GMT"])
            default: .answer(304)
            }
        }) { bench, server in
            let times = [
                try await ask(bench, server).date, try await ask(bench, server).date, try await ask(bench, server).date,
            ]
            #expect(times == [Instant("2026-01-04T02:00:00Z"), Instant("2026-01-05T02:00:00Z"), nil])
        }
    }

    @Test("What may not be kept, or repeats the credential, is not")
    func notKept() async throws {
        try await withBench({ request, _ in
            switch request.target {
            case "/echo": .answer(200, ["ETag": "\"v1\""], "you are sesame-open, I see")
            case "/header": .answer(200, ["ETag": "\"v1\"", "X-You": "sesame-open"])
            case "/base64": .answer(200, ["ETag": "\"v1\""], "c2VzYW1lLW9wZW4=")
            case "/basic": .answer(200, ["ETag": "\"v1\"", "X-You": "eDpzZXNhbWUtb3Blbg=="])
            case "/hex": .answer(200, ["ETag": "\"v1\""], "736573616D652D6F70656E")
            case "/no-store": .answer(200, ["ETag": "\"v1\"", "Cache-Control": "private, No-Store"])
            case "/error": .answer(404, ["ETag": "\"v1\""])
            default: .answer(200, [:], "no tag")
            }
        }) { bench, server in
            for path in ["echo", "header", "base64", "basic", "hex", "no-store", "error", "bare"] {
                _ = try await bench.client().send(request(server, path))
                _ = try await bench.client().send(request(server, path))
            }
            #expect(server.requests.allSatisfy { $0.headers["if-none-match"] == nil })
            let files = (try? FileManager.default.contentsOfDirectory(atPath: bench.folder)) ?? []
            #expect(files.isEmpty)
        }
    }

    @Test("Folder and files are private, and hold no token in any form")
    func privacy() async throws {
        try await withBench(Self.tagged) { bench, server in
            _ = try await ask(bench, server)
            let manager = FileManager.default
            let folder = try manager.attributesOfItem(atPath: bench.folder)
            #expect(folder[.posixPermissions] as? Int == 0o700)
            let files = try manager.contentsOfDirectory(atPath: bench.folder)
            #expect(files.count == 1)
            let token = Data("sesame-open".utf8)
            for file in files {
                let path = bench.folder + "/" + file
                #expect(try manager.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
                let data = try #require(manager.contents(atPath: path)) + Data(file.utf8)
                let hex = token.map { String(format: "%02x", $0) }.joined()
                for form in [token, Data(token.base64EncodedString().prefix(12).utf8), Data(hex.utf8)] {
                    #expect(data.range(of: form) == nil)
                }
            }
        }
    }

    @Test("A damaged file costs a request, and is replaced", arguments: 0..<4)
    func damaged(kind: Int) async throws {
        try await withBench(Self.tagged) { bench, server in
            let first = try await ask(bench, server)
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: bench.folder).first)
            let path = bench.folder + "/" + name
            var data = try #require(FileManager.default.contents(atPath: path))
            switch kind {
            case 0: data.removeLast()
            case 1: data[data.count - 1] ^= 1
            case 2: data = Data()
            default: data = Data("insights-http-cache 1 zz\n{}".utf8)
            }
            try data.write(to: URL(filePath: path))
            let second = try await ask(bench, server)
            #expect(!second.isFromCache)
            #expect(second.body == first.body)
            #expect(try await ask(bench, server).isFromCache)
        }
    }

    @Test("A folder that cannot be used costs requests and fails nothing", arguments: 0..<3)
    func noFolder(kind: Int) async throws {
        let folder = NSTemporaryDirectory() + "insights-http-\(UUID().uuidString)"
        switch kind {
        case 0: try Data("a file".utf8).write(to: URL(filePath: folder))
        case 1: try FileManager.default.createSymbolicLink(atPath: folder, withDestinationPath: "/tmp")
        default: break
        }
        let server = try await TestServer(Self.tagged)
        let bench = Bench(folder: kind == 2 ? folder + "/there/is/none" : folder)
        for _ in 0..<2 { #expect(try await ask(bench, server).isFromCache == false) }
        await bench.close()
        await server.shutdown()
        try? FileManager.default.removeItem(atPath: folder)
    }

    @Test("Files that cannot be written cost requests and fail nothing, and are kept once they can be")
    func notWritable() async throws {
        try await withBench(Self.tagged) { bench, server in
            _ = try await ask(bench, server)
            // A mode alone would stop no root.
            try FileManager.default.removeItem(atPath: bench.folder)
            try Data("in the way".utf8).write(to: URL(filePath: bench.folder))
            for path in ["a", "b", "b"] { #expect(try await ask(bench, server, path).isFromCache == false) }
            try FileManager.default.removeItem(atPath: bench.folder)
            #expect(try await ask(bench, server, "b").isFromCache == false)
            #expect(try await ask(bench, server, "b").isFromCache)
            let folder = try FileManager.default.attributesOfItem(atPath: bench.folder)
            #expect(folder[.posixPermissions] as? Int == 0o700)
        }
    }

    @Test("The least recently used goes first, and the bound holds, also after a restart")
    func bound() async throws {
        let server = try await TestServer { request, _ in
            request.headers["if-none-match"] == nil
                ? .answer(200, ["ETag": "\"v1\""], String(repeating: "x", count: 6000)) : .answer(304)
        }
        // 12 answers of two blocks each.
        let bench = Bench(cacheLimit: 12 * 8192)
        for number in 0..<10 { _ = try await ask(bench, server, "\(number)") }
        #expect(try await ask(bench, server, "0").isFromCache)
        for number in 10..<14 { _ = try await ask(bench, server, "\(number)") }
        #expect(try #require(bench.access.cache).size <= 12 * 8192)
        #expect(try await ask(bench, server, "0").isFromCache)
        #expect(try await ask(bench, server, "1").isFromCache == false)
        await bench.close(keepingFolder: true)
        let restarted = Bench(folder: bench.folder, cacheLimit: 12 * 8192)
        for number in 20..<30 { _ = try await ask(restarted, server, "\(number)") }
        let files = try FileManager.default.contentsOfDirectory(atPath: bench.folder)
        #expect(files.count <= 12)
        await restarted.close()
        await server.shutdown()
    }

    @Test("What a program that died has half written is removed once it is old")
    func leftovers() async throws {
        let folder = NSTemporaryDirectory() + "insights-http-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        for (name, age) in [(".new-old", 7200.0), (".new-young", 10)] {
            try Data("half".utf8).write(to: URL(filePath: folder + "/" + name))
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: folder + "/" + name)
        }
        let files = try CacheFolder(path: folder).open().get()
        #expect(files.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [".new-young"])
        try FileManager.default.removeItem(atPath: folder)
    }
}
