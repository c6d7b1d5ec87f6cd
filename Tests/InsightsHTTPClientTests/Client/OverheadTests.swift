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
}
