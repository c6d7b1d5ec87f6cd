import InsightsEngine
import InsightsPlugin
import Testing

@Suite("What attempts hand over", .tags(.conformance))
struct PayloadConformance {
    static let key = Desk.repository("forge.example/org/app")

    @Test("state is set, replaced and removed with the write that carries it", arguments: StoreKind.all)
    func state(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            let value: Value = ["etag": "W/\"1\"", "pages": [1, 2.5, nil, true]]
            let set = AttemptPayload(state: ["cursor": .some(value), "gone": .some("soon"), "": .some("nothing")])
            _ = try await desk.commit(.claim(claim), desk.checkpoint(claim.run, at: 61, set))
            #expect(try await desk.store.state(of: desk.task, forKey: "cursor") == value)
            #expect(try await desk.store.state(of: desk.tasks[1].id, forKey: "cursor") == nil)
            let next = AttemptPayload(state: ["cursor": .some(.integer(2)), "gone": .none])
            _ = try await desk.commit(desk.finish(claim.run, at: 62, payload: next))
            #expect(try await desk.store.state(of: desk.task, forKey: "cursor") == .integer(2))
            #expect(try await desk.store.state(of: desk.task, forKey: "gone") == nil)
            #expect(try await desk.store.state(of: desk.task, forKey: "") == "nothing")
        }
    }

    @Test("log lines keep their order, and more can be asked for from anywhere", arguments: StoreKind.all)
    func log(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            func line(_ number: Int) -> LogLine {
                LogLine(
                    at: Desk.at(60), level: "info", message: "line \(number)", fields: ["n": .integer(Int64(number))],
                    number: number)
            }
            _ = try await desk.commit(
                .claim(claim), desk.checkpoint(claim.run, at: 61, AttemptPayload(log: [line(0), line(1)])),
                desk.finish(claim.run, .final(.failed, reason: nil), at: 62, payload: AttemptPayload(log: [line(2)])))
            #expect(try await desk.store.log(of: claim.run, offset: 0) == [line(0), line(1), line(2)])
            #expect(try await desk.store.log(of: claim.run, offset: 2) == [line(2)])
            #expect(try await desk.store.log(of: claim.run, offset: 3).isEmpty)
            #expect(try await desk.store.log(of: desk.id(), offset: 0).isEmpty)
        }
    }

    @Test("a run keeps 1 MiB of log: later attempts take the room of earlier ones", arguments: StoreKind.all)
    func logLimit(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60, attempts: 3)
            func payload(_ attempt: Int, _ count: Int = 80) -> AttemptPayload {
                let text = String(repeating: "x", count: 10_000) + " of \(attempt)"
                return AttemptPayload(
                    log: Array(repeating: LogLine(at: Desk.at(60), level: "info", message: text), count: count))
            }
            func log(_ offset: Int = 0) async throws -> [LogLine] {
                try await desk.store.log(of: claim.run, offset: offset)
            }
            func count(_ attempt: Int) async throws -> Int {
                try await log().count { $0.message.hasSuffix(" of \(attempt)") }
            }
            _ = try await desk.commit(
                .claim(claim), desk.finish(claim.run, .retrying(at: Desk.at(62)), at: 61, payload: payload(1)),
                desk.start(claim.run, fence: 1, attempt: 2, at: 62),
                desk.finish(claim.run, fence: 2, .retrying(at: Desk.at(64)), at: 63, payload: payload(2)))
            #expect(try await count(2) == 80)
            let kept = try await count(1)
            #expect((15...25).contains(kept))
            var lines = try await log()
            #expect(lines.first?.message == "\(80 - kept) earlier log lines were dropped: a run keeps 1 MiB")
            #expect(lines.first?.level == "warning")
            #expect(lines.map(\.number) == Array(79 - kept..<160))
            // Who has read that far sees what comes after, once.
            _ = try await desk.commit(
                desk.start(claim.run, fence: 2, attempt: 3, at: 64),
                desk.checkpoint(claim.run, fence: 3, at: 65, payload(3, 60)),
                desk.finish(claim.run, fence: 3, at: 66, payload: payload(3, 20)))
            #expect(try await log(160).map(\.number) == Array(160..<240))
            #expect(try await count(3) == 80)
            lines = try await log()
            let dropped = try #require(lines.first).number + 1
            #expect(lines.first?.message == "\(dropped) earlier log lines were dropped: a run keeps 1 MiB")
            #expect(lines.count == 241 - dropped)
            #expect(lines.reduce(0) { $0 + $1.message.utf8.count } < (1 << 20) + 24_000)
        }
    }

    @Test("1 MiB of a program's short lines fits, and more at once than fits keeps its end", arguments: StoreKind.all)
    func shortLines(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            func lines(_ count: Int) -> [LogLine] {
                (0..<count).map {
                    LogLine(
                        at: Desk.at(60), level: "info", message: String(100_000_000 + $0), fields: ["stream": "stdout"])
                }
            }
            let (whole, over) = (desk.claim(60), desk.claim(120))
            for batch in [
                [.claim(whole), desk.finish(whole.run, at: 61, payload: AttemptPayload(log: lines(104_857)))],
                [.claim(over), desk.finish(over.run, at: 121, payload: AttemptPayload(log: lines(150_000)))],
            ] as [[StoreWrite]] {
                // On a busy machine a debug build may take longer over so many lines than a commit may: sent again, as the
                // engine does.
                let deadline = ContinuousClock.now + .seconds(300)
                while true {
                    do {
                        #expect(try await desk.store.commit(batch) == [.done, .done])
                        break
                    } catch let error as StoreError where error.kind == .unavailable && ContinuousClock.now < deadline {
                        // What was given up still holds its locks until the server has seen that.
                        try await Task.sleep(for: .milliseconds(200))
                    }
                }
            }
            #expect(try await desk.store.log(of: whole.run, offset: 0).count == 104_857)
            let end = try await desk.store.log(of: over.run, offset: 149_998)
            #expect(end.map(\.message) == ["100149998", "100149999"])
            let rest = try await desk.store.log(of: over.run, offset: 0)
            #expect(rest.first?.message == "\(150_001 - rest.count) earlier log lines were dropped: a run keeps 1 MiB")
            #expect((116_000...120_000).contains(rest.count))
        }
    }

    @Test("a checkpoint stays whatever becomes of the run, and is applied once", arguments: StoreKind.all)
    func checkpoint(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            let payload = AttemptPayload(
                emissions: [.sample(Sample(Self.key, "stars", at: Desk.at(60), 5))], metrics: Desk.metrics,
                log: [LogLine(at: Desk.at(60), level: "info", message: "one")])
            let batch: [StoreWrite] = [
                .claim(claim), desk.checkpoint(claim.run, at: 61, payload),
                desk.checkpoint(claim.run, at: 62, AttemptPayload(log: payload.log)),
            ]
            for _ in 1...3 { #expect(try await desk.store.commit(batch) == [.done, .done, .done]) }
            _ = try await desk.commit(desk.finish(claim.run, .final(.failed, reason: nil), at: 63))
            #expect(try await desk.store.commit(batch) == [.done, .done, .done])
            #expect(try await desk.store.log(of: claim.run, offset: 0).count == 2)
            #expect(try await desk.store.run(claim.run)?.samples == 1)
            #expect(try await desk.points(Self.key.key, "stars").count == 1)
            #expect(try await desk.commit(desk.checkpoint(claim.run, at: 64, payload)) == [.fenced])
        }
    }

    @Test("samples of checkpoints and of the end are counted together", arguments: StoreKind.all)
    func samples(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            func payload(_ count: Int) -> AttemptPayload {
                let samples = (0..<count).map { Emission.sample(Sample(Self.key, "stars", at: Desk.at(Double($0)), 1)) }
                return AttemptPayload(emissions: samples, metrics: Desk.metrics)
            }
            _ = try await desk.commit(
                .claim(claim), desk.checkpoint(claim.run, at: 61, payload(3)),
                desk.finish(claim.run, at: 62, payload: payload(4)))
            #expect(try await desk.store.run(claim.run)?.samples == 7)
        }
    }

    @Test("what cannot be stored is refused whole, and the rest of its batch is not", arguments: StoreKind.all)
    func rejected(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (bad, good) = (desk.claim(60), desk.claim(120))
            let payload = AttemptPayload(
                emissions: [
                    .subject(Subject(kind: "repository", key: "forge.example/org/other")),
                    .sample(Sample(Self.key, "stars", at: Desk.start, 1)),
                    .sample(Sample(Self.key, "unheard_of", at: Desk.start, 1)),
                ], metrics: Desk.metrics, state: ["k": .some(1)],
                log: [LogLine(at: Desk.start, level: "info", message: "x")])
            let mark = AfterMark(task: desk.tasks[1].id, upstream: desk.task, scheduledAt: Desk.at(60))
            let outcomes = try await desk.commit(
                .claim(bad), desk.finish(bad.run, at: 61, payload: payload, marks: [mark], skips: [desk.skip(180)]),
                .claim(good), desk.finish(good.run, at: 121, payload: AttemptPayload(state: ["good": .some(2)])))
            guard case .rejected(let error) = outcomes[1] else { throw Unexpected(outcomes) }
            #expect(error.code == "undeclared_metric" && !error.isRetryable && error.message.contains("unheard_of"))
            #expect([outcomes[0], outcomes[2], outcomes[3]] == [.done, .done, .done])
            #expect(try await desk.store.run(bad.run)?.status == .running)
            #expect(try await desk.store.run(good.run)?.status == .succeeded)
            #expect(try await desk.store.subjects(SubjectQuery()).total == 0)
            #expect(try await desk.store.state(of: desk.task, forKey: "k") == nil)
            #expect(try await desk.store.state(of: desk.task, forKey: "good") == 2)
            #expect(try await desk.store.log(of: bad.run, offset: 0).isEmpty)
            #expect(try await desk.store.tasks().allSatisfy { $0.marks.isEmpty })
            #expect(try await desk.store.occurrence(task: "one", at: Desk.at(180)) == nil)
            let failed = desk.finish(bad.run, .final(.failed, reason: nil), at: 62, error: error)
            #expect(try await desk.commit(failed) == [.done])
            #expect(try await desk.store.run(bad.run)?.error == error)
        }
    }

    @Test("a metric keeps its shape; its unit may change", arguments: StoreKind.all)
    func shape(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([.sample(Sample(Self.key, "stars", at: Desk.start, 1))])
            var other = Desk.stars
            other.unit = "fans"
            other.additive = false
            #expect(
                try await desk.emit([.sample(Sample(Self.key, "stars", at: Desk.at(1), 2))], metrics: [other]) == .done)
            let latest = try await desk.store.latest(LatestQuery(metric: "stars"))
            #expect(latest.map(\.unit) == ["fans"])
            other.shape = .daily
            let midnight = Desk.day("2026-03-02")
            let outcome = try await desk.emit([.sample(Sample(Self.key, "stars", at: midnight, 2))], metrics: [other])
            guard case .rejected(let error) = outcome else { throw Unexpected(outcome) }
            #expect(error.code == "metric_shape" && error.message.contains("gauge") && error.message.contains("daily"))
            // Another subject's series of that name has a shape of its own.
            let next = Desk.repository("forge.example/org/next")
            #expect(try await desk.emit([.sample(Sample(next, "stars", at: midnight, 2))], metrics: [other]) == .done)
        }
    }

    static let refused: [(String, Emission)] = [
        ("upper case", .subject(Subject(kind: "repository", key: "Forge/Org"))),
        ("upper case beyond ASCII", .subject(Subject(kind: "repository", key: "forge/ÄRA"))),
        ("empty key", .subject(Subject(kind: "repository", key: ""))),
        ("long key", .subject(Subject(kind: "repository", key: String(repeating: "k", count: 513)))),
        ("control character", .subject(Subject(kind: "repository", key: "a\nb"))),
        ("NUL in a key", .sample(Sample(Desk.repository("a\0b"), "stars", at: Desk.start, 1))),
        ("kind", .subject(Subject(kind: "Repository", key: "a"))),
        ("empty kind", .subject(Subject(kind: "", key: "a"))),
        ("empty external id", .subject(Subject(kind: "repository", key: "a", externalID: ""))),
        (
            "parent's key",
            .subject(
                Subject(kind: "repository", key: "a", parent: SubjectReference(kind: "account", key: "A")))
        ),
        ("its own parent", .subject(Subject(kind: "repository", key: "a", parent: Desk.repository("a")))),
        ("infinite", .sample(Sample(Desk.repository("a"), "stars", at: Desk.start, .infinity))),
        ("not a number", .sample(Sample(Desk.repository("a"), "stars", at: Desk.start, .nan))),
        ("list for a gauge", .sample(Sample(Desk.repository("a"), "stars", at: Desk.start, ranking: []))),
        ("number for a ranking", .sample(Sample(Desk.repository("a"), "referrers", at: Desk.start, 1))),
        (
            "infinite in a ranking",
            .sample(
                Sample(
                    Desk.repository("a"), "referrers", at: Desk.start, ranking: [RankedValue(label: "x", value: .nan)]))
        ),
        ("daily at ten", .sample(Sample(Desk.repository("a"), "commits", at: Desk.start, 1))),
        (
            "gap of a gauge",
            .gap(Gap(Desk.repository("a"), "stars", from: Desk.day("2026-03-01"), to: Desk.day("2026-03-01")))
        ),
        (
            "gap within a day",
            .gap(Gap(Desk.repository("a"), "views", from: Desk.at(0), to: Desk.at(0)))
        ),
        ("control character beyond ASCII", .subject(Subject(kind: "repository", key: "a\u{85}"))),
        (
            "gap backwards",
            .gap(Gap(Desk.repository("a"), "views", from: Desk.day("2026-03-02"), to: Desk.day("2026-03-01")))
        ),
    ]

    @Test("malformed subjects, samples and gaps are refused", arguments: StoreKind.all)
    func malformed(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            for (what, emission) in Self.refused {
                let outcome = try await desk.emit([emission])
                guard case .rejected(let error) = outcome else { throw Unexpected((what, outcome)) }
                #expect(error.code == "bad_sample" && !error.isRetryable, "\(what)")
            }
            #expect(try await desk.store.subjects(SubjectQuery()).total == 0)
            let edge = Desk.repository(String(repeating: "ü", count: 256))
            #expect(try await desk.emit([.sample(Sample(edge, "stars", at: Desk.start, 1))]) == .done)
        }
    }

    @Test("NUL in text from outside becomes U+FFFD", arguments: StoreKind.all)
    func nul(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let claim = desk.claim(60)
            let payload = AttemptPayload(
                emissions: [
                    .subject(Subject(kind: "repository", key: "a", externalID: "1\0", name: "n\0m", url: "u\0")),
                    .sample(
                        Sample(
                            Desk.repository("a"), "referrers", at: Desk.start,
                            ranking: [RankedValue(label: "l\0", value: 1)])),
                ], metrics: Desk.metrics, state: ["k\0": .some("v\0")],
                log: [LogLine(at: Desk.start, level: "info", message: "m\0m", fields: ["f": "g\0"])])
            let error = RunError(code: "c", message: "e\0", isRetryable: false)
            _ = try await desk.commit(
                .claim(claim),
                desk.finish(claim.run, .final(.failed, reason: "r\0"), at: 61, error: error, payload: payload))
            let subject = try #require(try await desk.subject("a"))
            #expect(subject.name == "n\u{FFFD}m" && subject.url == "u\u{FFFD}" && subject.externalID == "1\u{FFFD}")
            let run = try #require(try await desk.store.run(claim.run))
            #expect(run.reason == "r\u{FFFD}" && run.error?.message == "e\u{FFFD}")
            #expect(try await desk.store.log(of: claim.run, offset: 0).first?.message == "m\u{FFFD}m")
            let ranking = try await desk.store.latest(LatestQuery(metric: "referrers")).first?.value
            #expect(ranking == .ranking([RankedValue(label: "l\u{FFFD}", value: 1)]))
            #expect(try await desk.store.state(of: desk.task, forKey: "k\0") != nil)
        }
    }
}

/// What a test did not expect, for its report.
struct Unexpected: Error, CustomStringConvertible {
    let description: String

    init(_ value: Any) { description = "\(value)" }
}
