import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Testing

@testable import InsightsHTTP

@Suite("What /metrics says")
struct MetricsFormatTests {
    static let families = [
        MetricFamily(
            name: "insights_task_runs_total", kind: .counter, help: "Runs that \"ended\",\nby \\ status.",
            samples: [
                .init(labels: [("task", "a\"b\\c\nd"), ("status", "succeeded")], reading: .number(3)),
                .init(labels: [("task", "é"), ("status", "failed")], reading: .number(0)),
            ]),
        MetricFamily(
            name: "insights_task_run_duration_seconds", kind: .histogram, help: "How long runs took.",
            samples: [
                .init(
                    labels: [("task", "a")],
                    reading: .histogram(
                        buckets: [
                            (upperBound: 0.5, count: 1), (upperBound: 1, count: 2), (upperBound: .infinity, count: 3),
                        ],
                        sum: 12.25, count: 3))
            ]),
        MetricFamily(
            name: "insights_runs_active", kind: .gauge, help: "Runs.",
            samples: [.init(labels: [], reading: .number(2))]),
        MetricFamily(
            name: "insights_task_next_run_timestamp_seconds", kind: .gauge, help: "When.",
            samples: [.init(labels: [("task", "a")], reading: .number(1_767_528_000.125))]),
    ]

    @Test("OpenMetrics: the counter's family has no _total, units are told, the text ends in EOF")
    func openMetrics() {
        let expected = #"""
            # HELP insights_task_runs Runs that \"ended\",\nby \\ status.
            # TYPE insights_task_runs counter
            insights_task_runs_total{task="a\"b\\c\nd",status="succeeded"} 3.0
            insights_task_runs_total{task="é",status="failed"} 0.0
            # HELP insights_task_run_duration_seconds How long runs took.
            # TYPE insights_task_run_duration_seconds histogram
            # UNIT insights_task_run_duration_seconds seconds
            insights_task_run_duration_seconds_bucket{task="a",le="0.5"} 1.0
            insights_task_run_duration_seconds_bucket{task="a",le="1.0"} 2.0
            insights_task_run_duration_seconds_bucket{task="a",le="+Inf"} 3.0
            insights_task_run_duration_seconds_sum{task="a"} 12.25
            insights_task_run_duration_seconds_count{task="a"} 3.0
            # HELP insights_runs_active Runs.
            # TYPE insights_runs_active gauge
            insights_runs_active 2.0
            # HELP insights_task_next_run_timestamp_seconds When.
            # TYPE insights_task_next_run_timestamp_seconds gauge
            # UNIT insights_task_next_run_timestamp_seconds seconds
            insights_task_next_run_timestamp_seconds{task="a"} 1767528000.125
            # EOF

            """#
        #expect(MetricsFormat.openMetrics.text(of: Self.families) == expected)
    }

    @Test("Prometheus: the counter's family has its _total, quotes in help stay, nothing follows the samples")
    func prometheus() {
        let text = MetricsFormat.prometheus.text(of: Self.families)
        #expect(text.hasPrefix("# HELP insights_task_runs_total Runs that \"ended\",\\nby \\\\ status.\n"))
        #expect(text.contains("# TYPE insights_task_runs_total counter\n"))
        #expect(!text.contains("# UNIT"))
        #expect(!text.contains("# EOF"))
    }

    @Test(
        "Accept decides between the formats",
        arguments: [
            (nil, MetricsFormat.prometheus), ("*/*", .prometheus), ("text/plain", .prometheus),
            ("text/html", .prometheus),
            ("application/openmetrics-text", .openMetrics),
            ("application/openmetrics-text; version=1.0.0", .openMetrics),
            ("application/openmetrics-text;version=2.0.0", .prometheus),
            ("application/openmetrics-text;q=0.1,text/plain;q=0.9", .prometheus),
            ("application/openmetrics-text;q=0", .prometheus),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
                    + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", .openMetrics
            ),
        ] as [(String?, MetricsFormat)])
    func negotiation(accept: String?, format: MetricsFormat) {
        #expect(MetricsFormat.preferred(by: accept) == format)
    }

    @Test("The route answers in the format asked for, with the engine's, the server's and the process's families")
    func route() async throws {
        let daemon = ScriptedDaemon()
        daemon.change { $0.metrics = Self.families }
        try await withServer(daemon: daemon) { server in
            _ = try await server.get("/api/tasks/activity")
            _ = try await server.get("/no/such/route/at/all")
            let plain = try await server.get("/metrics")
            #expect(plain["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let open = try await server.get("/metrics", headers: ["Accept: application/openmetrics-text"])
            #expect(open["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            let text = try #require(open.text)
            #expect(text.hasSuffix("\n# EOF\n"))
            for sample in [
                #"http_server_requests_total{method="GET",route="/api/tasks/{name}",status="200"} 1.0"#,
                #"http_server_requests_total{method="GET",route="other",status="404"} 1.0"#,
                #"http_server_request_duration_seconds_count{method="GET",route="/api/tasks/{name}"} 1.0"#,
                #"insights_task_runs_total{task="é",status="failed"} 0.0"#,
            ] {
                #expect(text.contains(sample + "\n"))
            }
            for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"] {
                let line = text.split(separator: "\n").first { $0.hasPrefix("process_\(name) ") }
                #expect((line?.split(separator: " ").last).flatMap { Double($0) } ?? 0 > 0)
            }
            #expect(MetricsGrammar.fault(in: text) == nil)
            #expect(MetricsGrammar.faultInPrometheus(plain.text ?? "") == nil)
        }
    }

    @Test("What clients send adds no series")
    func cardinality() async throws {
        try await withServer { server in
            for index in 0..<20 {
                _ = try await server.get("/x\(index)")
                _ = try await server.send("PROPFIND", "/health")
                _ = try await server.get("/api/tasks/task-\(index)")
            }
            let text = try #require(try await server.get("/metrics").text)
            let lines = text.split(separator: "\n").filter { $0.hasPrefix("http_server_requests_total{") }
            #expect(
                Set(lines.map { String($0.prefix { $0 != " " }) })
                    == [
                        #"http_server_requests_total{method="GET",route="/api/tasks/{name}",status="404"}"#,
                        #"http_server_requests_total{method="GET",route="other",status="404"}"#,
                        #"http_server_requests_total{method="other",route="other",status="405"}"#,
                    ])
        }
    }

    @Test("Python's parsers read both formats", .enabled(if: Python.has("prometheus_client")))
    func python() throws {
        let families = Self.families + ProcessMetrics.families() + RequestMetrics().families()
        let names = Set(families.map { $0.kind == .counter ? String($0.name.dropLast(6)) : $0.name })
        for (format, parser) in [(MetricsFormat.openMetrics, "openmetrics."), (.prometheus, "")] {
            let (status, output) = try Python.run(
                """
                import sys
                from prometheus_client.\(parser)parser import text_string_to_metric_families as parse
                for family in parse(sys.stdin.read()): print(family.name)
                """, input: format.text(of: families))
            #expect(status == 0, "\(output)")
            #expect(Set(output.split(separator: "\n").map(String.init)) == names)
        }
    }
}

@Suite("What is measured of requests and the process")
struct OwnMetricsTests {
    @Test("A duration falls into every bucket from its own on")
    func buckets() throws {
        let metrics = RequestMetrics()
        for milliseconds in [1, 3, 3, 700, 60_000] {
            metrics.record(method: "GET", route: "/health", status: 200, duration: .milliseconds(milliseconds))
        }
        let sample = try #require(metrics.families().last?.samples.first)
        guard case .histogram(let buckets, let sum, let count) = sample.reading else {
            Issue.record("no histogram")
            return
        }
        #expect(buckets.map(\.count) == [1, 1, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5])
        #expect(buckets.last?.upperBound == .infinity)
        #expect(count == 5)
        #expect(abs(sum - 60.707) < 1e-9)
    }

    @Test("The process's line is read, whatever the program is called")
    func stat() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 111 222 13 14 15 16 17 18 1919 20 2121 22"
        #expect(ProcessStat("42 (insights) " + rest) == ProcessStat("42 (a) b (c)) " + rest))
        let stat = ProcessStat("42 (insights) " + rest)
        #expect(stat?.cpuTicks == 333)
        #expect(stat?.startTicks == 1919)
        #expect(stat?.residentPages == 2121)
        for bad in ["", "42", "42 (a)", "42 (a) S 1 2", "42 (a) " + rest.replacing("111", with: "x")] {
            #expect(ProcessStat(bad) == nil)
        }
        #expect(ProcessMetrics.bootTime("cpu 1\nbtime 1700000000\nprocesses 2\n") == 1_700_000_000)
        #expect(ProcessMetrics.bootTime("cpu 1\n") == nil)
    }
}
