internal import InsightsEngine

/// What a batch has to do where several nodes share the database; one process that has every task needs none of it.
protocol BatchSharing: AnyObject {
    /// Makes ready for a batch: locks what of it others may change meanwhile.
    func begin(_ writes: [StoreWrite]) throws

    /// Takes a place in a group for a run that starts.
    ///
    /// - Returns: Whether there was one, or the run has one already.
    func takePlace(_ run: RunID, in group: GroupPlace) throws -> Bool

    /// Frees the place of a run, if it has one here.
    func leavePlace(_ run: RunID) throws

    /// Whether a run may have a place here.
    func mayHavePlace(_ run: RunID) -> Bool

    /// Lets another node hold the task.
    func release(_ task: TaskID) throws

    /// Notes that what was written concerns other nodes, so that they are told of it.
    func noteNews()
}

/// Writes runs of claims and ends that do not depend on one another, by one statement for all.
protocol BulkWriting: AnyObject {
    /// How many writes from `start` on may be applied together, in whatever order.
    func together(_ writes: [StoreWrite], from start: Int) -> Int

    /// Applies them.
    ///
    /// - Parameters:
    ///   - node: The number of the node's name, written beside the attempts that start.
    ///   - number: Of a name.
    /// - Returns: What became of each; `nil`: nothing yet, it is to be applied by itself.
    func apply(
        _ writes: ArraySlice<StoreWrite>, node: Int64?, number: (String) throws -> Int64
    ) throws -> [WriteOutcome?]
}
