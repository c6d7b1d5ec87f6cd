import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Roll-ups", .tags(.conformance))
struct RollUpConformance {
    static let account = SubjectReference(kind: "account", key: "f/org")
    static let other = SubjectReference(kind: "account", key: "f/other")
    static let platform = SubjectReference(kind: "platform", key: "f")

    static func repository(
        _ key: String, id: String? = nil, in parent: SubjectReference = account, state: SubjectState? = nil
    ) -> Emission {
        .subject(Subject(kind: "repository", key: key, externalID: id, parent: parent, state: state))
    }

    static func rollUp(
        _ metrics: String..., to subject: SubjectReference = account, from kind: String = "repository"
    ) -> Emission {
        .rollUp(RollUp(subject, from: kind, metrics: metrics.isEmpty ? ["views"] : metrics))
    }

    static func views(_ key: String, _ day: String, _ value: Double) -> Emission {
        .sample(Sample(Desk.repository(key), "views", at: Desk.day(day), value))
    }

    static func stars(_ key: String, _ value: Double, at seconds: Double = 0) -> Emission {
        .sample(Sample(Desk.repository(key), "stars", at: Desk.at(seconds), value))
    }

    /// Day of the month and value of each point.
    static func days(
        _ desk: Desk, _ metric: String = "views", of subject: SubjectReference = account
    ) async throws -> [String] {
        let query = SeriesQuery(subject: .key(subject.key, kind: subject.kind), metric: metric)
        return try await desk.store.series(query)?.points.map { "\($0.at)"[5..<10] + " \($0.value.json.json)" }
            ?? ["none"]
    }

    static func latest(
        _ desk: Desk, _ metric: String, of subject: SubjectReference = account
    ) async throws -> String? {
        let query = LatestQuery(kind: subject.kind, key: subject.key, metric: metric)
        return try await desk.store.latest(query).first.map { "\($0.value.json.json) of \($0.of ?? -1)" }
    }

    @Test("a gauge is the sum of the latest values, and says of how many", arguments: StoreKind.all)
    func gauge(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                Self.repository("f/org/a"), Self.stars("f/org/a", 5), Self.repository("f/org/b"),
                Self.stars("f/org/b", 7), Self.repository("f/org/c"), Self.repository("f/other/d", in: Self.other),
                Self.stars("f/other/d", 100),
            ])
            try await desk.emit([Self.rollUp("stars", "downloads")], at: Desk.at(60))
            #expect(try await Self.latest(desk, "stars") == "12 of 2")
            // Nobody has downloads: that is no zero.
            #expect(try await Self.latest(desk, "downloads") == nil)
            #expect(try await desk.store.latest(LatestQuery(kind: "repository")).allSatisfy { $0.of == nil })
            try await desk.emit([Self.stars("f/org/c", 1, at: 70), Self.rollUp("stars")], at: Desk.at(80))
            #expect(try await Self.latest(desk, "stars") == "13 of 3")
            let query = SeriesQuery(subject: .key(Self.account.key, kind: nil), metric: "stars")
            let series = try #require(try await desk.store.series(query))
            #expect(series.points.map(\.value) == [.number(12), .number(13)] && series.of == 3)
            #expect(series.points.map(\.at) == [Desk.at(60), Desk.at(80)])
        }
    }

    @Test("a daily metric is summed day by day, and a day revised below is corrected", arguments: StoreKind.all)
    func daily(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                Self.repository("f/org/a"), Self.views("f/org/a", "2026-02-27", 1),
                Self.views("f/org/a", "2026-03-01", 2), Self.repository("f/org/b"),
                Self.views("f/org/b", "2026-03-01", 10), Self.rollUp(),
            ])
            #expect(try await Self.days(desk) == ["02-27 1", "03-01 12"])
            #expect(try await Self.latest(desk, "views") == "12 of 2")
            try await desk.emit([Self.views("f/org/b", "2026-02-28", 4), Self.views("f/org/a", "2026-03-01", 3)])
            #expect(try await Self.days(desk) == ["02-27 1", "03-01 12"])
            try await desk.emit([Self.rollUp()])
            #expect(try await Self.days(desk) == ["02-27 1", "02-28 4", "03-01 13"])
            let query = SeriesQuery(subject: .key(Self.account.key, kind: nil), metric: "views")
            #expect(try await desk.store.series(query)?.sum == 18)
        }
    }

    @Test("only the days that changed below are written, and nothing when nothing did", arguments: StoreKind.all)
    func changes(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            func written(_ emissions: [Emission]) async throws -> Int {
                try await desk.emit(emissions)
                return try await desk.store.runs(RunQuery(limit: 100)).items.max { $0.id < $1.id }?.samples ?? -1
            }
            let days = (1...28).map { "2026-02-" + ($0 < 10 ? "0\($0)" : "\($0)") }
            let all = days.flatMap { [Self.views("f/org/a", $0, 2), Self.views("f/org/b", $0, 3)] }
            _ = try await written([Self.repository("f/org/a"), Self.repository("f/org/b")] + all)
            #expect(try await written([Self.rollUp()]) == 28)
            #expect(try await written([Self.rollUp()]) == 0)
            _ = try await written([Self.views("f/org/b", "2026-02-20", 9)])
            #expect(try await written([Self.rollUp()]) == 1)
            // Read again as it was.
            _ = try await written(all)
            #expect(try await written([Self.rollUp()]) == 0)
        }
    }

    @Test("a gone subject leaves from that day on, and an archived one does not", arguments: StoreKind.all)
    func gone(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let days = ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
            try await desk.emit(
                [Self.repository("f/org/a", id: "1"), Self.repository("f/org/b", id: "2", state: .archived)]
                    + days.flatMap { [Self.views("f/org/a", $0, 1), Self.views("f/org/b", $0, 10)] }
                    + [Self.stars("f/org/a", 1), Self.stars("f/org/b", 10), Self.rollUp("views", "stars")])
            #expect(try await Self.latest(desk, "stars") == "11 of 2")
            try await desk.emit(
                [Self.repository("f/org/a", id: "1", state: .gone), Self.rollUp("views", "stars")], at: Desk.at(60))
            #expect(try await Self.days(desk) == ["02-27 11", "02-28 11", "03-01 11", "03-02 10"])
            #expect(try await Self.latest(desk, "views") == "10 of 1")
            #expect(try await Self.latest(desk, "stars") == "10 of 1")
            // It was not gone after all.
            try await desk.emit(
                [Self.repository("f/org/a", id: "1", state: .active), Self.rollUp()], at: Desk.at(120))
            #expect(try await Self.days(desk).last == "03-02 11")
            // When all are gone, what remains is zero of none, and the days that were.
            try await desk.emit(
                [
                    Self.repository("f/org/a", id: "1", state: .gone),
                    Self.repository("f/org/b", id: "2", state: .gone), Self.rollUp("views", "stars"),
                ], at: Desk.at(180))
            #expect(try await Self.days(desk) == ["02-27 11", "02-28 11", "03-01 11"])
            #expect(try await Self.latest(desk, "stars") == "0 of 0")
        }
    }

    @Test("a former holder of a key counts up to the day on which a newcomer had it", arguments: StoreKind.all)
    func newcomer(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                Self.repository("f/org/a", id: "1"), Self.views("f/org/a", "2026-02-27", 4),
                Self.views("f/org/a", "2026-03-01", 5), Self.rollUp(),
            ])
            try await desk.emit([
                Self.repository("f/org/a", id: "2"), Self.views("f/org/a", "2026-03-02", 1), Self.rollUp(),
            ])
            #expect(try await Self.days(desk) == ["02-27 4", "03-01 5", "03-02 1"])
            #expect(try await Self.latest(desk, "views") == "1 of 1")
        }
    }

    @Test("a transferred subject takes its days along, so that no day counts twice", arguments: StoreKind.all)
    func transfer(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (from, to) = (Self.account, Self.other)
            try await desk.emit([
                .subject(Subject(kind: "account", key: from.key, parent: Self.platform)),
                .subject(Subject(kind: "account", key: to.key, parent: Self.platform)),
                Self.repository("f/org/a", id: "1"), Self.views("f/org/a", "2026-02-27", 4),
                Self.repository("f/org/b", id: "2"), Self.views("f/org/b", "2026-02-27", 1),
                Self.repository("f/other/c", id: "3", in: to), Self.views("f/other/c", "2026-02-27", 10),
                Self.rollUp(to: from), Self.rollUp(to: to), Self.rollUp(to: Self.platform, from: "account"),
            ])
            #expect(try await Self.days(desk, of: Self.platform) == ["02-27 15"])
            try await desk.emit([
                Self.repository("f/other/a", id: "1", in: to), Self.rollUp(to: from), Self.rollUp(to: to),
                Self.rollUp(to: Self.platform, from: "account"),
            ])
            #expect(try await Self.days(desk, of: from) == ["02-27 1"])
            #expect(try await Self.days(desk, of: to) == ["02-27 14"])
            #expect(try await Self.days(desk, of: Self.platform) == ["02-27 15"])
            #expect(try await Self.latest(desk, "views", of: Self.platform) == "15 of 2")
        }
    }

    @Test("what was read in the same run before a transfer goes along with it", arguments: StoreKind.all)
    func transferAfterReading(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                Self.repository("f/org/a", id: "1"), Self.views("f/org/a", "2026-02-27", 4),
                Self.repository("f/org/b", id: "2"), Self.views("f/org/b", "2026-02-27", 1),
                Self.repository("f/other/c", id: "3", in: Self.other), Self.views("f/other/c", "2026-02-27", 10),
                Self.rollUp(), Self.rollUp(to: Self.other),
            ])
            try await desk.emit([
                Self.views("f/org/a", "2026-02-27", 6), Self.views("f/org/a", "2026-02-28", 2),
                Self.repository("f/other/a", id: "1", in: Self.other), Self.views("f/other/a", "2026-02-28", 3),
            ])
            try await desk.emit([Self.rollUp(), Self.rollUp(to: Self.other)])
            #expect(try await Self.days(desk) == ["02-27 1"])
            #expect(try await Self.days(desk, of: Self.other) == ["02-27 16", "02-28 3"])
        }
    }

    @Test("a renamed account keeps its sums, and its repositories follow it", arguments: StoreKind.all)
    func renamedParent(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let new = SubjectReference(kind: "account", key: "f/new")
            try await desk.emit([
                .subject(Subject(kind: "account", key: "f/org", externalID: "9")),
                Self.repository("f/org/a", id: "1"), Self.views("f/org/a", "2026-02-27", 4), Self.rollUp(),
            ])
            let id = try #require(try await desk.subject("f/org", kind: "account")).id
            // Repositories are read first: the new name is met before anybody says whose it is.
            try await desk.emit([Self.repository("f/new/a", id: "1", in: new)])
            try await desk.emit([
                .subject(Subject(kind: "account", key: "f/new", externalID: "9")), Self.rollUp(to: new),
            ])
            let account = try #require(try await desk.subject("f/new", kind: "account"))
            #expect(account.id == id && account.aliases == ["f/org"])
            #expect(try await desk.store.subjects(SubjectQuery(parent: id)).items.map(\.key) == ["f/new/a"])
            #expect(try await Self.days(desk, of: new) == ["02-27 4"])
            #expect(try await Self.latest(desk, "views", of: new) == "4 of 1")
            // One that nobody has read since still belongs to it, and who says its old name means the same.
            try await desk.emit([Self.repository("f/org/z", id: "2"), Self.views("f/org/z", "2026-02-27", 1)])
            try await desk.emit([Self.rollUp(to: new)])
            #expect(try await desk.subject("f/org/z")?.parent == new)
            #expect(try await Self.days(desk, of: new) == ["02-27 5"])
        }
    }

    @Test("a day that one of them lost is a gap of the sum, with what the others have", arguments: StoreKind.all)
    func gaps(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            func gap(_ key: String, _ from: String, _ to: String) -> Emission {
                .gap(Gap(Desk.repository(key), "views", from: Desk.day(from), to: Desk.day(to)))
            }
            func stored() async throws -> [String] {
                let query = SeriesQuery(subject: .key(Self.account.key, kind: nil), metric: "views")
                return try await desk.store.series(query)?.gaps.map { "\($0.from)"[5..<10] + "…" + "\($0.to)"[5..<10] }
                    ?? []
            }
            try await desk.emit([
                Self.repository("f/org/a", id: "1"), Self.repository("f/org/b"),
                Self.views("f/org/a", "2026-02-03", 1), Self.views("f/org/b", "2026-02-03", 2),
                gap("f/org/a", "2026-02-03", "2026-02-05"), gap("f/org/b", "2026-02-06", "2026-02-06"),
                gap("f/org/b", "2026-02-10", "2026-02-12"), Self.rollUp(),
            ])
            #expect(try await stored() == ["02-03…02-06", "02-10…02-12"])
            #expect(try await Self.days(desk) == ["02-03 3"])
            try await desk.emit(
                [Self.repository("f/org/a", id: "1", state: .gone), Self.rollUp()], at: Desk.day("2026-02-04"))
            #expect(try await stored() == ["02-03…02-03", "02-06…02-06", "02-10…02-12"])
        }
    }

    @Test("only declared, additive numbers are summed", arguments: StoreKind.all)
    func refused(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let codes = [("visitors", "bad_sample"), ("referrers", "bad_sample"), ("unheard", "undeclared_metric")]
            for (metric, code) in codes {
                let outcome = try await desk.emit([Self.repository("f/org/a"), Self.rollUp(metric)])
                guard case .rejected(let error) = outcome else {
                    Issue.record("\(metric): \(outcome)")
                    continue
                }
                #expect(error.code == code && !error.isRetryable)
            }
            #expect(try await desk.store.subjects(SubjectQuery()).total == 0)
            // What a child's own module calls not additive is not summed, whatever the roll-up's module says.
            let unique = MetricDeclaration("people", unit: "people", shape: .daily, additive: false, summary: "People")
            let summed = MetricDeclaration("people", unit: "people", shape: .daily, additive: true, summary: "People")
            let people = Sample(Desk.repository("f/org/a"), "people", at: Desk.day("2026-03-01"), 3)
            try await desk.emit([Self.repository("f/org/a"), .sample(people)], metrics: [unique])
            try await desk.emit([Self.rollUp("people")], metrics: [summed])
            #expect(try await Self.days(desk, "people") == ["none"])
        }
    }

    @Test("whatever happens below in whatever order, each day is the sum of its children's", arguments: StoreKind.all)
    func random(_ kind: StoreKind) async throws {
        var random = Seeded(kind.name)
        for round in 0..<12 {
            try await withDesk(kind) { desk async throws in
                var model = RollUpModel(accounts: [Self.account, Self.other])
                for step in 0..<60 {
                    let at = Day.adding(step / 3, to: Day.parse("2026-01-05"))
                    try await desk.emit(model.step(at: at, &random), at: at)
                    guard Int.random(in: 0..<3, using: &random) == 0 else { continue }
                    try await desk.emit([Self.rollUp(to: Self.account), Self.rollUp(to: Self.other)], at: at)
                    for account in model.accounts {
                        let expected = model.sums(of: account)
                        let found = try await Self.days(desk, of: account)
                        #expect(
                            found == (expected.isEmpty && found == ["none"] ? ["none"] : expected),
                            "seed \(random.seed), round \(round), \(account.key)")
                    }
                }
            }
        }
    }
}

/// Repositories with days, over dictionaries: what sums a store must come to.
private struct RollUpModel {
    struct Repository {
        var account: Int
        var days: [Instant: Double] = [:]
        var goneDay: Instant?
    }

    let accounts: [SubjectReference]
    var repositories = [Repository](repeating: Repository(account: 0), count: 5)

    init(accounts: [SubjectReference]) { self.accounts = accounts }

    /// Something that becomes of one repository.
    mutating func step(at: Instant, _ random: inout Seeded) -> [Emission] {
        let number = Int.random(in: repositories.indices, using: &random)
        var state: SubjectState?
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            repositories[number].account = 1 - repositories[number].account
            // Under a new key it is there again.
            repositories[number].goneDay = nil
        case 1:
            state = .gone
            // Gone stays gone since the day on which that was first said.
            repositories[number].goneDay = repositories[number].goneDay ?? at
        case 2:
            state = .active
            repositories[number].goneDay = nil
        default: break
        }
        let account = accounts[repositories[number].account]
        let key = "\(account.key)/r\(number)"
        var emissions = [
            Emission.subject(
                Subject(kind: "repository", key: key, externalID: "\(number)", parent: account, state: state))
        ]
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            // A completed day never falls, and so none of these does.
            let day = Day.adding(Int.random(in: 0..<20, using: &random), to: Day.parse("2026-01-05"))
            let value = Double(Int.random(in: 0...9, using: &random))
            repositories[number].days[day] = max(value, repositories[number].days[day] ?? 0)
            emissions.append(.sample(Sample(Desk.repository(key), "views", at: day, repositories[number].days[day]!)))
        }
        return emissions
    }

    func sums(of account: SubjectReference) -> [String] {
        var sums: [Instant: Double] = [:]
        for repository in repositories where accounts[repository.account] == account {
            for (day, value) in repository.days where repository.goneDay.map({ day < $0 }) ?? true {
                sums[day, default: 0] += value
            }
        }
        return sums.sorted { $0.key < $1.key }.map { "\($0.key)"[5..<10] + " \(Value.number($0.value).json)" }
    }
}
