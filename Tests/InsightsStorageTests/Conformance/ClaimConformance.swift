import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Claims", .tags(.conformance))
struct ClaimConformance {
    @Test("an occurrence belongs to the first that claims it", arguments: StoreKind.all)
    func unique(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let first = desk.claim(60)
            #expect(try await desk.commit(.claim(first)) == [.done])
            #expect(try await desk.commit(.claim(desk.claim(60))) == [.conflict])
            #expect(try await desk.commit(.claim(desk.claim(60, task: desk.tasks[1].id))) == [.done])
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(60))?.id == first.run)
            #expect(try await desk.store.runs(RunQuery(task: "one")).items.count == 1)
        }
    }

    @Test("a claim that finds its own row is done, however far the run is", arguments: StoreKind.all)
    func repeated(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            #expect(try await desk.commit(.claim(claim), .claim(claim)) == [.done, .done])
            #expect(try await desk.commit(.claim(claim), desk.finish(claim.run, at: 61)) == [.done, .done])
            #expect(try await desk.commit(.claim(claim)) == [.done])
            #expect(try await desk.store.run(claim.run)?.status == .succeeded)
        }
    }

    @Test("any number of runs by hand share an instant, and one with an occurrence", arguments: StoreKind.all)
    func byHand(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let outcomes = try await desk.commit(
                .claim(desk.claim(60, byHand: true)), .claim(desk.claim(60)), .claim(desk.claim(60, byHand: true)))
            #expect(outcomes == [.done, .done, .done])
            #expect(try await desk.store.runs(RunQuery(task: "one")).items.count == 3)
            let stored = try await desk.store.tasks().first { $0.name == "one" }
            #expect(stored?.lastOccurrence == Desk.at(60))
        }
    }

    @Test("a run by hand does not move the cadence", arguments: StoreKind.all)
    func cadence(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            _ = try await desk.commit(.claim(desk.claim(60, byHand: true)))
            #expect(try await desk.store.tasks().allSatisfy { $0.lastOccurrence == nil })
        }
    }

    @Test("a claim starts its first attempt, or waits", arguments: StoreKind.all)
    func startsOrWaits(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (going, waiting) = (desk.claim(60, attempts: 3), desk.claim(61, starts: false))
            _ = try await desk.commit(.claim(going), .claim(waiting))
            let run = try #require(try await desk.store.run(going.run))
            #expect(run.status == .running && run.attempt == 1 && run.attempts == 3)
            #expect(run.startedAt == Desk.at(60) && run.lateness == .milliseconds(12) && run.node == Desk.node.name)
            #expect(run.task == "one" && run.uses == "test.module" && run.trigger == .cadence)
            let other = try #require(try await desk.store.run(waiting.run))
            #expect(other.status == .queued && other.attempt == 0 && other.startedAt == nil && other.lateness == nil)
            #expect(other.node == nil && other.finishedAt == nil)
        }
    }

    @Test("an occurrence within a record of several skipped ones is taken", arguments: StoreKind.all)
    func skippedRange(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            _ = try await desk.commit(.skip(desk.skip(60, until: 180, count: 3)))
            for at in [60.0, 120, 180] { #expect(try await desk.commit(.claim(desk.claim(at))) == [.conflict]) }
            #expect(try await desk.commit(.claim(desk.claim(59)), .claim(desk.claim(181))) == [.done, .done])
            #expect(try await desk.store.runs(RunQuery(task: "one")).items.count == 3)
        }
    }

    @Test("of a batch of hundreds only those that are taken conflict", arguments: StoreKind.all)
    func largeBatch(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let taken = [3.0, 40, 41, 199]
            for at in taken { _ = try await desk.commit(.claim(desk.claim(at))) }
            _ = try await desk.commit(.skip(desk.skip(500, until: 510, count: 11)))
            let claims = (0..<200).map { desk.claim(Double($0)) } + [desk.claim(505)]
            let outcomes = try await desk.store.commit(claims.map { .claim($0) })
            let refused = zip(claims, outcomes).filter { $0.1 != .done }.map { $0.0.scheduledAt }
            #expect(refused == (taken + [505]).map { Desk.at($0) })
            #expect(try await desk.store.commit(claims.map { .claim($0) }) == outcomes)
            #expect(try await desk.store.runs(RunQuery(task: "one", limit: 1000)).items.count == 201)
            #expect(try await desk.store.tasks().first { $0.name == "one" }?.lastOccurrence == Desk.at(510))
        }
    }

    @Test("one batch of claims grants an occurrence once", arguments: StoreKind.all)
    func withinBatch(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claims = (0..<64).map { desk.claim(Double($0 % 32)) }
            let outcomes = try await desk.store.commit(claims.map { .claim($0) })
            #expect(outcomes == Array(repeating: .done, count: 32) + Array(repeating: .conflict, count: 32))
        }
    }

    @Test("a mark keeps the newest success, in whatever order they end", arguments: StoreKind.all)
    func newestMark(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (older, newer) = (desk.claim(60), desk.claim(120))
            let waiting = desk.tasks[1].id
            func mark(_ at: Double) -> AfterMark {
                AfterMark(task: waiting, upstream: desk.task, scheduledAt: Desk.at(at))
            }
            _ = try await desk.commit(.claim(older), .claim(newer))
            _ = try await desk.commit(desk.finish(newer.run, at: 121, marks: [mark(120)]))
            _ = try await desk.commit(desk.finish(older.run, at: 122, marks: [mark(60)]))
            #expect(try await desk.store.tasks().first { $0.name == "two" }?.marks == [mark(120)])
        }
    }

    @Test("a claim that is refused uses up marks that are no newer than it", arguments: StoreKind.all)
    func clearsMarksOfRefused(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (upstream, waiting) = (desk.tasks[0].id, desk.tasks[1].id)
            func mark(_ second: Double) -> AfterMark {
                AfterMark(task: waiting, upstream: upstream, scheduledAt: Desk.at(second))
            }
            let (first, next) = (desk.claim(60), desk.claim(120))
            _ = try await desk.commit(.claim(desk.claim(60, task: waiting, trigger: .after)), .claim(first))
            _ = try await desk.commit(desk.finish(first.run, at: 61, marks: [mark(60)]))
            let refused = StoreWrite.claim(desk.claim(60, task: waiting, clearsMarks: true, trigger: .after))
            #expect(try await desk.commit(refused) == [.conflict])
            #expect(try await desk.store.tasks().first { $0.name == "two" }?.marks == [])
            _ = try await desk.commit(.claim(next), desk.finish(next.run, at: 121, marks: [mark(120)]))
            #expect(try await desk.commit(refused) == [.conflict])
            #expect(try await desk.store.tasks().first { $0.name == "two" }?.marks == [mark(120)])
        }
    }

    @Test("a claim uses up its task's marks once, not those set after it", arguments: StoreKind.all)
    func clearsMarks(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (upstream, waiting) = (desk.tasks[0].id, desk.tasks[1].id)
            let mark = AfterMark(task: waiting, upstream: upstream, scheduledAt: Desk.at(60))
            let first = desk.claim(60)
            _ = try await desk.commit(.claim(first), desk.finish(first.run, at: 61, marks: [mark]))
            #expect(try await desk.store.tasks().first { $0.name == "two" }?.marks == [mark])
            let next = desk.claim(120)
            _ = try await desk.commit(.claim(next))
            let later = AfterMark(task: waiting, upstream: upstream, scheduledAt: Desk.at(120))
            let batch: [StoreWrite] = [
                .claim(desk.claim(60, task: waiting, clearsMarks: true, trigger: .after)),
                desk.finish(next.run, at: 121, marks: [later]),
            ]
            #expect(try await desk.store.commit(batch) == [.done, .done])
            #expect(try await desk.store.tasks().first { $0.name == "two" }?.marks == [later])
            // The answer was lost: the same batch again must not use up what came after the claim.
            #expect(try await desk.store.commit(batch) == [.done, .done])
            #expect(try await desk.store.tasks().first { $0.name == "two" }?.marks == [later])
        }
    }
}

extension Tag {
    /// What every store must pass.
    @Tag static var conformance: Self
}
