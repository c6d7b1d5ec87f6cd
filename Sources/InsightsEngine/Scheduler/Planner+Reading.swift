package import InsightsPlugin

/// What the shell may ask between events; nothing here changes anything.
extension Planner {
    /// Attempts whose code is going on, cancelled code included.
    package var activeRuns: Int { attemptsGoing }

    /// Runs with code going on, or with a write that is not answered yet.
    ///
    /// - Complexity: O(slots).
    package var heldRuns: Int {
        runs.slots.count { run in
            switch run.phase {
            case .claiming, .starting, .running, .finishing, .lingering: true
            case .free, .waiting, .held, .ready, .retrying, .parked: false
            }
        }
    }

    /// Runs that are not over, whatever they wait for.
    package var unfinishedRuns: Int { runs.count }

    /// How many tasks this node holds.
    package var holding: Int { heldTasks }

    /// Whether this node decides about the task; `nil` for one that the manifest does not have.
    package func isHeld(_ task: String) -> Bool? {
        index(of: task).map { tasks[Int($0)].flags.contains(.held) }
    }

    /// Whether the run is one of those that are not over here.
    ///
    /// - Complexity: O(slots).
    package func has(_ run: RunID) -> Bool { runs.index(of: run) != nil }

    /// What to ask the store for to hold the task; `nil` when it is held, or the manifest does not have it.
    package func wish(for task: String) -> HoldWish? {
        guard let index = index(of: task), !tasks[Int(index)].flags.contains(.held) else { return nil }
        return HoldWish(task: tasks[Int(index)].id, hash: definitions[Int(index)].hash)
    }

    /// Whether tasks are held that are to be given away once they are idle.
    package var isLeaving: Bool {
        leavingTasks > 0 || retired.indices.contains { tasks[definitions.count + $0].flags.contains(.held) }
    }

    /// Tasks of the manifest that this node does not hold.
    ///
    /// - Complexity: O(*n*).
    package func unheld() -> [HoldWish] {
        definitions.indices.compactMap { index in
            tasks[index].flags.contains(.held)
                ? nil : HoldWish(task: tasks[index].id, hash: definitions[index].hash)
        }
    }

    /// Tasks of the manifest that this node holds.
    ///
    /// - Complexity: O(*n*).
    package func heldIDs() -> [TaskID] {
        definitions.indices.compactMap { tasks[$0].flags.contains(.held) ? tasks[$0].id : nil }
    }

    /// How many tasks time will start.
    package var scheduledTasks: Int { due.elements.count }

    /// Whether a shutdown has begun and nothing is left to wait for.
    package var isDrained: Bool { hasDrained }

    /// Whether the task's occurrences are being skipped; `nil` for a task that the manifest does not have.
    package func isPaused(_ task: String) -> Bool? {
        index(of: task).map { tasks[Int($0)].flags.contains(.paused) }
    }

    /// The scheduled instant of the task's next occurrence; `nil` when time will not start it.
    package func nextRun(of task: String) -> Instant? {
        index(of: task).flatMap(nextRun)
    }

    /// The next occurrence of each task that time will start, in the manifest's order.
    ///
    /// - Complexity: O(*n*).
    package func nextRuns() -> [(String, Instant)] {
        definitions.indices.compactMap { index in nextRun(Int32(index)).map { (definitions[index].name, $0) } }
    }

    /// The scheduled instant of each task's last success, by whatever trigger; tasks without one are left out.
    ///
    /// - Complexity: O(*n*).
    package func lastSuccesses() -> [(String, Instant)] {
        definitions.indices.compactMap { index in
            let instant = tasks[index].lastSuccess
            guard instant != PlannedTask.none, tasks[index].flags.contains(.held) else { return nil }
            return (definitions[index].name, Instant(milliseconds: instant))
        }
    }

    /// Whether it is at risk, of each enabled task whose source does not keep its data for good.
    ///
    /// - Complexity: O(*n*).
    package func risks(at now: Instant) -> [(String, Bool)] {
        definitions.indices.compactMap { index in
            let definition = definitions[index]
            guard definition.settings.isEnabled, definition.settings.policy.retention != nil,
                tasks[index].flags.contains(.held)
            else { return nil }
            let instant = tasks[index].lastSuccess
            let success = instant == PlannedTask.none ? nil : Instant(milliseconds: instant)
            return (definition.name, definition.isAtRisk(lastSuccess: success, now: now))
        }
    }

    private func nextRun(_ task: Int32) -> Instant? {
        let state = tasks[Int(task)]
        guard state.flags.contains(.isQueued), !state.flags.contains(.paused) else { return nil }
        return Instant(milliseconds: state.next)
    }
}
