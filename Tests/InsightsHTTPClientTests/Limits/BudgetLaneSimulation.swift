import InsightsEngine
import Testing

@testable import InsightsHTTPClient

/// A server with one limit in fixed windows, as GitHub's, and a clock of its own that shows whole seconds.
private struct LimitedServer {
    let limit: Int
    let window: Int64
    let skew: Int64
    var counts: [Int64: Int] = [:]
    var refusals = 0

    mutating func answer(at now: Int64) -> LimitReading {
        let own = now + skew
        let index = own / window
        let used = counts[index, default: 0]
        var reading = LimitReading()
        reading.limit = limit
        let date = own / 1000 * 1000
        reading.resetsIn = (index + 1) * window - date
        if used >= limit {
            refusals += 1
            reading.refusal = .limit
            reading.remaining = 0
            return reading
        }
        counts[index] = used + 1
        reading.remaining = limit - used - 1
        return reading
    }
}

@Suite("Runs against a limit, by seed")
struct BudgetLaneSimulation {
    private struct Flight {
        var id: UInt64
        var reachesAt: Int64
        var returnsAt: Int64
        var reading: LimitReading?
    }

    @Test("The limit is never overrun, nothing is forgotten, order is kept, and turns are fair", arguments: 0..<60)
    func simulate(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var server = LimitedServer(
            limit: Int.random(in: 6...60, using: &random), window: Int64.random(in: 5...90, using: &random) * 1000,
            skew: Int64.random(in: -90_000...90_000, using: &random))
        let atOnce = Int.random(in: 1...12, using: &random)
        let perMinute = Bool.random(using: &random) ? Int.random(in: 5...200, using: &random) : nil
        var lane = BudgetLane()
        var now: Int64 = 10_000_000
        var flights: [Flight] = []
        var owner: [UInt64: UInt64] = [:]
        var lastLeft: [UInt64: UInt64] = [:]
        /// Of each run that waits, the runs that had a turn since.
        var passedBy: [UInt64: Set<UInt64>] = [:]
        var departures: [Int64] = []
        var waiting: Set<UInt64> = []
        var done = 0
        var toAsk = 150
        var nextID: UInt64 = 0

        func take(_ decisions: [BudgetLane.Decision]) throws {
            for decision in decisions {
                guard case .go(let id) = decision else {
                    if case .fail = decision { Issue.record("seed \(seed): none has a deadline") }
                    continue
                }
                let run = try #require(owner[id])
                #expect(lastLeft[run] ?? 0 < id, "seed \(seed): order within a run")
                lastLeft[run] = id
                waiting.remove(id)
                passedBy[run] = nil
                for other in Set(waiting.compactMap { owner[$0] }) where other != run {
                    #expect(passedBy[other, default: []].insert(run).inserted, "seed \(seed): turns")
                }
                departures.append(now)
                let there = now + Int64.random(in: 1...400, using: &random)
                flights.append(
                    Flight(
                        id: id, reachesAt: there, returnsAt: there + Int64.random(in: 1...400, using: &random)))
                #expect(flights.count <= atOnce, "seed \(seed): at once")
                if let perMinute {
                    #expect(departures.filter { $0 > now - 60_000 }.count <= perMinute, "seed \(seed): pace")
                }
            }
        }

        var steps = 0
        while done < 150 {
            steps += 1
            try #require(steps < 100_000, "seed \(seed): it stands still")
            var next = flights.flatMap { [$0.reading == nil ? $0.reachesAt : .max, $0.returnsAt] }
            if toAsk > 0 { next.append(now + Int64.random(in: 0...200, using: &random)) }
            if let wake = lane.wake(at: now) { next.append(wake) }
            now = max(now, try #require(next.min(), "seed \(seed): \(waiting.count) wait for nothing"))
            for index in flights.indices where flights[index].reading == nil && flights[index].reachesAt <= now {
                flights[index].reading = server.answer(at: now)
            }
            if let index = flights.firstIndex(where: { $0.returnsAt <= now }) {
                let flight = flights.remove(at: index)
                done += 1
                if Int.random(in: 0..<20, using: &random) == 0 {
                    try take(lane.lost(flight.id, at: now))
                } else {
                    try take(lane.answered(flight.id, try #require(flight.reading), at: now))
                }
            } else if toAsk > 0, Bool.random(using: &random) {
                toAsk -= 1
                nextID += 1
                owner[nextID] = UInt64.random(in: 1...4, using: &random)
                waiting.insert(nextID)
                let waiter = BudgetLane.Waiter(
                    id: nextID, run: RunID(high: owner[nextID] ?? 0, low: 0), resource: "core", concurrency: atOnce,
                    perMinute: perMinute, deadline: .max)
                try take(lane.arrive(waiter, at: now))
            } else {
                try take(lane.tick(at: now))
            }
        }
        #expect(server.refusals == 0, "seed \(seed): overrun")
        #expect(waiting.isEmpty && lane.inFlight == 0 && lane.waiting == 0)
    }

    @Test("While a server has asked to wait nothing leaves, and who cannot wait is told so at once", arguments: 0..<60)
    func pauses(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) &+ 1_000_000)
        var lane = BudgetLane()
        var now: Int64 = 10_000_000
        var flights: [(id: UInt64, returnsAt: Int64)] = []
        var deadlines: [UInt64: Int64] = [:]
        var waiting: Set<UInt64> = []
        /// As a server would keep it that says so to each that it refuses.
        var closedUntil: Int64 = .min
        var (gone, failed, nextID) = (0, 0, UInt64(0))

        func take(_ decisions: [BudgetLane.Decision]) throws {
            for decision in decisions {
                switch decision {
                case .go(let id):
                    #expect(now >= closedUntil, "seed \(seed): \(id) left \(closedUntil - now) ms too early")
                    #expect(waiting.remove(id) != nil, "seed \(seed): twice, or never asked")
                    flights.append((id, now + Int64.random(in: 1...800, using: &random)))
                    gone += 1
                case .fail(let id, let until):
                    #expect(waiting.remove(id) != nil, "seed \(seed): twice, or never asked")
                    #expect(try #require(deadlines[id]) < until, "seed \(seed): it could have waited")
                    failed += 1
                case .held(_, let until):
                    if let until { #expect(until > now, "seed \(seed): held until what is past") }
                }
            }
        }

        var steps = 0
        while gone + failed < 300 || !flights.isEmpty {
            steps += 1
            try #require(steps < 100_000, "seed \(seed): it stands still")
            var next = flights.map(\.returnsAt)
            if nextID < 300 { next.append(now + Int64.random(in: 0...300, using: &random)) }
            if let wake = lane.wake(at: now) { next.append(wake) }
            now = max(now, try #require(next.min(), "seed \(seed): \(waiting.count) wait for nothing"))
            if let index = flights.firstIndex(where: { $0.returnsAt <= now }) {
                let flight = flights.remove(at: index)
                var reading = LimitReading()
                switch Int.random(in: 0..<12, using: &random) {
                case 0:
                    reading.refusal = .limit
                    reading.retryAfter = Int64.random(in: 1...120, using: &random) * 1000
                    closedUntil = max(closedUntil, now + (reading.retryAfter ?? 0))
                case 1:
                    reading.refusal = .unavailable
                    reading.isAuthentic = false
                    reading.retryAfter = 5000
                    closedUntil = max(closedUntil, now + 5000)
                default: break
                }
                try take(lane.answered(flight.id, reading, at: now))
            } else if nextID < 300, Bool.random(using: &random) {
                nextID += 1
                waiting.insert(nextID)
                let deadline = now + Int64.random(in: 1000...400_000, using: &random)
                deadlines[nextID] = deadline
                let waiter = BudgetLane.Waiter(
                    id: nextID, run: RunID(high: UInt64.random(in: 1...4, using: &random), low: 0),
                    resource: Bool.random(using: &random) ? "core" : "graphql", concurrency: 6, perMinute: nil,
                    deadline: deadline)
                try take(lane.arrive(waiter, at: now))
            } else if nextID > 0, Int.random(in: 0..<20, using: &random) == 0,
                let id = waiting.min(by: { $0 < $1 })
            {
                waiting.remove(id)
                failed += 1
                try take(lane.leave(id, at: now))
            } else {
                try take(lane.tick(at: now))
            }
        }
        #expect(waiting.isEmpty && lane.inFlight == 0 && lane.waiting == 0)
    }
}
