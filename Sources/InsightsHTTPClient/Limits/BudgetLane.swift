internal import DequeModule
internal import InsightsEngine

/// The queue to one server with one credential: which request may leave, in what order, and until when none may.
///
/// Pure: events in, decisions out, time as a number of milliseconds that never steps (``Moment/uptime``). Runs take
/// turns, and the requests of a run for one resource keep their order. Of a resource that nothing is known about, one
/// request goes ahead and the others wait for what its answer tells: so a limit is not overrun by the first of them.
struct BudgetLane: Sendable {
    /// A request that wants to leave.
    struct Waiter: Equatable, Sendable {
        var id: UInt64
        var run: RunID
        /// As the module names it.
        var resource: String
        var concurrency: Int
        var perMinute: Int?
        /// Uptime after which it need not leave any more.
        var deadline: Int64
    }

    enum Decision: Equatable, Sendable {
        /// It leaves now, and is answered or lost later.
        case go(UInt64)
        /// It would have to wait past its deadline: until `until`.
        case fail(UInt64, until: Int64)
        /// All that a run wants waits for a limit, until then; `nil`: no longer.
        case held(RunID, until: Int64?)
    }

    /// What is known of one resource.
    struct Resource: Sendable {
        enum Knowledge: Sendable {
            /// Nothing yet, or the window is over: one goes ahead.
            case unknown
            /// Its answers tell of no limit.
            case unlimited
            case window(Window)
        }

        struct Window: Sendable {
            var limit: Int?
            /// As told; those on their way are not taken off.
            var remaining: Int
            var resetsAt: Int64
            /// When an answer first told of this window.
            var knownSince: Int64
            /// When requests without an answer were given up. The server may have counted each, and no answer tells so
            /// before that of a request that left later.
            var losses: [Int64] = []

            /// What remains for sure.
            var sure: Int { max(0, remaining - losses.count) }
        }

        var knowledge = Knowledge.unknown
        /// The request that went ahead, of which nothing was known.
        var scout: UInt64?
        /// No request leaves before.
        var pausedUntil: Int64 = .min
    }

    private struct Flight: Sendable {
        var resource: String
        var leftAt: Int64
    }

    private struct Place: Hashable {
        var run: RunID
        var resource: String
    }

    private static let minute: Int64 = 60_000
    /// The first wait after a limit that does not say how long, and the longest, each twice the one before.
    static let silentWaits: ClosedRange<Int64> = 60_000...3_600_000
    /// Resets that differ by less are one: `Date` is to the second, and answers overtake each other.
    private static let tolerance: Int64 = 3_000
    /// Resources that a server may name; further ones count as what the module calls them.
    private static let resourceLimit = 32

    private(set) var resources: [String: Resource] = [:]
    /// The server's names of what modules call otherwise.
    private var aliases: [String: String] = [:]
    private var flights: [UInt64: Flight] = [:]
    private var queues: [Place: Deque<Waiter>] = [:]
    /// When each run had its last turn, as a number that grows.
    private var turns: [RunID: UInt64] = [:]
    private var turn: UInt64 = 0
    /// When requests left, within the last minute; kept once somebody asks for a pace.
    private var departures = Deque<Int64>()
    private var isPaced = false
    private(set) var pausedUntil: Int64 = .min
    private var pausedAt: Int64 = .min
    private var silentRefusals = 0
    private var held: [RunID: Int64] = [:]
    /// Until when each queue was last found to be held: all in it can wait that long, as who comes later is asked.
    private var examined: [Place: Int64] = [:]

    init() {}

    var inFlight: Int { flights.count }
    var waiting: Int { queues.values.reduce(0) { $0 + $1.count } }
    /// Whether nothing waits, flies or is remembered that still matters.
    func isIdle(at now: Int64) -> Bool {
        flights.isEmpty && queues.isEmpty && pausedUntil <= now
            && resources.values.allSatisfy { resource in
                if case .window(let window) = resource.knowledge, window.resetsAt > now { return false }
                return resource.pausedUntil <= now
            }
    }

    // MARK: Events

    /// A request wants to leave.
    mutating func arrive(_ waiter: Waiter, at now: Int64) -> [Decision] {
        refresh(now)
        if waiter.perMinute != nil { isPaced = true }
        if let until = hold(on: waiter.resource), until > now, until > waiter.deadline {
            return [.fail(waiter.id, until: until)]
        }
        queues[Place(run: waiter.run, resource: waiter.resource), default: []].append(waiter)
        return settle(now)
    }

    /// A request that has not left does not want to any more; one that has is left alone.
    mutating func leave(_ id: UInt64, at now: Int64) -> [Decision] {
        refresh(now)
        for (place, queue) in queues {
            guard let index = queue.firstIndex(where: { $0.id == id }) else { continue }
            queues[place]?.remove(at: index)
            if queue.count == 1 { queues[place] = nil }
            break
        }
        return settle(now)
    }

    /// A request that left was answered.
    mutating func answered(_ id: UInt64, _ reading: LimitReading, at now: Int64) -> [Decision] {
        refresh(now)
        guard let flight = flights.removeValue(forKey: id) else { return settle(now) }
        let name = learnName(of: flight.resource, told: reading.resource)
        learn(reading, of: name, leftAt: flight.leftAt, at: now)
        if let refusal = reading.refusal {
            pause(for: reading, refusal, of: name, leftAt: flight.leftAt, at: now)
        } else if reading.isAuthentic, flight.leftAt >= pausedAt {
            silentRefusals = 0
        }
        return settle(now)
    }

    /// A request that left had no answer. The server may have counted it all the same.
    mutating func lost(_ id: UInt64, at now: Int64) -> [Decision] {
        refresh(now)
        guard let flight = flights.removeValue(forKey: id) else { return settle(now) }
        if var window = window(of: flight.resource) {
            window.losses.append(now)
            resources[name(of: flight.resource)]?.knowledge = .window(window)
        }
        return settle(now)
    }

    /// Time has passed.
    mutating func tick(at now: Int64) -> [Decision] {
        refresh(now)
        return settle(now)
    }

    /// When ``tick(at:)`` will have something to do, if nothing else happens; `nil`: never.
    func wake(at now: Int64) -> Int64? {
        queues.values.compactMap { queue -> Int64? in
            guard let head = queue.first else { return nil }
            if let until = hold(on: head.resource), until > now { return until }
            if let until = pace(head), until > now { return until }
            return nil
        }.min()
    }

    // MARK: Learning

    private func name(of resource: String) -> String { aliases[resource] ?? resource }

    private mutating func learnName(of resource: String, told: String?) -> String {
        guard let told, told != name(of: resource) else { return name(of: resource) }
        guard resources[told] != nil || resources.count < BudgetLane.resourceLimit else { return name(of: resource) }
        if told == resource {
            aliases[resource] = nil
        } else {
            aliases[resource] = told
            resources[resource] = nil
        }
        return told
    }

    private mutating func learn(_ reading: LimitReading, of name: String, leftAt: Int64, at now: Int64) {
        var resource = resources[name] ?? Resource()
        defer { resources[name] = resource }
        guard let remaining = reading.remaining else {
            if case .unknown = resource.knowledge, reading.refusal == nil, reading.isAuthentic {
                resource.knowledge = .unlimited
            }
            return
        }
        let resetsAt = now + (reading.resetsIn ?? BudgetLane.minute)
        var window = Resource.Window(limit: reading.limit, remaining: remaining, resetsAt: resetsAt, knownSince: now)
        if case .window(let known) = resource.knowledge {
            if resetsAt < known.resetsAt - BudgetLane.tolerance {
                // An answer that was overtaken tells of a window that is over. Of a request that left since, the server
                // counts otherwise now, or has several budgets in turn: the tighter one stands.
                guard leftAt >= known.knownSince, remaining < known.remaining else { return }
            } else if resetsAt <= known.resetsAt + BudgetLane.tolerance {
                window.remaining = min(remaining, known.remaining)
                window.resetsAt = max(resetsAt, known.resetsAt)
                window.knownSince = known.knownSince
                window.losses = known.losses.filter { $0 > leftAt }
            }
        }
        resource.knowledge = window.resetsAt > now ? .window(window) : .unknown
    }

    /// First what `Retry-After` says; else, with nothing left, the window's end; else a minute, then two, and so on.
    private mutating func pause(
        for reading: LimitReading, _ refusal: LimitReading.Refusal, of name: String, leftAt: Int64, at now: Int64
    ) {
        if let wait = reading.retryAfter { return pauseAll(until: now + wait, at: now) }
        if reading.remaining == 0, let wait = reading.resetsIn, wait > 0 {
            let until = max(resources[name]?.pausedUntil ?? .min, now + wait)
            resources[name]?.pausedUntil = until
            return
        }
        // Those that left before the pause are of the same burst.
        guard leftAt >= pausedAt else { return }
        let (shortest, longest) = (BudgetLane.silentWaits.lowerBound, BudgetLane.silentWaits.upperBound)
        let wait = min(longest, shortest << Int64(min(silentRefusals, 16)))
        silentRefusals += 1
        pauseAll(until: now + wait, at: now)
    }

    private mutating func pauseAll(until: Int64, at now: Int64) {
        if until > pausedUntil { pausedUntil = until }
        // Later than any that has left by now.
        pausedAt = now + 1
    }

    private mutating func refresh(_ now: Int64) {
        for (name, resource) in resources {
            if case .window(let window) = resource.knowledge, window.resetsAt <= now {
                resources[name]?.knowledge = .unknown
            }
        }
        while let first = departures.first, first <= now - BudgetLane.minute { departures.removeFirst() }
    }

    // MARK: Deciding

    /// Until when a limit holds `resource`, if one does; it may be past.
    func hold(on resource: String) -> Int64? {
        var until = pausedUntil
        if let known = resources[name(of: resource)] {
            until = max(until, known.pausedUntil)
            if case .window(let window) = known.knowledge, window.sure == 0 { until = max(until, window.resetsAt) }
        }
        return until == .min ? nil : until
    }

    /// When a request may leave by the pace that it asks for; `nil`: now.
    private func pace(_ waiter: Waiter) -> Int64? {
        guard let perMinute = waiter.perMinute.map({ max(1, $0) }), departures.count >= perMinute else { return nil }
        return departures[departures.count - perMinute] + BudgetLane.minute
    }

    /// The window that a resource is in, as far as that is known.
    func window(of resource: String) -> Resource.Window? {
        if case .window(let window)? = resources[name(of: resource)]?.knowledge { window } else { nil }
    }

    /// Requests for a resource on their way.
    func flights(for resource: String) -> Int {
        let name = name(of: resource)
        return flights.values.reduce(0) { $0 + (self.name(of: $1.resource) == name ? 1 : 0) }
    }

    private func admits(_ waiter: Waiter, at now: Int64) -> Bool {
        guard flights.count < max(1, waiter.concurrency), pace(waiter) ?? now <= now else { return false }
        if let until = hold(on: waiter.resource), until > now { return false }
        let resource = resources[name(of: waiter.resource)] ?? Resource()
        switch resource.knowledge {
        case .unknown: return resource.scout.map { flights[$0] == nil } ?? true
        case .unlimited: return true
        case .window(let window): return window.sure > flights(for: waiter.resource)
        }
    }

    private mutating func settle(_ now: Int64) -> [Decision] {
        var decisions = giveUp(now)
        while let place = next(now), let waiter = queues[place]?.popFirst() {
            if queues[place]?.isEmpty == true { queues[place] = nil }
            flights[waiter.id] = Flight(resource: waiter.resource, leftAt: now)
            if case .unknown = resources[name(of: waiter.resource), default: Resource()].knowledge {
                resources[name(of: waiter.resource), default: Resource()].scout = waiter.id
            }
            if isPaced { departures.append(now) }
            turn += 1
            turns[waiter.run] = turn
            decisions.append(.go(waiter.id))
        }
        if queues.isEmpty, flights.isEmpty { (turns, examined) = ([:], [:]) }
        return decisions + tellHeld(now)
    }

    /// Those whose deadline comes before the limit's end have nothing to wait for.
    private mutating func giveUp(_ now: Int64) -> [Decision] {
        var decisions: [Decision] = []
        for (place, queue) in queues {
            guard let until = hold(on: place.resource), until > now, examined[place] != until else { continue }
            examined[place] = until
            let left = queue.filter { $0.deadline >= until }
            guard left.count < queue.count else { continue }
            decisions += queue.filter { $0.deadline < until }.map { .fail($0.id, until: until) }
            queues[place] = left.isEmpty ? nil : Deque(left)
        }
        return decisions
    }

    /// The queue whose run had its turn longest ago, of those whose first request may leave.
    private func next(_ now: Int64) -> Place? {
        queues.lazy
            .compactMap { place, queue in queue.first.map { (place: place, head: $0) } }
            .filter { admits($0.head, at: now) }
            .min { (turns[$0.place.run] ?? 0, $0.head.id) < (turns[$1.place.run] ?? 0, $1.head.id) }?
            .place
    }

    private mutating func tellHeld(_ now: Int64) -> [Decision] {
        var current: [RunID: Int64] = [:]
        var isGoing: Set<RunID> = []
        for place in queues.keys {
            guard let until = hold(on: place.resource), until > now else {
                isGoing.insert(place.run)
                continue
            }
            current[place.run] = min(until, current[place.run] ?? .max)
        }
        for run in isGoing { current[run] = nil }
        guard current != held else { return [] }
        let ended = held.keys.filter { current[$0] == nil }.map { Decision.held($0, until: nil) }
        let begun = current.filter { held[$0.key] != $0.value }.map { Decision.held($0.key, until: $0.value) }
        held = current
        return ended + begun
    }
}
