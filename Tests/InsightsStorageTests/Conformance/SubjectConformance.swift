import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Testing

@Suite("Subjects", .tags(.conformance))
struct SubjectConformance {
    static func stars(_ key: String, _ value: Double, at seconds: Double = 0) -> Emission {
        .sample(Sample(Desk.repository(key), "stars", at: Desk.at(seconds), value))
    }

    static func repository(
        _ key: String, id: String? = nil, name: String? = nil, parent: SubjectReference? = nil,
        state: SubjectState? = nil
    ) -> Emission {
        .subject(Subject(kind: "repository", key: key, externalID: id, name: name, parent: parent, state: state))
    }

    @Test("a subject is made by its first word and brought up to date by later ones", arguments: StoreKind.all)
    func refresh(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let account = SubjectReference(kind: "account", key: "f/org")
            try await desk.emit([Self.stars("f/org/a", 1)])
            var subject = try #require(try await desk.subject("f/org/a"))
            #expect(subject.name == "f/org/a" && subject.parent == nil && subject.state == .active)
            let id = subject.id
            let full = Subject(
                kind: "repository", key: "f/org/a", externalID: "77", name: "A", url: "https://f/org/a", parent: account
            )
            try await desk.emit([.subject(full)])
            subject = try #require(try await desk.subject("f/org/a"))
            #expect(subject.id == id && subject.name == "A" && subject.url == "https://f/org/a")
            #expect(subject.parent == account && subject.externalID == "77")
            try await desk.emit([Self.repository("f/org/a", state: .archived)])
            subject = try #require(try await desk.subject("f/org/a"))
            #expect(subject.state == .archived && subject.name == "A" && subject.parent == account)
            try await desk.emit([Self.repository("f/org/a", name: "B")])
            subject = try #require(try await desk.subject("f/org/a"))
            #expect(subject.state == .archived && subject.name == "B" && subject.externalID == "77")
            try await desk.emit([Self.repository("f/org/a", state: .active)])
            #expect(try await desk.subject("f/org/a")?.state == .active)
            #expect(try await desk.store.subjects(SubjectQuery(kind: "account")).items.map(\.key) == ["f/org"])
        }
    }

    @Test("neither a sample nor a word without a state brings a gone subject back", arguments: StoreKind.all)
    func goneStays(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([Self.repository("a", state: .gone), Self.stars("a", 1), Self.repository("a")])
            #expect(try await desk.subject("a")?.state == .gone)
        }
    }

    @Test(
        "a gone subject's key can be asked for as it was given, also with capitals in its id", arguments: StoreKind.all)
    func goneWithCapitals(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([Self.repository("f/org/a", id: "R_kgDO"), Self.stars("f/org/a", 1)])
            try await desk.emit([Self.repository("f/org/a", id: "R_kgDP"), Self.stars("f/org/a", 2)])
            for key in ["f/org/a#R_kgDO", "f/org/a#r_kgdo"] {
                #expect(try await desk.points(key, "stars") == ["2026-03-02T10:00:00.000Z 1"])
                #expect(try await desk.store.latest(LatestQuery(key: key)).map(\.subject.state) == [.gone])
            }
            // Ids that differ in case alone are still two.
            try await desk.emit([Self.repository("f/org/a", id: "R_KGDO")])
            try await desk.emit([Self.repository("f/org/a", id: "R_kgDQ")])
            let keys = try await desk.store.subjects(SubjectQuery(kind: "repository")).items.map(\.key)
            #expect(Set(keys).count == 4 && keys.allSatisfy { $0 == $0.lowercased() })
        }
    }

    @Test(
        "a known external id under a new key is a rename: one subject, its history, an alias", arguments: StoreKind.all)
    func rename(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([Self.repository("f/old/a", id: "1", name: "A"), Self.stars("f/old/a", 1)])
            let id = try #require(try await desk.subject("f/old/a")).id
            try await desk.emit([Self.repository("f/new/a", id: "1"), Self.stars("f/new/a", 2, at: 10)])
            let subject = try #require(try await desk.subject("f/new/a"))
            #expect(subject.id == id && subject.name == "A" && subject.aliases == ["f/old/a"])
            #expect(try await desk.store.subjects(SubjectQuery()).total == 1)
            #expect(try await desk.points("f/new/a", "stars").count == 2)
            #expect(try await desk.points("f/old/a", "stars").count == 2)
            let byAlias = try await desk.store.latest(LatestQuery(key: "f/old/a"))
            #expect(byAlias.map(\.subject.key) == ["f/new/a"] && byAlias.map(\.value) == [.number(2)])
            // Somebody who does not know the id yet still says the old key.
            try await desk.emit([Self.repository("f/old/a"), Self.stars("f/old/a", 3, at: 20)])
            #expect(try await desk.points("f/new/a", "stars").count == 3)
            #expect(try await desk.store.subjects(SubjectQuery()).total == 1)
        }
    }

    @Test("a subject that is renamed back has each key once", arguments: StoreKind.all)
    func renameBack(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            for key in ["a", "b", "a", "b", "c"] { try await desk.emit([Self.repository(key, id: "1")]) }
            let subject = try #require(try await desk.subject("c"))
            #expect(subject.aliases == ["a", "b"])
            #expect(try await desk.store.subjects(SubjectQuery()).total == 1)
        }
    }

    @Test("a known key under another external id is a newcomer: the former holder is gone", arguments: StoreKind.all)
    func newcomer(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([Self.repository("f/org/a", id: "1"), Self.stars("f/org/a", 1)])
            let former = try #require(try await desk.subject("f/org/a")).id
            // Samples of one payload follow the subject that the key names when they come.
            try await desk.emit([
                Self.stars("f/org/a", 2, at: 1), Self.repository("f/org/a", id: "2"), Self.stars("f/org/a", 9, at: 2),
            ])
            let newcomer = try #require(try await desk.subject("f/org/a"))
            #expect(newcomer.id != former && newcomer.state == .active && newcomer.externalID == "2")
            let gone = try #require(try await desk.store.subject(former))
            #expect(gone.key == "f/org/a#1" && gone.state == .gone && gone.externalID == "1")
            #expect(try await desk.points("f/org/a", "stars") == ["2026-03-02T10:00:02.000Z 9"])
            #expect(try await desk.points("f/org/a#1", "stars").count == 2)
            // It was moved, not deleted, after all: its id tells.
            try await desk.emit([Self.repository("f/elsewhere/a", id: "1")])
            let back = try #require(try await desk.store.subject(former))
            #expect(back.key == "f/elsewhere/a" && back.state == .active && back.aliases == ["f/org/a#1"])
        }
    }

    @Test("two subjects that swap their keys stay who they are", arguments: StoreKind.all)
    func swap(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                Self.repository("a", id: "1"), Self.stars("a", 1), Self.repository("b", id: "2"), Self.stars("b", 2),
            ])
            let (one, two) = (
                try #require(try await desk.subject("a")).id, try #require(try await desk.subject("b")).id
            )
            try await desk.emit([Self.repository("b", id: "1"), Self.repository("a", id: "2")])
            let living = try await desk.store.subjects(SubjectQuery(kind: "repository")).items
            #expect(living.map(\.key) == ["a", "b"] && living.map(\.id) == [two, one])
            #expect(living.allSatisfy { $0.state == .active })
            #expect(try await desk.store.latest(LatestQuery(key: "b")).map(\.value) == [.number(1)])
        }
    }

    @Test("a subject met under its key alone takes on the external id that comes later", arguments: StoreKind.all)
    func adopt(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([Self.repository("a"), Self.stars("a", 1)])
            let id = try #require(try await desk.subject("a")).id
            try await desk.emit([Self.repository("a", id: "1")])
            let subject = try #require(try await desk.subject("a"))
            #expect(subject.id == id && subject.externalID == "1")
        }
    }

    @Test("a rename onto a key that was met without its id joins both histories", arguments: StoreKind.all)
    func join(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (monday, tuesday) = (Desk.day("2026-03-02"), Desk.day("2026-03-03"))
            func commits(_ key: String, _ day: Instant, _ value: Double) -> Emission {
                .sample(Sample(Desk.repository(key), "commits", at: day, value))
            }
            try await desk.emit([
                Self.repository("f/old/a", id: "1"), Self.stars("f/old/a", 5), commits("f/old/a", monday, 3),
            ])
            let id = try #require(try await desk.subject("f/old/a")).id
            let child = Emission.subject(
                Subject(kind: "folder", key: "f/new/a/docs", parent: Desk.repository("f/new/a")))
            try await desk.emit([
                commits("f/new/a", monday, 4), commits("f/new/a", tuesday, 6),
                .sample(Sample(Desk.repository("f/new/a"), "downloads", at: Desk.start, 8)), child,
            ])
            try await desk.emit([Self.repository("f/new/a", id: "1")])
            let subject = try #require(try await desk.subject("f/new/a"))
            #expect(subject.id == id && subject.state == .active)
            #expect(subject.values.map(\.metric) == ["commits", "downloads", "stars"])
            #expect(subject.values.map(\.value) == [.number(6), .number(8), .number(5)])
            let points = try await desk.points("f/new/a", "commits")
            #expect(points == ["2026-03-02T00:00:00.000Z 4", "2026-03-03T00:00:00.000Z 6"])
            #expect(try await desk.store.subjects(SubjectQuery(parent: id)).items.map(\.key) == ["f/new/a/docs"])
            let living = try await desk.store.subjects(SubjectQuery(kind: "repository")).items.filter {
                $0.state != .gone
            }
            #expect(living.map(\.id) == [id])
        }
    }

    @Test("joined histories keep the higher count of a completed day, unless its source can be rewritten")
    func joinedDays() async throws {
        try await withDesk(StoreKind.all[0]) { desk async throws in
            let (monday, today) = (Desk.day("2026-03-01"), Desk.day("2026-03-02"))
            func days(_ key: String, _ past: Double, _ now: Double) -> [Emission] {
                ["views", "commits"].flatMap { metric in
                    [
                        .sample(Sample(Desk.repository(key), metric, at: monday, past)),
                        .sample(Sample(Desk.repository(key), metric, at: today, now)),
                    ]
                }
            }
            try await desk.emit([Self.repository("f/old/a", id: "1")] + days("f/old/a", 5, 7))
            try await desk.emit(days("f/new/a", 2, 3))
            try await desk.emit([Self.repository("f/new/a", id: "1")])
            let (past, now) = ("2026-03-01T00:00:00.000Z", "2026-03-02T00:00:00.000Z")
            #expect(try await desk.points("f/new/a", "views") == ["\(past) 5", "\(now) 3"])
            #expect(try await desk.points("f/new/a", "commits") == ["\(past) 2", "\(now) 3"])
            // A day later nothing of it is unfinished, and the last value is that of the last day.
            try await desk.emit([Self.repository("g/old/a", id: "2")] + days("g/old/a", 5, 7))
            try await desk.emit(days("g/new/a", 2, 3))
            try await desk.emit([Self.repository("g/new/a", id: "2")], at: Desk.day("2026-03-03"))
            #expect(try await desk.points("g/new/a", "views") == ["\(past) 5", "\(now) 7"])
            let latest = try await desk.store.latest(LatestQuery(key: "g/new/a"))
            #expect(latest.map(\.value) == [.number(3), .number(7)])
        }
    }

    @Test("what becomes of a subject is kept with its dates, and told with it", arguments: StoreKind.all)
    func dates(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let days = (1...6).map { Desk.day("2026-03-0\($0)") }
            try await desk.emit([Self.repository("a", id: "1")], at: days[0])
            try await desk.emit([Self.repository("a", id: "1", state: .archived)], at: days[1])
            try await desk.emit([Self.repository("b", id: "1")], at: days[2])
            try await desk.emit([Self.repository("b", id: "1", state: .archived)], at: days[3])
            try await desk.emit([Self.repository("b", id: "2")], at: days[4])
            try await desk.emit([Self.repository("c", id: "1")], at: days[5])
            let id = try #require(try await desk.subject("c")).id
            let events = try #require(try await desk.store.subject(id)).events
            #expect(
                events == [
                    SubjectEvent(at: days[1], event: "archived"),
                    SubjectEvent(at: days[2], event: "renamed", formerKey: "a"),
                    SubjectEvent(at: days[4], event: "renamed", formerKey: "b"),
                    SubjectEvent(at: days[4], event: "gone"),
                    SubjectEvent(at: days[5], event: "renamed", formerKey: "b#1"),
                    SubjectEvent(at: days[5], event: "active"),
                ])
            #expect(events[1].words == "renamed from a on 2026-03-03")
            #expect(events[3].words == "gone since 2026-03-05")
            let newcomer = try #require(try await desk.subject("b")).id
            #expect(try await desk.store.subject(newcomer)?.events == [])
        }
    }

    @Test("a transfer is a rename under another parent: history, alias and children stay", arguments: StoreKind.all)
    func transfer(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (from, to) = (
                SubjectReference(kind: "account", key: "f/from"), SubjectReference(kind: "account", key: "f/to")
            )
            try await desk.emit([Self.repository("f/from/a", id: "1", parent: from), Self.stars("f/from/a", 3)])
            let id = try #require(try await desk.subject("f/from/a")).id
            let child = Emission.subject(
                Subject(kind: "folder", key: "f/from/a/docs", parent: Desk.repository("f/from/a")))
            try await desk.emit([child, Self.repository("f/to/a", id: "1", parent: to)])
            let subject = try #require(try await desk.store.subject(id))
            #expect(subject.key == "f/to/a" && subject.parent == to && subject.aliases == ["f/from/a"])
            #expect(subject.events.map(\.formerKey) == ["f/from/a"])
            #expect(try await desk.points("f/from/a", "stars") == ["2026-03-02T10:00:00.000Z 3"])
            #expect(try await desk.subject("f/from/a/docs", kind: "folder")?.parent == Desk.repository("f/to/a"))
            let former = try #require(try await desk.subject("f/from", kind: "account"))
            #expect(try await desk.store.subjects(SubjectQuery(parent: former.id)).items.isEmpty)
            // Who still knows it by its former key does not bring it back to its former account.
            try await desk.emit([
                Self.repository("f/from/a", name: "Old", parent: from, state: .gone), Self.stars("f/from/a", 4, at: 1),
            ])
            let stays = try #require(try await desk.store.subject(id))
            #expect(stays.parent == to && stays.state == .active && stays.name == "f/to/a")
            #expect(stays.values.map(\.value) == [.number(4)])
        }
    }

    @Test("two platforms may number alike", arguments: StoreKind.all)
    func platforms(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            for host in ["hub.example", "lab.example"] {
                let (platform, account) = (
                    SubjectReference(kind: "platform", key: host), SubjectReference(kind: "account", key: host + "/org")
                )
                try await desk.emit([
                    .subject(Subject(kind: "platform", key: host)),
                    .subject(Subject(kind: "account", key: account.key, externalID: "5", parent: platform)),
                    Self.repository(host + "/org/a", id: "1", parent: account),
                ])
            }
            let keys = try await desk.store.subjects(SubjectQuery(kind: "repository")).items.map(\.key)
            #expect(keys == ["hub.example/org/a", "lab.example/org/a"])
            #expect(try await desk.store.subjects(SubjectQuery(kind: "account")).total == 2)
            let other = SubjectReference(kind: "account", key: "lab.example/other")
            let platform = SubjectReference(kind: "platform", key: "lab.example")
            try await desk.emit([
                .subject(Subject(kind: "account", key: other.key, externalID: "6", parent: platform)),
                Self.repository("lab.example/other/a", id: "1", parent: other),
            ])
            #expect(try await desk.subject("lab.example/other/a")?.aliases == ["lab.example/org/a"])
            #expect(try await desk.subject("hub.example/org/a")?.aliases == [])
        }
    }

    @Test("who is placed on no platform is nobody's of one that is, whatever its id", arguments: StoreKind.all)
    func unplaced(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let (platform, account) = (
                SubjectReference(kind: "platform", key: "hub.example"),
                SubjectReference(kind: "account", key: "hub.example/org")
            )
            try await desk.emit([
                .subject(Subject(kind: "platform", key: platform.key)),
                .subject(Subject(kind: "account", key: account.key, externalID: "5", parent: platform)),
                Self.repository("hub.example/org/a", id: "1", parent: account),
            ])
            try await desk.emit([Self.repository("lab.example/x/b", id: "1", state: .gone)])
            let stays = try #require(try await desk.subject("hub.example/org/a"))
            #expect(stays.state == .active && stays.aliases == [])
            #expect(try await desk.subject("lab.example/x/b")?.state == .gone)
            // Under its own key it is known without a parent, too.
            try await desk.emit([Self.repository("hub.example/org/a", id: "1", state: .gone)])
            #expect(try await desk.subject("hub.example/org/a")?.state == .gone)
        }
    }

    @Test("kinds do not share external ids or keys", arguments: StoreKind.all)
    func kinds(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                .subject(Subject(kind: "account", key: "a", externalID: "1")), Self.repository("a", id: "1"),
                Self.repository("b", id: "1"),
            ])
            #expect(try await desk.subject("a", kind: "account")?.aliases == [])
            #expect(try await desk.subject("b")?.aliases == ["a"])
        }
    }

    @Test("a key that several kinds share must be told apart", arguments: StoreKind.all)
    func ambiguous(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let account = SubjectReference(kind: "account", key: "x")
            try await desk.emit([Self.stars("x", 1), .sample(Sample(account, "stars", at: Desk.start, 2))])
            let query = SeriesQuery(subject: .key("x", kind: nil), metric: "stars")
            let error = await #expect(throws: StoreError.self) { try await desk.store.series(query) }
            #expect(error?.kind == .invalid && error?.help?.contains("account, repository") == true)
            let one = SeriesQuery(subject: .key("x", kind: "account"), metric: "stars")
            #expect(try await desk.store.series(one)?.points.map(\.value) == [.number(2)])
        }
    }
}
