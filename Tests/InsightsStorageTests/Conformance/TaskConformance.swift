import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Tasks, pauses and requests", .tags(.conformance))
struct TaskConformance {
    @Test("a task keeps its number and first registration, in the order asked", arguments: StoreKind.all)
    func register(_ kind: StoreKind) async throws {
        try await withDesk(kind, tasks: ["b", "a"]) { desk async throws in
            #expect(desk.tasks.map(\.name) == ["b", "a"])
            let names = ["a", "new", "b"].map { TaskRegistration(name: $0, hash: .max) }
            let again = try await desk.store.register(names, at: Desk.at(1000))
            #expect(again.map(\.name) == ["a", "new", "b"] && again.allSatisfy { $0.hash == .max })
            #expect([again[0].id, again[2].id] == [desk.tasks[1].id, desk.tasks[0].id])
            #expect(again.map(\.registeredAt) == [Desk.start, Desk.at(1000), Desk.start])
            #expect(Set(again.map(\.id)).count == 3)
            try await desk.reopen()
            let stored = try await desk.store.tasks()
            #expect(stored.map(\.name) == ["a", "b", "new"] && stored.allSatisfy { $0.hash == .max })
            #expect(try await desk.store.task(named: "b")?.id == again[2].id)
            #expect(try await desk.store.task(named: "nobody") == nil)
        }
    }

    @Test("registering tells what is stored", arguments: StoreKind.all)
    func registered(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            let mark = AfterMark(task: desk.tasks[1].id, upstream: desk.task, scheduledAt: Desk.at(60))
            _ = try await desk.commit(
                .claim(claim), desk.finish(claim.run, at: 61, marks: [mark]), .setPaused(task: desk.tasks[2].id, true),
                .skip(desk.skip(120, until: 240, count: 3)))
            let (one, two) = (try await desk.store.task(named: "one"), try await desk.store.task(named: "two"))
            #expect(one?.lastOccurrence == Desk.at(240) && one?.lastSuccessAt == Desk.at(60) && one?.marks == [])
            #expect(two?.marks == [mark] && two?.isPaused == false)
            for hash in [1, 2] as [UInt64] {
                let names = ["one", "two", "three"].map { TaskRegistration(name: $0, hash: hash) }
                let tasks = try await desk.store.register(names, at: Desk.at(1000))
                #expect(tasks[0].lastOccurrence == Desk.at(240) && tasks[0].lastSuccessAt == Desk.at(60))
                #expect(tasks[1].marks == [mark] && tasks[1].lastOccurrence == nil)
                #expect(tasks.map(\.isPaused) == [false, false, true])
            }
        }
    }

    @Test("a hundred thousand tasks are registered at once", arguments: StoreKind.all)
    func many(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let names = (0..<100_000).map { TaskRegistration(name: "task-\($0)", hash: UInt64($0)) }
            let first = try await desk.store.register(names, at: Desk.start)
            #expect(first.map(\.name) == names.map(\.name))
            #expect(Set(first.map(\.id)).count == 100_000)
            let again = try await desk.store.register(names.reversed(), at: Desk.at(1))
            #expect(again.map(\.id) == first.reversed().map(\.id))
        }
    }

    @Test("a definition that is not new to the process leaves the hash that is stored", arguments: StoreKind.all)
    func hashes(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let registrations = [
                TaskRegistration(name: "one", hash: 2, isNew: false), TaskRegistration(name: "two", hash: 2),
                TaskRegistration(name: "new", hash: 2, isNew: false),
            ]
            #expect(try await desk.store.register(registrations, at: Desk.at(1)).map(\.hash) == [1, 2, 2])
            #expect(try await desk.store.tasks().map(\.hash) == [2, 1, 1, 2])
        }
    }

    @Test("who runs tasks is told, and with what", arguments: StoreKind.all)
    func nodes(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            _ = try await desk.commit(.claim(desk.claim(60)), .claim(desk.claim(120, starts: false)))
            let other = try desk.kind.open(desk.folder.path)
            let node = try #require(try await other.nodes().first)
            #expect(node.name == Desk.node.name && node.processID == 4711 && node.version == "9.9.9")
            #expect(node.isAlive && node.manifest == Desk.node.manifest)
            #expect(node.startedAt.map { $0 <= node.lastSeen } == true)
            await desk.store.release()
            #expect(try await other.nodes().allSatisfy { !$0.isAlive })
            await other.close()
        }
    }

    @Test("a pause is stored, also of a task that no process has registered yet", arguments: StoreKind.all)
    func pauses(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.store.setPaused(["one", "later"], true)
            #expect(try await desk.store.tasks().filter(\.isPaused).map(\.name) == ["one"])
            try await desk.reopen()
            let tasks = try await desk.store.register(
                ["one", "later"].map { TaskRegistration(name: $0, hash: 1) }, at: Desk.at(9))
            #expect(tasks.allSatisfy(\.isPaused) && tasks[1].registeredAt == Desk.at(9))
            try await desk.store.setPaused(["one"], false)
            _ = try await desk.commit(.setPaused(task: tasks[1].id, false))
            #expect(try await desk.store.tasks().allSatisfy { !$0.isPaused })
        }
    }

    @Test("requests wait in order until each has its answer", arguments: StoreKind.all)
    func requests(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let run = desk.id()
            let kinds: [Request.Kind] = [
                .run(task: "one", dependents: true, batch: false), .run(task: "two", dependents: false, batch: true),
                .cancel(run), .pausesChanged, .reload, .release(task: "one"),
            ]
            let requests = kinds.enumerated().map { Request(id: desk.id(), kind: $1, at: Desk.at(Double($0))) }
            #expect(try await desk.store.pendingRequests(limit: 10).isEmpty)
            try await desk.store.ask(requests)
            try await desk.store.ask([requests[0]])
            let pending = try await desk.store.pendingRequests(limit: 10)
            #expect(pending.map(\.id) == requests.map(\.id) && pending.map(\.kind) == kinds)
            #expect(pending.map(\.at) == requests.map(\.at))
            #expect(try await desk.store.pendingRequests(limit: 2).map(\.id) == requests.prefix(2).map(\.id))
            #expect(try await desk.store.answer(to: requests[0].id) == nil)
            let answers: [RequestAnswer] = [.accepted, .overlaps(run), .refused("no such task")]
            let batch = zip(requests, answers).map { StoreWrite.answer($0.id, $1) }
            for _ in 1...2 { #expect(try await desk.store.commit(batch) == [.done, .done, .done]) }
            for (request, answer) in zip(requests, answers) {
                #expect(try await desk.store.answer(to: request.id) == answer)
            }
            #expect(try await desk.store.pendingRequests(limit: 10).map(\.id) == requests.suffix(3).map(\.id))
            // Asked again after its answer, as when the asker's own commit seemed lost.
            try await desk.store.ask([requests[0]])
            #expect(try await desk.store.pendingRequests(limit: 10).count == 3)
        }
    }

    @Test("one store at a time runs tasks, and its name can be asked for", arguments: StoreKind.exclusive)
    func place(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let other = try desk.kind.open(desk.folder.path)
            let running = try await other.runningNode()
            #expect(running?.name == Desk.node.name && running?.processID == 4711 && running?.version == "9.9.9")
            let error = await #expect(throws: StoreError.self) {
                try await other.acquire(NodeIdentity(name: "other", processID: 1, version: "1"))
            }
            #expect(error?.kind == .alreadyRunning && error?.message.contains("4711") == true)
            // The rest works beside it.
            _ = try await desk.commit(.claim(desk.claim(60)))
            #expect(try await other.runs(RunQuery()).items.count == 1)
            try await other.ask([Request(id: desk.id(), kind: .reload, at: Desk.start)])
            #expect(try await desk.store.pendingRequests(limit: 1).count == 1)
            await desk.store.release()
            #expect(try await other.runningNode() == nil)
            try await other.acquire(NodeIdentity(name: "other", processID: 1, version: "1"))
            #expect(try await desk.store.runningNode()?.name == "other")
            #expect(try await desk.store.runs(RunQuery()).items.count == 1)
            await other.close()
        }
    }

    @Test("a store can be probed", arguments: StoreKind.all)
    func probe(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.store.probe()
            #expect(try await desk.store.commit([]).isEmpty)
        }
    }
}
