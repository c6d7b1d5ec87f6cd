import AsyncHTTPClient
import Foundation
import InsightsPlugin
import NIOCore
import Testing

@testable import InsightsHTTPClient

@Suite("What the client costs", .enabled(if: ProcessInfo.processInfo.environment["INSIGHTS_MEASURE"] != nil))
struct OverheadTests {
    @Test("A request against a plain one of AsyncHTTPClient, one after another on one connection")
    func overhead() async throws {
        try await withBench({ _, _ in .answer(200, [:], #"{"a":1}"#) }) { bench, server in
            let url = try server.url("a")
            let plain = AsyncHTTPClient.HTTPClient(eventLoopGroupProvider: .singleton)
            let client = bench.client()
            for round in 0..<3 {
                let bare = try await ContinuousClock().measure {
                    for _ in 0..<2000 {
                        let response = try await plain.execute(
                            HTTPClientRequest(url: url.text), deadline: .now() + .seconds(30))
                        _ = try await response.body.collect(upTo: 1 << 20)
                    }
                }
                let ours = try await ContinuousClock().measure {
                    for _ in 0..<2000 { _ = try await client.send(HTTP.Request(.get, url)) }
                }
                let (bareEach, oursEach) = (bare / 2000, ours / 2000)
                print("round \(round): AsyncHTTPClient \(bareEach), ours \(oursEach) a request")
            }
            try await plain.shutdown()
        }
    }

    @Test("Three runs with a thousand requests each of 20 ms, eight at once")
    func throughput() async throws {
        // A server's own time, which is what is measured here.
        try await withBench({ _, _ in
            try? await Task.sleep(for: .milliseconds(20))
            return .answer(200, ["X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "3600"], #"{"a":1}"#)
        }) { bench, server in
            let url = try server.url("a")
            let elapsed = try await ContinuousClock().measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<3000 {
                        let client = bench.client(run: UInt64(number % 3))
                        group.addTask { _ = try await client.send(HTTP.Request(.get, url)) }
                    }
                    try await group.waitForAll()
                }
            }
            print("3000 requests of 20 ms, eight at once: \(elapsed), of 7.5 s at best; at once \(server.mostAtOnce)")
        }
    }
}
