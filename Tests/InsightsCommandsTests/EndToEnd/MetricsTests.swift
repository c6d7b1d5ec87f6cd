import Foundation
import Glibc
import InsightsPlugin
import Testing

@Suite("/metrics of the real program", .crowded)
struct MetricsTests {
    static let tasks = """
          quick: {uses: command.run, every: 1h, retention: 30d, with: {argv: ["true"]}}
          bad: {uses: command.run, every: 1h, retry: {attempts: 1}, with: {argv: ["false"]}}
          held:
            uses: command.run
            every: 100ms
            overlap: skip
            with: {argv: [sh, -c, "until [ -e go ]; do sleep 0.02; done"]}
        """

    /// Every family of the contract, with its type.
    static let families = [
        ("insights_task_runs_total", "counter"), ("insights_task_run_duration_seconds", "histogram"),
        ("insights_task_last_success_timestamp_seconds", "gauge"),
        ("insights_task_next_run_timestamp_seconds", "gauge"), ("insights_task_skipped_total", "counter"),
        ("insights_scheduler_lateness_seconds", "histogram"), ("insights_runs_active", "gauge"),
        ("insights_task_at_risk", "gauge"),
        ("insights_manifest_reloads_total", "counter"), ("insights_manifest_reload_failures_total", "counter"),
        ("insights_store_operation_seconds", "histogram"), ("http_server_requests_total", "counter"),
        ("http_server_request_duration_seconds", "histogram"), ("process_cpu_seconds_total", "counter"),
        ("process_resident_memory_bytes", "gauge"), ("process_open_fds", "gauge"),
        ("process_start_time_seconds", "gauge"),
    ]

    /// The samples by series, `name{labels}`.
    private func scrape(_ port: UInt16) throws -> [String: Double] {
        let text = try #require(HTTP.ask("/metrics", port: port)?.body)
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let end = try #require(line.lastIndex(of: " "))
            let number: Double = try #require(Double(line[end...].dropFirst()), "\(line)")
            samples[String(line[..<end])] = number
        }
        return samples
    }

    @Test("has every family with its labels, and the values that a success, a failure, a skip and reloads leave")
    func families() async throws {
        let began = Date().timeIntervalSince1970
        let token = "sixteen-letters!"
        let place = try Place(Self.tasks)
        let (program, port) = try await place.serve(environment: ["INSIGHTS_ADMIN_TOKEN": token])
        try await program.wait("a success, a failure, a skip and a run that goes on") {
            let samples = try scrape(port)
            return samples[#"insights_task_runs_total{task="quick",status="succeeded"}"#] == 1
                && samples[#"insights_task_runs_total{task="bad",status="failed"}"#] == 1
                && samples[#"insights_task_skipped_total{task="held",reason="overlap"}"#] ?? 0 >= 1
                && samples["insights_runs_active"] == 1
        }
        #expect(HTTP.ask("/health", port: port)?.status == 200)
        #expect(HTTP.ask("/admin/reload", method: "POST", port: port, token: token)?.status == 200)
        try place.manifest(ManifestCommandTests.broken)
        #expect(HTTP.ask("/admin/reload", method: "POST", port: port, token: token)?.status == 422)
        let samples = try scrape(port)

        #expect(samples["insights_task_run_duration_seconds_count"] == 2)
        #expect(samples[#"insights_task_run_duration_seconds_bucket{le="+Inf"}"#] == 2)
        #expect(samples["insights_task_run_duration_seconds_sum"] ?? -1 > 0)
        #expect(samples["insights_scheduler_lateness_seconds_count"] == 3)
        let success = try #require(samples[#"insights_task_last_success_timestamp_seconds{task="quick"}"#])
        #expect(success > began - 2 && success < Date().timeIntervalSince1970 + 1)
        #expect(samples[#"insights_task_last_success_timestamp_seconds{task="bad"}"#] == nil)
        #expect(samples[#"insights_task_at_risk{task="quick"}"#] == 0)
        #expect(samples[#"insights_task_at_risk{task="bad"}"#] == nil)
        #expect(samples[#"insights_task_next_run_timestamp_seconds{task="quick"}"#] == success + 3600)
        #expect(samples["insights_manifest_reloads_total"] == 1)
        // The watch of the file may have tried it, too.
        #expect(samples["insights_manifest_reload_failures_total"] ?? 0 >= 1)
        #expect(samples["insights_store_operation_seconds_count"] ?? 0 >= 1)
        #expect(samples[#"http_server_requests_total{method="GET",route="/health",status="200"}"#] == 1)
        #expect(samples[#"http_server_requests_total{method="POST",route="/admin/reload",status="422"}"#] == 1)
        #expect(samples[#"http_server_request_duration_seconds_count{method="POST",route="/admin/reload"}"#] == 2)
        #expect(samples["process_resident_memory_bytes"] ?? 0 > 1_000_000)
        #expect(samples["process_open_fds"] ?? 0 > 3)
        #expect(samples["process_cpu_seconds_total"] ?? 0 > 0)
        let start = try #require(samples["process_start_time_seconds"])
        #expect(abs(start - began) < 60)

        let text = try #require(HTTP.ask("/metrics", port: port)?.body)
        for (name, type) in Self.families {
            #expect(text.contains("# TYPE \(name) \(type)\n"), "\(name)")
            #expect(text.contains("# HELP \(name) "), "\(name)")
            let isMeasured = samples.keys.contains {
                $0 == name || $0.hasPrefix(name + "{") || $0.hasPrefix(name + "_count")
            }
            #expect(isMeasured, "\(name)")
        }
        try place.write("go", "")
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }
}
