internal import InsightsPlugin

/// A manifest comes into force: first, or in place of another.
extension Planner {
    /// - Parameter stored: What is kept of each task, in the order of `manifest.tasks`.
    mutating func take(_ manifest: Manifest, _ stored: [StoredTask]) {
        precondition(manifest.tasks.count == stored.count, "what is stored is told of each task")
        concurrency = manifest.concurrency
        let priority = manifest.tasks.first?.settings.policy.priority
        isOfOnePriority = manifest.tasks.allSatisfy { $0.settings.policy.priority == priority }
        let names = manifest.groups.keys.sorted()
        groups = names.map { name in
            let limit = manifest.groups[name] ?? 0
            return PlaceGroup(limit: limit, place: isShared ? GroupPlace(name: name, limit: limit) : nil)
        }
        placesAskedAt = nil
        let groupIndices = Dictionary(zip(names, Int32(0)...)) { first, _ in first }
        let isSorted = zip(manifest.tasks, manifest.tasks.dropFirst()).allSatisfy { $0.name < $1.name }
        let order = isSorted ? nil : manifest.tasks.indices.sorted { manifest.tasks[$0].name < manifest.tasks[$1].name }
        let definitions = order.map { $0.map { manifest.tasks[$0] } } ?? manifest.tasks
        let stored = order.map { $0.map { stored[$0] } } ?? stored
        if startedAt == nil {
            startedAt = now.wall.milliseconds
            load(definitions, stored, groupIndices)
        } else {
            reload(definitions, stored, groupIndices)
        }
        rebuildDueQueue()
        recountPlaces()
    }

    /// The first manifest of the process.
    private mutating func load(_ new: [TaskDefinition], _ stored: [StoredTask], _ groupIndices: [String: Int32]) {
        definitions = new
        tasks.reserveCapacity(new.count)
        var facts = SharedFacts(groupIndices: groupIndices)
        for index in new.indices {
            let (flags, group) = facts.of(new[index])
            tasks.append(
                PlannedTask(stored[index], group: group, flags: flags.union(isShared ? [] : [.atStart, .held])))
        }
        if isShared { return rebuildChains { _ in [:] } }
        heldTasks = new.count
        rebuildChains { stored[Int($0)].latestMarks }
        var lead: Int64 = 0
        for index in new.indices {
            let last = tasks[index].last
            if !tasks[index].flags.contains(.follows), aim(Int32(index)), last != PlannedTask.none {
                lead = max(lead, last - now.wall.milliseconds)
            }
            if isSchedulerEnabled, new[index].settings.isEnabled, new[index].settings.policy.onStart == .always {
                extras.append(Int32(index))
            }
        }
        // No event before this one tells by how much it went back; the store does.
        if lead > 0 { observe(.clockStepped(.milliseconds(-lead))) }
    }

    /// Tasks that did not change keep all that is known of them; removed ones finish what runs.
    private mutating func reload(_ new: [TaskDefinition], _ stored: [StoredTask], _ groupIndices: [String: Int32]) {
        let former = (definitions: definitions + retired, kept: definitions.count, tasks: tasks, chains: chains)
        let origins = origins(of: new)
        var facts = SharedFacts(groupIndices: groupIndices)
        definitions = new
        retired = []
        tasks = []
        tasks.reserveCapacity(new.count)
        var places = [Int32](repeating: -1, count: former.tasks.count)
        for index in new.indices {
            let (flags, group) = facts.of(new[index])
            guard let origin = origins[index] else {
                tasks.append(PlannedTask(stored[index], group: group, flags: isShared ? flags : flags.union(.held)))
                continue
            }
            places[origin] = Int32(index)
            var task = former.tasks[origin]
            task.group = group
            task.flags = task.flags.subtracting(PlannedTask.Flags.ofDefinition.union(.isFollowed)).union(flags)
            tasks.append(task)
        }
        keepRemoved(former.definitions, former.tasks, &places, &facts)
        if isShared { releaseUnnamed(former.tasks, places) }
        heldTasks = tasks.count { $0.flags.contains(.held) }
        moveRuns(to: places)
        rebuildChains { task in
            guard let origin = origins[Int(task)], let chain = former.chains[Int32(origin)] else {
                return stored[Int(task)].latestMarks
            }
            return Dictionary(zip(chain.upstreams.map { former.tasks[Int($0)].id }, chain.marks)) { $1 }
        }
        for index in new.indices where !tasks[index].flags.contains(.follows) {
            let before = origins[index].flatMap { $0 < former.kept ? former.definitions[$0] : nil }
            if before?.hash != new[index].hash { aimAfterReload(Int32(index), before) }
        }
        cancelUnwanted()
    }

    /// A changed cadence counts from the last occurrence. While it was disabled or not in the manifest a task had
    /// none, so nothing was missed then.
    private mutating func aimAfterReload(_ task: Int32, _ before: TaskDefinition?) {
        let index = Int(task)
        let wall = now.wall.milliseconds
        let wasEnabled = before?.settings.isEnabled ?? false
        // As the next process would: a grid of `starting`, or none, has left no anchor of its own.
        if tasks[index].last != PlannedTask.none, !tasks[index].flags.contains(.anchored) {
            tasks[index].anchor = tasks[index].last
        }
        if tasks[index].last == PlannedTask.none {
            if before != nil, !wasEnabled, tasks[index].anchor < wall { tasks[index].anchor = wall }
            aim(task)
        } else {
            aim(task)
            if !wasEnabled, tasks[index].next <= wall {
                tasks[index].next = definitions[index].cadence.next(after: wall, anchor: tasks[index].anchor)
            }
        }
    }

    /// For each new definition the index of the task of that name so far, removed ones with runs included.
    private func origins(of new: [TaskDefinition]) -> [Int?] {
        let removed = Dictionary(
            retired.enumerated().map { ($1.name, $0 + definitions.count) }, uniquingKeysWith: { $1 })
        var origins: [Int?] = []
        origins.reserveCapacity(new.count)
        var old = 0
        for definition in new {
            while old < definitions.count, definitions[old].name < definition.name { old += 1 }
            let isKept = old < definitions.count && definitions[old].name == definition.name
            origins.append(isKept ? old : removed[definition.name])
        }
        return origins
    }

    /// Keeps removed tasks as long as they have runs.
    private mutating func keepRemoved(
        _ definitions: [TaskDefinition], _ former: [PlannedTask], _ places: inout [Int32], _ facts: inout SharedFacts
    ) {
        for run in runs.slots where run.phase != .free && run.task >= 0 && places[Int(run.task)] < 0 {
            let origin = Int(run.task)
            places[origin] = Int32(tasks.count)
            var task = former[origin]
            task.group = facts.of(definitions[origin]).group
            task.flags.subtract([.isFollowed, .isQueued, .enabled])
            task.next = PlannedTask.never
            retired.append(definitions[origin])
            tasks.append(task)
        }
    }

    /// Another node may still have a name for what this one's manifest does not name any more.
    private mutating func releaseUnnamed(_ former: [PlannedTask], _ places: [Int32]) {
        for (task, place) in zip(former, places) where place < 0 && task.flags.contains(.held) {
            out.append(.write(.release(task.id), nil, nil))
        }
    }

    /// Tells runs the new indices of their tasks.
    private mutating func moveRuns(to places: [Int32]) {
        for index in runs.slots.indices where runs.slots[index].phase != .free && runs.slots[index].task >= 0 {
            runs[Int32(index)].task = places[Int(runs.slots[index].task)]
        }
        extras = extras.map { places[Int($0)] }.filter { $0 >= 0 }
        for (number, group) in manualGroups {
            func moved<Fact>(_ facts: [Int32: Fact]) -> [Int32: Fact] {
                Dictionary(facts.map { (places[Int($0)], $1) }, uniquingKeysWith: { $1 })
            }
            manualGroups[number]?.members = moved(group.members)
            manualGroups[number]?.waiters = moved(group.waiters)
        }
    }

    /// Ends what was claimed and not started of tasks that are gone, or that the cadence no longer starts.
    private mutating func cancelUnwanted() {
        for index in runs.slots.indices {
            let (slot, run) = (Int32(index), runs.slots[index])
            guard run.phase != .free, run.task >= 0, run.attempt == 0, !run.flags.contains(.startsWithClaim) else {
                continue
            }
            if Int(run.task) >= definitions.count {
                cancel(slot, .removed)
            } else if !tasks[Int(run.task)].flags.contains(.enabled), run.trigger != .manual {
                cancel(slot, .disabled)
            }
        }
    }

    private mutating func recountPlaces() {
        let held = runs.slots.indices.filter {
            runs.slots[$0].flags.contains(.holdsPlace) && runs.slots[$0].phase != .free
        }
        placesTaken = held.count
        for index in held {
            let group = Int(tasks[Int(runs.slots[index].task)].group)
            if group >= 0 { groups[group].taken += 1 }
        }
        ready = Array(repeating: MinHeap(), count: groups.count + 1)
        readyCount = 0
        for index in runs.slots.indices where runs.slots[index].phase == .ready { makeReady(Int32(index)) }
    }
}

extension StoredTask {
    /// Milliseconds by upstream.
    var latestMarks: [TaskID: Int64] {
        Dictionary(marks.map { ($0.upstream, $0.scheduledAt.milliseconds) }, uniquingKeysWith: max)
    }
}

/// What many tasks have in common through their settings, found once for each run of equal ones.
private struct SharedFacts {
    let groupIndices: [String: Int32]
    private var settings: TaskSettings?
    private var flags: PlannedTask.Flags = []
    private var group: Int32 = -1

    init(groupIndices: [String: Int32]) { self.groupIndices = groupIndices }

    mutating func of(_ definition: TaskDefinition) -> (flags: PlannedTask.Flags, group: Int32) {
        if settings !== definition.settings {
            settings = definition.settings
            flags = []
            if definition.settings.isEnabled { flags.insert(.enabled) }
            if definition.settings.policy.jitter > .zero { flags.insert(.jittered) }
            group = definition.settings.policy.group.flatMap { groupIndices[$0] } ?? -1
        }
        switch definition.cadence {
        case .after: return (flags.union(.follows), group)
        case .every(_, .some): return (flags.union(.anchored), group)
        case .every, .cron: return (flags, group)
        }
    }
}
