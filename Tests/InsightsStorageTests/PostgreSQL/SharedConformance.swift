import InsightsEngine
import InsightsPlugin
import Synchronization
import Testing

@testable import InsightsStorage

/// What holds where several nodes share a store.
@Suite("Several nodes", .tags(.conformance))
struct SharedConformance {
    private static let report = NodeReport(manifest: 7, running: 2, takesShare: true)

    /// Two nodes on one database: the desk's and another.
    private func withTwo(
        _ kind: StoreKind, _ body: (Desk, any SharedStore, any SharedStore) async throws -> Void
    ) async throws {
        try await withDesk(kind) { desk async throws in
            let first = try #require(desk.store as? any SharedStore)
            let second = try #require(try await desk.kind.openOffPool(desk.folder.path) as? any SharedStore)
            try await second.acquire(NodeIdentity(name: "desk-2", processID: 4712, version: "9.9.9", manifest: 7))
            try await body(desk, first, second)
            await second.close()
        }
    }

    private func wishes(_ desk: Desk) -> [HoldWish] { desk.tasks.map { HoldWish(task: $0.id, hash: 1) } }

    @Test("a task is held by one node until it is released", arguments: StoreKind.shared)
    func hold(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, first, second async throws in
            let held = try await first.hold(wishes(desk), limit: 2)
            #expect(held.map(\.task.name) == ["one", "two"] && held.allSatisfy(\.isStart))
            #expect(try await second.hold(wishes(desk), limit: 10).map(\.task.name) == ["three"])
            _ = try await desk.commit(.release(desk.tasks[0].id))
            let passed = try await second.hold(wishes(desk), limit: 10)
            #expect(passed.map(\.task.name) == ["one", "three"])
            // Somebody has held it since a time at which no node lived.
            #expect(passed[0].isStart == false)
            _ = try await desk.commit(.release(desk.tasks[0].id))
            #expect(try await first.hold(wishes(desk), limit: 10).map(\.task.name) == ["two"])
        }
    }

    @Test("a task whose definition is another one is left out", arguments: StoreKind.shared)
    func hashes(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, first, _ async throws in
            let (one, two) = (desk.tasks[0].id, desk.tasks[1].id)
            let held = try await first.hold([HoldWish(task: one, hash: 2), HoldWish(task: two, hash: nil)], limit: 10)
            #expect(held.map(\.task.id) == [two])
        }
    }

    @Test("what a node leaves when it goes is taken with its lost attempts, once", arguments: StoreKind.shared)
    func takeOver(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, first, second async throws in
            _ = try await first.hold(wishes(desk), limit: 10)
            let (going, waiting) = (desk.claim(60), desk.claim(61, starts: false))
            _ = try await desk.commit(.claim(going), .claim(waiting))
            #expect(try await second.hold(wishes(desk), limit: 10).isEmpty)
            await first.release()
            let abandoned = try await second.abandonedTasks(limit: 10)
            #expect(abandoned == [desk.tasks[0].id])
            for _ in 1...2 {
                let held = try await second.hold(wishes(desk), limit: 10)
                #expect(held.count == 3)
                #expect(held[0].unfinished.map(\.run) == [going.run, waiting.run])
                #expect(held[0].unfinished.map(\.fence) == [2, 0] && held[0].unfinished.map(\.losses) == [1, 0])
            }
            #expect(try await second.abandonedTasks(limit: 10).isEmpty)
            // The dead cannot write: neither as a node nor by the old fence.
            await #expect(throws: StoreError.self) { try await desk.commit(desk.finish(going.run, at: 62)) }
            #expect(try await second.commit([desk.finish(going.run, at: 62)]) == [.fenced])
        }
    }

    @Test("a node whose lease ran out is dead once another has looked, and enters anew", arguments: StoreKind.shared)
    func leases(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, first, second async throws in
            let renewal = try await first.renew(Self.report)
            #expect(
                renewal.duration == .seconds(3600) && PostgresStore.lease == .seconds(15)
                    && renewal.living.map(\.name) == ["desk-1", "desk-2"])
            #expect(renewal.living[0].running == 2 && renewal.living[0].manifest == 7)
            _ = try await first.hold(wishes(desk), limit: 10)
            let database = try #require(first as? PostgresStore)
            try await database.expireLease()
            // Nobody has looked yet: it goes on.
            _ = try await first.renew(Self.report)
            try await database.expireLease()
            #expect(try await second.hold(wishes(desk), limit: 10).count == 3)
            for attempt in 1...2 {
                let error = await #expect(throws: StoreError.self) { try await first.renew(Self.report) }
                #expect(error?.kind == .leaseLost, "attempt \(attempt)")
            }
            let refused = await #expect(throws: StoreError.self) { try await desk.commit(.claim(desk.claim(60))) }
            #expect(refused?.kind == .leaseLost)
            try await first.acquire(Desk.node)
            #expect(try await first.hold(wishes(desk), limit: 10).isEmpty)
            _ = try await desk.commit(.claim(desk.claim(60)))
            await second.release()
            #expect(try await first.hold(wishes(desk), limit: 10).map(\.isStart) == [false, false, false])
        }
    }

    @Test("two nodes have two names", arguments: StoreKind.shared)
    func names(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, _, _ async throws in
            let third = try await desk.kind.openOffPool(desk.folder.path)
            let error = await #expect(throws: StoreError.self) { try await third.acquire(Desk.node) }
            #expect(error?.kind == .alreadyRunning && error?.message.contains("4711") == true)
            await third.close()
        }
    }

    @Test("places in a group are counted over all nodes", arguments: StoreKind.shared)
    func places(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, first, second async throws in
            let group = GroupPlace(name: "g", limit: 2)
            func claim(_ at: Double) -> Claim {
                var claim = desk.claim(at)
                claim.group = group
                return claim
            }
            let (a, b, c) = (claim(60), claim(61), claim(62))
            #expect(try await first.commit([.claim(a), .claim(b), .claim(c)]) == [.done, .done, .noPlace])
            #expect(try await first.commit([.claim(a), .claim(c)]) == [.done, .noPlace])
            #expect(try await first.run(c.run)?.status == .queued)
            let start = StoreWrite.start(
                AttemptStart(run: c.run, fence: 0, attempt: 1, at: Desk.at(63), lateness: nil, group: group))
            #expect(try await second.commit([start]) == [.noPlace])
            // An end frees one for a later start in its batch; of one whose code goes on, only when that ends.
            #expect(try await first.commit([desk.finish(a.run, at: 64), start]) == [.done, .done])
            guard case .finish(var kept) = desk.finish(b.run, at: 65) else { return }
            kept.keepsPlace = true
            let d = claim(66)
            #expect(try await first.commit([.finish(kept), .claim(d)]) == [.done, .noPlace])
            let late = StoreWrite.start(
                AttemptStart(run: d.run, fence: 0, attempt: 1, at: Desk.at(67), lateness: nil, group: group))
            #expect(try await first.commit([.leave(b.run), late]) == [.done, .done])
            // Those of a node that is gone are free.
            let e = claim(68)
            await first.release()
            #expect(try await second.commit([.claim(e)]) == [.done])
        }
    }

    @Test("requests go to who holds the task, and to anybody when nobody does", arguments: StoreKind.shared)
    func requests(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, first, second async throws in
            _ = try await first.hold([HoldWish(task: desk.task, hash: 1)], limit: 1)
            let run = desk.claim(60)
            _ = try await desk.commit(.claim(run))
            let kinds: [Request.Kind] = [
                .run(task: "one", dependents: false, batch: false), .cancel(run.run),
                .run(task: "two", dependents: false, batch: false), .reload,
            ]
            try await second.ask(kinds.map { Request(id: desk.id(), kind: $0, at: Desk.start) })
            #expect(try await first.pendingRequests(limit: 10).map(\.kind) == kinds)
            #expect(try await second.pendingRequests(limit: 10).map(\.kind) == Array(kinds[2...]))
        }
    }

    @Test(
        "news tell of marks, pauses and definitions that others wrote, and a notice comes first",
        arguments: StoreKind.shared)
    func news(_ kind: StoreKind) async throws {
        try await withTwo(kind) { desk, first, second async throws in
            let follower = desk.tasks[1].id
            let before = try await second.news(of: [follower])
            #expect(before.followers.map(\.marks) == [[]] && before.paused.isEmpty)
            var notices = second.notices.makeAsyncIterator()
            let claim = desk.claim(60)
            let mark = AfterMark(task: follower, upstream: desk.task, scheduledAt: Desk.at(60))
            _ = try await desk.commit(.claim(claim), desk.finish(claim.run, at: 61, marks: [mark]))
            #expect(await notices.next() != nil)
            try await first.setPaused(["three"], true)
            _ = try await first.register([TaskRegistration(name: "one", hash: 9)], at: Desk.start)
            let after = try await second.news(of: [follower])
            #expect(after.followers.map(\.marks) == [[mark]] && after.paused == [desk.tasks[2].id])
            #expect(after.definitions > before.definitions)
        }
    }
}

extension PostgresStore {
    /// As if 15 s had passed without a renewal.
    func expireLease() async throws {
        let number = node.withLock { $0?.number } ?? 0
        try await control { statements in
            _ = try statements.run("UPDATE nodes SET expires_at = 0 WHERE number = ?1", .integer(number))
        }
    }
}
