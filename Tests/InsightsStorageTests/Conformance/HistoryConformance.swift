import InsightsEngine
import InsightsPlugin
import Testing

@Suite("History", .tags(.conformance))
struct HistoryConformance {
    /// Twelve runs of three tasks, of several states, two of one instant.
    static func fill(_ desk: Desk) async throws {
        for (index, task) in desk.tasks.prefix(3).enumerated() {
            for minute in 0..<3 {
                let at = Double(minute * 60 + index * 10)
                let claim = desk.claim(at, task: task.id)
                let status: RunStatus = [.succeeded, .failed, .timedOut][(minute + index) % 3]
                _ = try await desk.commit(
                    .claim(claim), desk.finish(claim.run, .final(status, reason: nil), at: at + 1, task: task.id))
            }
        }
        _ = try await desk.commit(
            .claim(desk.claim(60, byHand: true)), .claim(desk.claim(60, byHand: true, starts: false)),
            .claim(desk.claim(-600, task: desk.tasks[2].id, byHand: true)),
            .skip(desk.skip(180, task: desk.tasks[1].id)))
    }

    static let filters: [(String?, RunStatus?, Double?)] = [
        (nil, nil, nil), ("one", nil, nil), ("three", nil, nil), (nil, .failed, nil), (nil, .queued, nil),
        ("two", .succeeded, nil), ("one", .running, nil), (nil, nil, 70), ("three", nil, 20), (nil, .succeeded, 20),
        ("two", .timedOut, 50), ("nobody", nil, nil), ("nobody", .failed, nil), (nil, .interrupted, nil),
    ]

    @Test("newest scheduled first, whatever is asked for, and page by page the same", arguments: StoreKind.all)
    func order(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await Self.fill(desk)
            let all = try await desk.store.runs(RunQuery(limit: 100)).items
            #expect(all.count == 13)
            #expect(all.map(\.scheduledAt) == all.map(\.scheduledAt).sorted(by: >))
            for (task, status, since) in Self.filters {
                let expected = all.filter { run in
                    (task == nil || run.task == task) && (status == nil || run.status == status)
                        && (since == nil || run.scheduledAt >= Desk.at(since!))
                }
                for limit in [1, 2, 5, 100] {
                    var found: [RunID] = []
                    var query = RunQuery(task: task, status: status, since: since.map { Desk.at($0) }, limit: limit)
                    repeat {
                        let page = try await desk.store.runs(query)
                        #expect(page.items.count <= limit)
                        found += page.items.map(\.id)
                        query.cursor = page.nextCursor
                    } while query.cursor != nil && found.count < 100
                    #expect(found == expected.map(\.id), "\(task ?? "-") \(status?.rawValue ?? "-") \(limit)")
                }
            }
        }
    }

    @Test("a cursor that no page gave, and a limit out of bounds, are refused", arguments: StoreKind.all)
    func badQueries(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            for cursor in ["", "x", "1", "1.2.3", "1.x", "'; DROP TABLE runs", "99999999999999999999.1"] {
                let error = await #expect(throws: StoreError.self) {
                    try await desk.store.runs(RunQuery(cursor: cursor))
                }
                #expect(error?.kind == .invalid)
            }
            for limit in [0, -1, 10_001] {
                let error = await #expect(throws: StoreError.self) { try await desk.store.runs(RunQuery(limit: limit)) }
                #expect(error?.kind == .invalid)
            }
            #expect(try await desk.store.runs(RunQuery(limit: 10_000)).items.isEmpty)
        }
    }

    @Test("the last run of each task is the newest scheduled, by hand or not", arguments: StoreKind.all)
    func lastRuns(_ kind: StoreKind) async throws {
        try await withDesk(kind, tasks: ["one", "two", "three", "never"]) { desk async throws in
            try await Self.fill(desk)
            let last = try await desk.store.lastRuns()
            #expect(last["one"]?.scheduledAt == Desk.at(120) && last["two"]?.status == .skipped)
            #expect(last["three"]?.scheduledAt == Desk.at(140) && last["never"] == nil)
            let newer = desk.claim(500, byHand: true)
            _ = try await desk.commit(.claim(newer))
            #expect(try await desk.store.lastRuns()["one"]?.id == newer.run)
        }
    }

    @Test("an occurrence is told by its run, or by the record that covers it", arguments: StoreKind.all)
    func occurrence(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            let byHand = desk.claim(60, byHand: true)
            _ = try await desk.commit(.claim(byHand), .claim(claim), .skip(desk.skip(120, until: 240, count: 3)))
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(60))?.id == claim.run)
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(180))?.reason == "overlap")
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(61)) == nil)
            let (between, alone) = (desk.claim(180, byHand: true), desk.claim(61, byHand: true))
            _ = try await desk.commit(.claim(between), .claim(alone))
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(180))?.reason == "overlap")
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(61))?.id == alone.run)
            #expect(try await desk.store.occurrence(task: "two", at: Desk.at(60)) == nil)
            #expect(try await desk.store.occurrence(task: "nobody", at: Desk.at(60)) == nil)
        }
    }

    @Test("pruning takes what ended before, in batches, and never the newest occurrence", arguments: StoreKind.all)
    func prune(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let log = AttemptPayload(log: [LogLine(at: Desk.start, level: "info", message: "x")])
            var claims: [Claim] = []
            for minute in 0..<10 {
                let claim = desk.claim(Double(minute * 60))
                _ = try await desk.commit(
                    .claim(claim), desk.finish(claim.run, at: Double(minute * 60 + 5), payload: log))
                claims.append(claim)
            }
            let (byHand, going) = (desk.claim(90, byHand: true), desk.claim(95, byHand: true))
            let other = desk.claim(0, task: desk.tasks[1].id)
            _ = try await desk.commit(
                .claim(byHand), .claim(going), desk.finish(byHand.run, at: 96), .claim(other),
                desk.finish(other.run, at: 1, task: desk.tasks[1].id))
            func prune(_ before: Double, limit: Int = 100, task: TaskID? = nil) async throws -> Int {
                try await desk.store.prune(task: task ?? desk.task, before: Desk.at(before), limit: limit)
            }
            #expect(try await prune(125, limit: 2) == 2)
            #expect(try await prune(125, limit: 2) == 1)
            #expect(try await prune(125, limit: 2) == 0)
            let left = try await desk.store.runs(RunQuery(task: "one", limit: 100)).items.map(\.id)
            #expect(left == (claims[2...].map(\.run).reversed() + [going.run]))
            #expect(try await desk.store.log(of: claims[0].run, offset: 0).isEmpty)
            #expect(try await desk.store.log(of: claims[5].run, offset: 0).count == 1)
            #expect(try await prune(10_000) == 7)
            #expect(try await desk.store.runs(RunQuery(task: "one")).items.map(\.id) == [claims[9].run, going.run])
            #expect(try await prune(10_000, task: desk.tasks[1].id) == 0)
            #expect(try await desk.store.tasks().first { $0.name == "one" }?.lastOccurrence == Desk.at(540))
            #expect(try await desk.commit(.claim(desk.claim(540))) == [.conflict])
            #expect(try await desk.store.lastRuns()["one"]?.id == claims[9].run)
        }
    }

    @Test("after the newest run by hand is pruned, the last run is the next newest", arguments: StoreKind.all)
    func pruneByHand(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (old, new) = (desk.claim(10, byHand: true), desk.claim(20, byHand: true))
            _ = try await desk.commit(.claim(old), .claim(new), desk.finish(new.run, at: 21))
            #expect(try await desk.store.prune(task: desk.task, before: Desk.at(100), limit: 10) == 1)
            #expect(try await desk.store.lastRuns()["one"]?.id == old.run)
            _ = try await desk.commit(desk.finish(old.run, at: 22))
            #expect(try await desk.store.prune(task: desk.task, before: Desk.at(100), limit: 10) == 1)
            #expect(try await desk.store.lastRuns().isEmpty)
        }
    }
}
