import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Attempts and fences", .tags(.conformance))
struct AttemptConformance {
    @Test("each start raises the fence by one and is refused under another", arguments: StoreKind.all)
    func start(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60, starts: false, attempts: 2)
            _ = try await desk.commit(.claim(claim))
            #expect(try await desk.commit(desk.start(claim.run, fence: 1, attempt: 1, at: 61)) == [.conflict])
            let start = desk.start(claim.run, fence: 0, attempt: 1, at: 62)
            #expect(try await desk.commit(start) == [.done])
            #expect(try await desk.commit(start) == [.done])
            #expect(try await desk.commit(desk.start(claim.run, fence: 1, attempt: 2, at: 63)) == [.conflict])
            let run = try #require(try await desk.store.run(claim.run))
            #expect(run.status == .running && run.attempt == 1 && run.startedAt == Desk.at(62))
            #expect(run.lateness == .milliseconds(5))
            #expect(try await desk.commit(desk.finish(claim.run, fence: 0, at: 64)) == [.fenced])
            #expect(try await desk.commit(desk.finish(claim.run, fence: 1, at: 64)) == [.done])
        }
    }

    @Test("a start of a run that is over, or that nobody claimed, is refused", arguments: StoreKind.all)
    func startOfNothing(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            _ = try await desk.commit(.claim(claim), desk.finish(claim.run, at: 61))
            #expect(try await desk.commit(desk.start(claim.run, fence: 1, attempt: 2, at: 62)) == [.conflict])
            #expect(try await desk.commit(desk.start(desk.id(), fence: 0, attempt: 1, at: 62)) == [.conflict])
        }
    }

    @Test("starts in one batch stand or fall each by itself, and mix with ends of others", arguments: StoreKind.all)
    func startsTogether(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let waiting = (0..<4).map { desk.claim(60 + Double($0), starts: false, attempts: 2) }
            let (going, over) = (desk.claim(70), desk.claim(71))
            let claims = (waiting + [going, over]).map { StoreWrite.claim($0) }
            #expect(try await desk.store.commit(claims + [desk.finish(over.run, at: 72)]).allSatisfy { $0 == .done })
            let all = waiting[0..<3].map { desk.start($0.run, fence: 0, attempt: 1, at: 80) }
            #expect(
                try await desk.store.commit(all + [desk.finish(going.run, at: 81)]) == [.done, .done, .done, .done])
            let mixed = [
                // Sent again, fenced off, over, unknown, and one that may.
                all[0], desk.start(waiting[1].run, fence: 0, attempt: 2, at: 82),
                desk.start(over.run, fence: 1, attempt: 2, at: 82), desk.start(desk.id(), fence: 0, attempt: 1, at: 82),
                desk.start(waiting[3].run, fence: 0, attempt: 1, at: 82), desk.finish(waiting[2].run, at: 83),
            ]
            #expect(
                try await desk.store.commit(mixed) == [.done, .conflict, .conflict, .conflict, .done, .done])
            for (place, claim) in waiting.enumerated() {
                let run = try #require(try await desk.store.run(claim.run))
                #expect(run.status == (place == 2 ? .succeeded : .running))
                #expect(run.attempt == 1 && run.startedAt == Desk.at(place == 3 ? 82 : 80))
                #expect(run.lateness == .milliseconds(5) && run.node != nil)
            }
            #expect(
                try await desk.store.commit([
                    desk.finish(waiting[0].run, .interrupted, at: 84), desk.finish(waiting[3].run, fence: 0, at: 84),
                ]) == [.done, .fenced])
            let again = [
                desk.start(waiting[0].run, fence: 1, attempt: 2, at: 85),
                desk.start(waiting[3].run, fence: 1, attempt: 2, at: 85),
            ]
            #expect(try await desk.store.commit(again) == [.done, .conflict])
            let run = try #require(try await desk.store.run(waiting[0].run))
            #expect(run.attempt == 2 && run.startedAt == Desk.at(80) && run.reason == nil)
        }
    }

    @Test("a run has one end", arguments: StoreKind.all)
    func oneEnd(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            let finish = desk.finish(claim.run, .final(.cancelled, reason: "operator"), at: 61)
            #expect(try await desk.commit(.claim(claim), finish, finish) == [.done, .done, .done])
            #expect(try await desk.commit(desk.finish(claim.run, at: 62)) == [.fenced])
            #expect(try await desk.commit(desk.finish(claim.run, .interrupted, at: 62)) == [.fenced])
            let run = try #require(try await desk.store.run(claim.run))
            #expect(run.status == .cancelled && run.reason == "operator" && run.finishedAt == Desk.at(61))
            #expect(run.duration == .milliseconds(250))
        }
    }

    @Test("an end of a run that nobody claimed is refused", arguments: StoreKind.all)
    func endOfNothing(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            #expect(try await desk.commit(desk.finish(desk.id(), at: 1)) == [.fenced])
            let payload = AttemptPayload(log: [LogLine(at: Desk.start, level: "info", message: "x")])
            #expect(try await desk.commit(desk.checkpoint(desk.id(), at: 1, payload)) == [.fenced])
        }
    }

    @Test("a failed attempt that is tried again keeps its error until the end", arguments: StoreKind.all)
    func retry(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60, attempts: 3)
            let error = RunError(code: "http", message: "503", isRetryable: true, retryAt: Desk.at(75))
            let ended = desk.finish(
                claim.run, .retrying(at: Desk.at(70)), at: 61, error: error, counts: true)
            #expect(try await desk.commit(.claim(claim), ended, ended) == [.done, .done, .done])
            let waiting = try #require(try await desk.store.run(claim.run))
            #expect(waiting.status == .retrying && waiting.error == error && waiting.finishedAt == nil)
            let unfinished = try #require(try await desk.store.recover().first)
            #expect(unfinished.status == .retrying && unfinished.retryAt == Desk.at(70) && unfinished.failures == 1)
            #expect(unfinished.fence == 1 && unfinished.losses == 0)
            #expect(try await desk.commit(desk.start(claim.run, fence: 1, attempt: 2, at: 70)) == [.done])
            // The end of the first attempt, sent again with the start of the second, changes nothing.
            #expect(try await desk.commit(ended) == [.done])
            #expect(try await desk.commit(desk.finish(claim.run, fence: 1, at: 71)) == [.fenced])
            #expect(try await desk.commit(desk.finish(claim.run, fence: 2, at: 72)) == [.done])
            let run = try #require(try await desk.store.run(claim.run))
            #expect(run.status == .succeeded && run.error == nil && run.attempt == 2 && run.startedAt == Desk.at(60))
        }
    }

    @Test("what a process left is taken over once, and its attempt fenced off", arguments: StoreKind.all)
    func recover(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (going, queued) = (desk.claim(60, attempts: 2), desk.claim(61, byHand: true, starts: false))
            let (over, cut) = (desk.claim(62), desk.claim(63))
            _ = try await desk.commit(.claim(going), .claim(queued), .claim(over), .claim(cut))
            _ = try await desk.commit(desk.finish(over.run, at: 64), desk.finish(cut.run, .interrupted, at: 64))
            try await desk.reopen()
            for _ in 1...2 {
                let runs = try await desk.store.recover()
                #expect(runs.map(\.run) == [going.run, queued.run, cut.run])
                #expect(runs.map(\.status) == [.running, .queued, .interrupted])
                #expect(runs.map(\.fence) == [2, 0, 1])
                #expect(runs.map(\.losses) == [1, 0, 0])
                #expect(runs.map(\.attempt) == [1, 0, 1])
                #expect(runs.map(\.occurrence) == [Desk.at(60), nil, Desk.at(63)])
                #expect(runs.map(\.movesDependents) == [true, false, true])
                #expect(runs.map(\.name) == ["one", "one", "one"])
            }
            #expect(try await desk.commit(desk.finish(going.run, fence: 1, at: 70)) == [.fenced])
            #expect(try await desk.commit(desk.finish(going.run, fence: 1, .interrupted, at: 70)) == [.fenced])
            let late = AttemptPayload(state: ["k": .some(.integer(1))])
            #expect(try await desk.commit(desk.checkpoint(going.run, fence: 1, at: 70, late)) == [.fenced])
            #expect(try await desk.store.state(of: desk.task, forKey: "k") == nil)
            #expect(try await desk.commit(desk.start(going.run, fence: 2, attempt: 2, at: 71)) == [.done])
            let runs = try await desk.store.recover()
            #expect(runs.first?.fence == 4 && runs.first?.losses == 2 && runs.first?.attempt == 2)
        }
    }

    @Test("an interrupted run says why, and goes on without it", arguments: StoreKind.all)
    func interrupted(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            _ = try await desk.commit(.claim(claim), desk.finish(claim.run, .interrupted, at: 61))
            #expect(try await desk.store.run(claim.run)?.reason == "shutdown")
            _ = try await desk.commit(desk.start(claim.run, fence: 1, attempt: 2, at: 62))
            #expect(try await desk.store.run(claim.run)?.reason == nil)
            #expect(try await desk.store.run(claim.run)?.startedAt == Desk.at(60))
        }
    }

    @Test("the last success is that of the latest instant", arguments: StoreKind.all)
    func lastSuccess(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (early, late, failed) = (desk.claim(60), desk.claim(120), desk.claim(180))
            _ = try await desk.commit(
                .claim(early), .claim(late), .claim(failed), desk.finish(late.run, at: 200),
                desk.finish(early.run, at: 201), desk.finish(failed.run, .final(.failed, reason: nil), at: 202))
            let task = try #require(try await desk.store.tasks().first { $0.name == "one" })
            #expect(task.lastSuccessAt == Desk.at(120) && task.lastOccurrence == Desk.at(180))
        }
    }

    @Test("an upstream's marks and skips come with its end, or not at all", arguments: StoreKind.all)
    func marks(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (two, three) = (desk.tasks[1].id, desk.tasks[2].id)
            let claim = desk.claim(60)
            let mark = AfterMark(task: two, upstream: desk.task, scheduledAt: Desk.at(60))
            let skip = desk.skip(60, .upstreamFailed, task: three)
            let stale = desk.finish(claim.run, fence: 7, at: 61, marks: [mark], skips: [skip])
            #expect(try await desk.commit(.claim(claim), stale) == [.done, .fenced])
            #expect(try await desk.store.tasks().allSatisfy { $0.marks.isEmpty })
            #expect(try await desk.store.occurrence(task: "three", at: Desk.at(60)) == nil)
            let finish = desk.finish(claim.run, at: 61, marks: [mark], skips: [skip])
            for _ in 1...2 { #expect(try await desk.commit(finish) == [.done]) }
            #expect(try await desk.store.tasks().first { $0.name == "two" }?.marks == [mark])
            let skipped = try #require(try await desk.store.occurrence(task: "three", at: Desk.at(60)))
            #expect(skipped.status == .skipped && skipped.reason == "upstream_failed" && skipped.count == 1)
        }
    }
}
