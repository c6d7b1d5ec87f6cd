import InsightsEngine

extension Planner {
    /// As ``handle(_:at:into:)``, with what is to be done as one list.
    mutating func handle(_ event: PlannerEvent, at now: Moment, into actions: inout [PlannerAction]) {
        var output = PlannerOutput()
        handle(event, at: now, into: &output)
        actions += output.actions
    }
}
