import InsightsEngine
import InsightsPlugin
import Testing

/// Clients that wait for a limit at each request, and then answer 204.
private struct LimitedAccess: HTTPAccess {
    func client(
        run: RunID, deadline: Instant, onWait: @escaping @Sendable (String?) -> Void
    ) -> any HTTP.Client { Client(onWait: onWait) }

    func metrics() -> [MetricFamily] {
        [MetricFamily(name: "insights_forge_budget_remaining", kind: .gauge, help: "Left.", samples: [])]
    }

    struct Client: HTTP.Client {
        let onWait: @Sendable (String?) -> Void

        func send(_ request: HTTP.Request) async throws -> HTTP.Response {
            onWait("waits for the limit of example.org")
            onWait(nil)
            return HTTP.Response(status: 204, url: request.url)
        }

        func allowance(
            of budget: HTTP.Budget, at origin: HTTP.Origin, with credential: HTTP.Credential?
        ) async -> HTTP.Allowance { HTTP.Allowance() }
    }
}

@Suite("A run that asks servers")
struct WaitingForServersTests {
    @Test("Its progress and its log say what it waits for, and its progress goes on as it was")
    func waiting() async throws {
        let task = EngineFixture.task("asks") { context in
            context.report(done: 3, of: 9, "things")
            let response = try await context.http.send(HTTP.Request(.get, try HTTP.URL("https://example.org/a")))
            return "\(response.status)"
        }
        let fixture = try await EngineFixture([task], http: LimitedAccess())
        var labels: [String] = []
        for await observation in fixture.seen {
            if case .progress(_, _, let progress) = observation {
                #expect(progress.done == 3 && progress.total == 9)
                labels.append(progress.label)
            }
            if case .observation(.finished) = observation { break }
        }
        #expect(labels == ["things", "things: waits for the limit of example.org", "things"])
        #expect(fixture.log.lines.contains { $0.contains("waits for the limit of example.org") })
        #expect(fixture.engine.metrics().contains { $0.name == "insights_forge_budget_remaining" })
        await fixture.end()
    }

    @Test("A program without a client says so")
    func none() async throws {
        let task = EngineFixture.task("asks") { context in
            _ = try await context.http.send(HTTP.Request(.get, try HTTP.URL("https://example.org/a")))
            return nil
        }
        let fixture = try await EngineFixture([task])
        let run = try await fixture.nextFinished()
        #expect(run.error?.code == HTTP.FailureCode.refused)
        await fixture.end()
    }
}
