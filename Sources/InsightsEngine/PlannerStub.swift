// Stand-in until Scheduler/Planner.swift lands; deleted then.
package import InsightsPlugin
package struct PlannerConfiguration: Sendable {
    package init(schedulerEnabled: Bool, seed: UInt64) {}
}
package struct Planner: Sendable {
    package init(configuration: PlannerConfiguration) {}
    package mutating func handle(_ event: PlannerEvent, at now: Moment, into actions: inout [PlannerAction]) {}
    package var wake: (wall: Instant?, uptime: Int64?) { (nil, nil) }
    package var activeRuns: Int { 0 }
    package var heldRuns: Int { 0 }
    package var scheduledTasks: Int { 0 }
    package func nextRuns() -> [(String, Instant)] { [] }
    package func lastSuccesses() -> [(String, Instant)] { [] }
}
package enum Forecast {
    package static func occurrences(of definition: TaskDefinition, stored: StoredTask?, from: Instant, count: Int) -> [Instant] { [] }
}
