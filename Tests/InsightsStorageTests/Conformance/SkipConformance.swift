import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Skipped occurrences", .tags(.conformance))
struct SkipConformance {
    @Test("consecutive skips of one reason share a row", arguments: StoreKind.all)
    func extend(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let first = desk.skip(60)
            _ = try await desk.commit(.skip(first))
            let alone = try #require(try await desk.store.run(first.run))
            #expect(alone.count == 1 && alone.until == nil && alone.status == .skipped && alone.reason == "overlap")
            #expect(alone.attempt == 0 && alone.startedAt == nil && alone.finishedAt == Desk.at(60))
            let more = desk.skip(120, until: 240, count: 3)
            for _ in 1...2 { #expect(try await desk.commit(.skip(more)) == [.done]) }
            let row = try #require(try await desk.store.run(first.run))
            #expect(row.count == 4 && row.until == Desk.at(240) && row.scheduledAt == Desk.at(60))
            #expect(try await desk.store.run(more.run) == nil)
            for at in [60.0, 120, 180, 240] {
                #expect(try await desk.store.occurrence(task: "one", at: Desk.at(at))?.id == first.run)
            }
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(300)) == nil)
            #expect(try await desk.store.tasks().first { $0.name == "one" }?.lastOccurrence == Desk.at(240))
        }
    }

    @Test("another reason, or a run between, begins a new row", arguments: StoreKind.all)
    func newRow(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let run = desk.claim(180)
            _ = try await desk.commit(
                .skip(desk.skip(60)), .skip(desk.skip(120, .paused)), .claim(run), desk.finish(run.run, at: 181),
                .skip(desk.skip(240, .paused)))
            let rows = try await desk.store.runs(RunQuery(task: "one")).items
            #expect(rows.map(\.scheduledAt) == [240, 180, 120, 60].map { Desk.at($0) })
            #expect(rows.map(\.reason) == ["paused", nil, "paused", "overlap"])
        }
    }

    @Test("a run by hand between skips does not part them", arguments: StoreKind.all)
    func byHandBetween(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            _ = try await desk.commit(
                .skip(desk.skip(60)), .claim(desk.claim(90, byHand: true)), .skip(desk.skip(120)))
            #expect(try await desk.store.runs(RunQuery(task: "one", status: .skipped)).items.map(\.count) == [2])
        }
    }

    @Test("a run that ended as skipped is extended, too", arguments: StoreKind.all)
    func endedAsSkipped(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let held = desk.claim(60, starts: false)
            _ = try await desk.commit(
                .claim(held), desk.finish(held.run, fence: 0, .final(.skipped, reason: "overlap"), at: 61),
                .skip(desk.skip(120)))
            let run = try #require(try await desk.store.run(held.run))
            #expect(run.count == 2 && run.until == Desk.at(120))
        }
    }

    @Test("an older occurrence that was skipped has a row of its own", arguments: StoreKind.all)
    func older(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            _ = try await desk.commit(.skip(desk.skip(240)))
            let older = desk.skip(60, until: 120, count: 2)
            for _ in 1...2 { #expect(try await desk.commit(.skip(older)) == [.done]) }
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(120))?.id == older.run)
            #expect(try await desk.store.tasks().first { $0.name == "one" }?.lastOccurrence == Desk.at(240))
            _ = try await desk.commit(.skip(desk.skip(300)))
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(300))?.count == 2)
        }
    }

    @Test("an occurrence that became a run is not skipped as well", arguments: StoreKind.all)
    func taken(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            #expect(try await desk.commit(.claim(claim), .skip(desk.skip(60))) == [.done, .done])
            #expect(try await desk.store.runs(RunQuery(task: "one")).items.map(\.id) == [claim.run])
        }
    }

    @Test("a skip uses up marks like the claim it stands for", arguments: StoreKind.all)
    func clearsMarks(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            let mark = AfterMark(task: desk.tasks[1].id, upstream: desk.task, scheduledAt: Desk.at(60))
            _ = try await desk.commit(
                .claim(claim), desk.finish(claim.run, at: 61, marks: [mark]),
                .skip(desk.skip(60, .paused, task: desk.tasks[1].id, clearsMarks: true)))
            #expect(try await desk.store.tasks().allSatisfy { $0.marks.isEmpty })
        }
    }
}
