internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin

/// Whether the program lives, whether it can work, and its figures.
enum HealthRoutes {
    static let all: [Route] = [
        Route(
            .get, "/health", id: "getHealth", "Whether the scheduler loop ticks; asks nothing else.",
            answers: [
                Answer(.ok, "It ticks.", Schema.health.reference),
                .problem(.serviceUnavailable, "It has not ticked for 10 s."),
            ], handler: health),
        Route(
            .get, "/ready", id: "getReady", "Whether tasks can be run and results stored.",
            answers: [
                Answer(.ok, "Everything is in order.", Schema.readiness.reference),
                Answer(.serviceUnavailable, "Something is not; its check says what.", Schema.readiness.reference),
            ], handler: ready),
        Route(
            .get, "/metrics", id: "getMetrics",
            "The program's own figures: OpenMetrics 1.0 when Accept prefers it, otherwise Prometheus' text format.",
            answers: [
                Answer(
                    .ok, "All families.",
                    content: [
                        (MediaType.openMetrics.essence, ["type": "string"]),
                        (MediaType.prometheus.essence, ["type": "string"]),
                    ])
            ], handler: metrics),
    ]

    @Sendable private static func health(_ call: Call) throws(Problem) -> Reply {
        guard call.daemon.isAlive else {
            throw Problem(
                code: .unavailable, status: .serviceUnavailable,
                detail:
                    "the scheduler loop has not ticked for 10 s; restart insights, and look into its log for the reason"
            )
        }
        return .json(["status": "ok"])
    }

    @Sendable private static func ready(_ call: Call) -> Reply {
        let readiness = call.daemon.readiness()
        let checks: ValueObject = [
            "store": .string(readiness.store.detail), "scheduler": .string(readiness.scheduler.detail),
            "manifest": .string(readiness.manifest.detail),
        ]
        return .json(
            ["status": readiness.isReady ? "ready" : "not_ready", "checks": .object(checks)],
            status: readiness.isReady ? .ok : .serviceUnavailable)
    }

    @Sendable private static func metrics(_ call: Call) -> Reply {
        let families = call.daemon.metrics() + call.site.metrics.families() + ProcessMetrics.families()
        let format = MetricsFormat.preferred(by: call.accept)
        return Reply(type: format.mediaType, fields: [.vary: "Accept"], body: format.text(of: families))
    }
}
