import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Asking for subjects", .tags(.conformance))
struct SubjectQueryConformance {
    /// Two accounts, eight repositories; five of them with stars.
    static func fill(_ desk: Desk) async throws {
        var emissions: [Emission] = []
        for (index, name) in ["Ärger", "Bear_1", "Bear%2", "cedar", "Dune", "elm", "Fir", "GNU's"].enumerated() {
            let account = SubjectReference(kind: "account", key: index < 5 ? "f/a" : "f/b")
            let key = "\(account.key)/r\(index)"
            emissions.append(.subject(Subject(kind: "repository", key: key, name: name, parent: account)))
            if index != 2, index != 4, index != 6 {
                let stars = Double([5, 1, 0, 5, 0, -2, 0, 9][index])
                emissions.append(.sample(Sample(Desk.repository(key), "stars", at: Desk.start, stars)))
            }
        }
        try await desk.emit(emissions)
    }

    static func pages(_ desk: Desk, _ query: SubjectQuery) async throws -> [String] {
        var query = query
        var keys: [String] = []
        repeat {
            let page = try await desk.store.subjects(query)
            keys += page.items.map { String($0.key.split(separator: "/").last!) }
            query.cursor = page.nextCursor
        } while query.cursor != nil && keys.count < 100
        return keys
    }

    @Test("sorted by key or metric, those without a value last, page by page", arguments: StoreKind.all)
    func order(_ kind: StoreKind) async throws {
        let orders: [(String?, SubjectQuery.Order, String)] = [
            (nil, .ascending, "01234567"), (nil, .descending, "76543210"), ("stars", .ascending, "51037246"),
            ("stars", .descending, "70315246"), ("unheard_of", .ascending, "01234567"),
        ]
        try await withDesk(kind) { desk async throws in
            try await Self.fill(desk)
            for (sort, order, expected) in orders {
                for limit in [1, 3, 8, 100] {
                    let query = SubjectQuery(kind: "repository", sort: sort, order: order, limit: limit)
                    #expect(
                        try await Self.pages(desk, query) == expected.map { "r\($0)" },
                        "\(sort ?? "-") \(order) \(limit)")
                }
            }
            let page = try await desk.store.subjects(SubjectQuery(kind: "repository", limit: 3))
            #expect(page.total == 8 && page.items.count == 3)
            #expect(page.items[0].values.map(\.metric) == ["stars"] && page.items[2].values.isEmpty)
            #expect(try await desk.store.subjects(SubjectQuery()).total == 10)
        }
    }

    @Test("found by a part of key or name in any case", arguments: StoreKind.all)
    func text(_ kind: StoreKind) async throws {
        let texts = [
            ("bear", "12"), ("BEAR", "12"), ("_1", "1"), ("%", "2"), ("är", "0"), ("ÄRG", "0"), ("R3", "3"),
            ("f/b", "567"),
            ("'", "7"), ("\\", ""), ("nothing", ""), ("", "01234567"),
        ]
        try await withDesk(kind) { desk async throws in
            try await Self.fill(desk)
            for (text, expected) in texts {
                let found = try await Self.pages(desk, SubjectQuery(kind: "repository", text: text))
                #expect(found == expected.map { "r\($0)" }, "\(text)")
            }
        }
    }

    @Test("found by parent, and one by its id", arguments: StoreKind.all)
    func parent(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await Self.fill(desk)
            let account = try #require(try await desk.subject("f/b", kind: "account"))
            #expect(try await Self.pages(desk, SubjectQuery(parent: account.id)) == ["r5", "r6", "r7"])
            let one = try #require(try await desk.store.subject(account.id))
            #expect(one.key == "f/b" && one.name == "f/b" && one.values.isEmpty)
            #expect(try await desk.store.subject(9999) == nil)
            #expect(try await desk.store.subjects(SubjectQuery(parent: 9999)).total == 0)
        }
    }

    @Test("a cursor that no page gave is refused", arguments: StoreKind.all)
    func badCursor(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await Self.fill(desk)
            for cursor in ["", "x", "1.1", "99999", "-1"] {
                let error = await #expect(throws: StoreError.self) {
                    try await desk.store.subjects(SubjectQuery(cursor: cursor))
                }
                #expect(error?.kind == .invalid, "\(cursor)")
            }
        }
    }

    @Test("latest values are ordered by kind, key and metric, and narrowed by each", arguments: StoreKind.all)
    func latest(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await Self.fill(desk)
            let account = SubjectReference(kind: "account", key: "f/a")
            try await desk.emit([
                .sample(Sample(account, "stars", at: Desk.start, 12)),
                .sample(Sample(Desk.repository("f/a/r0"), "downloads", at: Desk.start, 3)),
            ])
            func keys(_ query: LatestQuery) async throws -> [String] {
                try await desk.store.latest(query).map { "\($0.subject.key) \($0.metric)" }
            }
            #expect(
                try await keys(LatestQuery()) == [
                    "f/a stars", "f/a/r0 downloads", "f/a/r0 stars", "f/a/r1 stars", "f/a/r3 stars", "f/b/r5 stars",
                    "f/b/r7 stars",
                ])
            #expect(try await keys(LatestQuery(kind: "account")) == ["f/a stars"])
            #expect(try await keys(LatestQuery(key: "F/A/R0")) == ["f/a/r0 downloads", "f/a/r0 stars"])
            #expect(try await keys(LatestQuery(key: "f/a/r0", metric: "stars")) == ["f/a/r0 stars"])
            #expect(try await keys(LatestQuery(kind: "account", key: "f/a/r0")) == [])
            #expect(try await keys(LatestQuery(metric: "downloads")) == ["f/a/r0 downloads"])
        }
    }
}
