import InsightsEngine
import InsightsPlugin
import Testing

/// A clock that was wrong left occurrences ahead; put right, the task's grid starts anew before them.
@Suite("After a wrong clock", .tags(.conformance))
struct AnewConformance {
    @Test("what is due after it is granted, also within what was skipped ahead", arguments: StoreKind.all)
    func withinRange(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let ahead = desk.skip(70, until: 18_000, count: 1794, .catchUp)
            _ = try await desk.commit(.claim(desk.claim(60)), .skip(ahead), .claim(desk.claim(18_010)))
            #expect(try await desk.commit(.claim(desk.claim(100))) == [.conflict])
            let first = desk.claim(100, startsAnew: true)
            for _ in 1...2 { #expect(try await desk.commit(.claim(first)) == [.done]) }
            #expect(try await Self.last(desk) == Desk.at(100))
            // From then on it advances as ever: alone, in a batch of many, and by records.
            #expect(try await desk.commit(.claim(desk.claim(110))) == [.done])
            let claims = (0..<40).map { desk.claim(120 + Double($0)) } + [desk.claim(100)]
            let outcomes = try await desk.store.commit(claims.map { .claim($0) })
            #expect(outcomes == Array(repeating: .done, count: 40) + [.conflict])
            let skip = desk.skip(170, until: 180, count: 2, .catchUp)
            _ = try await desk.commit(.skip(skip), .skip(desk.skip(190, .catchUp)))
            #expect(try await desk.store.run(skip.run)?.count == 3)
            #expect(try await desk.store.run(ahead.run)?.count == 1794)
            #expect(try await Self.last(desk) == Desk.at(190))
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(100))?.id == first.run)
        }
    }

    @Test("a batch of many is granted whole where it lies within what was skipped ahead", arguments: StoreKind.all)
    func batchWithinRange(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let taken = desk.claim(5, task: desk.tasks[1].id)
            _ = try await desk.commit(
                .skip(desk.skip(0, until: 18_000, count: 1801)), .claim(taken),
                .claim(desk.claim(50, startsAnew: true)))
            // One that is taken has each of them looked at.
            let claims = (0..<31).map { desk.claim(60 + Double($0)) } + [desk.claim(5, task: desk.tasks[1].id)]
            let outcomes = try await desk.store.commit(claims.map { .claim($0) })
            #expect(outcomes == Array(repeating: .done, count: 31) + [.conflict])
        }
    }

    @Test("an instant that has its run keeps it, and the task goes on from there", arguments: StoreKind.all)
    func taken(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (first, second) = (desk.claim(100), desk.claim(200))
            _ = try await desk.commit(.claim(first), .claim(second), .skip(desk.skip(300, until: 900, count: 7)))
            #expect(try await desk.commit(.claim(desk.claim(100, startsAnew: true))) == [.conflict])
            #expect(try await Self.last(desk) == Desk.at(100))
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(100))?.id == first.run)
            #expect(try await desk.commit(.claim(desk.claim(200)), .claim(desk.claim(400))) == [.conflict, .done])
            #expect(try await Self.last(desk) == Desk.at(400))
        }
    }

    @Test("an instant that is taken is where a task goes on from, be it a newer one", arguments: StoreKind.all)
    func takenAhead(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            _ = try await desk.commit(.claim(desk.claim(500)), .claim(desk.claim(100, startsAnew: true)))
            #expect(try await Self.last(desk) == Desk.at(100))
            let batch: [StoreWrite] = [.claim(desk.claim(500, startsAnew: true)), .claim(desk.claim(600))]
            // The second time as if the first answer had been lost.
            for _ in 1...2 {
                #expect(try await desk.store.commit(batch) == [.conflict, .done])
                #expect(try await Self.last(desk) == Desk.at(600))
            }
        }
    }

    @Test("a record of skips starts anew as well, and extends nothing", arguments: StoreKind.all)
    func skips(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let ahead = desk.skip(100, until: 900, count: 9, .paused)
            _ = try await desk.commit(.skip(ahead))
            let anew = desk.skip(150, .paused, startsAnew: true)
            for _ in 1...2 {
                #expect(try await desk.commit(.skip(anew), .skip(desk.skip(160, .paused))) == [.done, .done])
            }
            #expect(try await desk.store.run(ahead.run)?.count == 9)
            #expect(try await desk.store.run(anew.run)?.count == 2)
            #expect(try await Self.last(desk) == Desk.at(160))
            // At an instant that is told of already there is nothing to add.
            _ = try await desk.commit(.claim(desk.claim(2000)), .skip(desk.skip(100, .paused, startsAnew: true)))
            #expect(try await Self.last(desk) == Desk.at(100))
            _ = try await desk.commit(.skip(desk.skip(155, .paused)))
            #expect(try await desk.store.run(ahead.run)?.count == 9)
            #expect(try await Self.last(desk) == Desk.at(155))
        }
    }

    private static func last(_ desk: Desk) async throws -> Instant? {
        try await desk.store.tasks().first { $0.name == "one" }?.lastOccurrence
    }
}
