import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Samples", .tags(.conformance))
struct SampleConformance {
    static let key = "forge.example/org/app"
    static let subject = Desk.repository(key)
    /// When what follows is written: the second of March is not over.
    static let today = Desk.start

    static func sample(_ metric: String, _ at: String, _ value: Double) -> Emission {
        .sample(Sample(subject, metric, at: Instant(at.contains("T") ? at : at + "T00:00:00Z")!, value))
    }

    @Test("a gauge has a row when it changed, and one a day", arguments: StoreKind.all)
    func gauge(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            for metric in ["stars", "downloads"] {
                try await desk.emit([
                    Self.sample(metric, "2026-03-01T08:00:00Z", 5), Self.sample(metric, "2026-03-01T09:00:00Z", 5),
                    Self.sample(metric, "2026-03-01T10:00:00Z", 4), Self.sample(metric, "2026-03-01T11:00:00Z", 4),
                    Self.sample(metric, "2026-03-02T00:00:00Z", 4), Self.sample(metric, "2026-03-02T09:30:00Z", 4),
                ])
                let points = try await desk.points(Self.key, metric)
                #expect(
                    points == [
                        "2026-03-01T08:00:00.000Z 5", "2026-03-01T10:00:00.000Z 4", "2026-03-02T00:00:00.000Z 4",
                    ])
                let latest = try await desk.store.latest(LatestQuery(metric: metric))
                #expect(latest.first?.at == Instant("2026-03-02T09:30:00Z") && latest.first?.value == .number(4))
            }
        }
    }

    @Test("a reading that comes late takes its place, and what followed it still shows", arguments: StoreKind.all)
    func late(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                Self.sample("stars", "2026-03-01T08:00:00Z", 5), Self.sample("stars", "2026-03-01T12:00:00Z", 5),
                Self.sample("stars", "2026-03-01T10:00:00Z", 9), Self.sample("stars", "2026-02-27T10:00:00Z", 1),
            ])
            let points = try await desk.points(Self.key, "stars")
            #expect(
                points == [
                    "2026-02-27T10:00:00.000Z 1", "2026-03-01T08:00:00.000Z 5", "2026-03-01T10:00:00.000Z 9",
                    "2026-03-01T12:00:00.000Z 5",
                ])
            #expect(try await desk.store.latest(LatestQuery()).first?.value == .number(5))
        }
    }

    @Test("a reading of the same instant replaces the former", arguments: StoreKind.all)
    func sameInstant(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            for value in [5.0, 7] { try await desk.emit([Self.sample("stars", "2026-03-01T08:00:00Z", value)]) }
            #expect(try await desk.points(Self.key, "stars") == ["2026-03-01T08:00:00.000Z 7"])
            #expect(try await desk.store.latest(LatestQuery()).first?.value == .number(7))
        }
    }

    @Test("a later reading of a day replaces it, but a completed day never falls", arguments: StoreKind.all)
    func daily(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            func read(_ yesterday: Double, _ today: Double) async throws -> [String] {
                try await desk.emit(
                    [Self.sample("views", "2026-03-01", yesterday), Self.sample("views", "2026-03-02", today)],
                    at: Self.today)
                return try await desk.points(Self.key, "views").map { String($0.split(separator: " ")[1]) }
            }
            #expect(try await read(10, 4) == ["10", "4"])
            #expect(try await read(12, 6) == ["12", "6"])
            #expect(try await read(3, 2) == ["12", "2"])
            #expect(try await desk.store.latest(LatestQuery()).first?.value == .number(2))
            // A day later the second is complete, too.
            try await desk.emit([Self.sample("views", "2026-03-02", 1)], at: Desk.day("2026-03-03"))
            #expect(try await desk.points(Self.key, "views").last == "2026-03-02T00:00:00.000Z 2")
            #expect(try await desk.store.latest(LatestQuery()).first?.value == .number(2))
        }
    }

    @Test("where the source can be rewritten, a completed day falls", arguments: StoreKind.all)
    func rewritable(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            for value in [9.0, 3, 0] { try await desk.emit([Self.sample("commits", "2026-02-01", value)]) }
            #expect(try await desk.points(Self.key, "commits") == ["2026-02-01T00:00:00.000Z 0"])
            #expect(try await desk.store.latest(LatestQuery()).first?.value == .number(0))
        }
    }

    @Test("the latest value of a daily metric is that of its last day", arguments: StoreKind.all)
    func latestDay(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            try await desk.emit([
                Self.sample("commits", "2026-03-01", 8), Self.sample("commits", "2026-02-01", 5),
            ])
            let latest = try #require(try await desk.store.latest(LatestQuery()).first)
            #expect(latest.value == .number(8) && latest.at == Desk.day("2026-03-01") && latest.of == nil)
            #expect(latest.unit == "commits" && latest.shape == .daily && latest.subject.key == Self.key)
        }
    }

    @Test("a ranking is replaced per day, as it was given", arguments: StoreKind.all)
    func ranking(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            func emit(_ at: String, _ list: (String, Double)...) async throws {
                let values = list.map { RankedValue(label: $0.0, value: $0.1) }
                try await desk.emit([.sample(Sample(Self.subject, "referrers", at: Instant(at)!, ranking: values))])
            }
            try await emit("2026-03-01T08:00:00Z", ("a.example", 3), ("b \"quoted\" ü", 2.5))
            try await emit("2026-03-01T20:00:00Z", ("c.example", 7))
            try await emit("2026-03-01T10:00:00Z", ("too late", 1))
            try await emit("2026-03-02T08:00:00Z")
            #expect(
                try await desk.points(Self.key, "referrers") == [
                    #"2026-03-01T20:00:00.000Z [{"label":"c.example","value":7}]"#, "2026-03-02T08:00:00.000Z []",
                ])
            #expect(try await desk.store.latest(LatestQuery()).first?.value == .ranking([]))
            try await emit("2026-03-03T08:00:00Z", ("b \"quoted\" ü", 2.5))
            let latest = try await desk.store.latest(LatestQuery()).first?.value
            #expect(latest == .ranking([RankedValue(label: "b \"quoted\" ü", value: 2.5)]))
        }
    }

    static let numbers: [Double] = [
        0, -0.0, 1, -1, 0.5, 1e-300, 9_007_199_254_740_992, -9_007_199_254_740_992, 9_007_199_254_740_991, 1e18,
        1.7e308,
        .leastNonzeroMagnitude, 123_456.789, 0.1 + 0.2,
    ]

    @Test("every finite number comes back as it went in", arguments: StoreKind.all)
    func exact(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let readings = Self.numbers.enumerated().map { index, number in
                Emission.sample(Sample(Self.subject, "stars", at: Desk.at(Double(index) * 86_400), number))
            }
            try await desk.emit(readings)
            let query = SeriesQuery(subject: .key(Self.key, kind: nil), metric: "stars")
            let values = try await desk.store.series(query)?.points.map(\.value)
            #expect(values == Self.numbers.map { .number($0) })
        }
    }

    @Test("gaps that touch or overlap are one", arguments: StoreKind.all)
    func gaps(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            func gap(_ from: String, _ to: String) -> Emission {
                .gap(Gap(Self.subject, "views", from: Desk.day(from), to: Desk.day(to)))
            }
            func stored(_ from: String? = nil, _ to: String? = nil) async throws -> [String] {
                let query = SeriesQuery(
                    subject: .key(Self.key, kind: nil), metric: "views", from: from.map(Desk.day), to: to.map(Desk.day))
                return try await desk.store.series(query)?.gaps.map { "\($0.from)"[5..<10] + "…" + "\($0.to)"[5..<10] }
                    ?? []
            }
            try await desk.emit([gap("2026-01-05", "2026-01-07"), gap("2026-01-10", "2026-01-10")])
            #expect(try await stored() == ["01-05…01-07", "01-10…01-10"])
            for _ in 1...2 { try await desk.emit([gap("2026-01-08", "2026-01-08")]) }
            #expect(try await stored() == ["01-05…01-08", "01-10…01-10"])
            try await desk.emit([gap("2026-01-01", "2026-01-02"), gap("2026-01-06", "2026-01-09")])
            #expect(try await stored() == ["01-01…01-02", "01-05…01-10"])
            #expect(try await stored("2026-01-03", "2026-01-04") == [])
            #expect(try await stored("2026-01-10", nil) == ["01-05…01-10"])
            // A gap alone is no value.
            #expect(try await desk.store.latest(LatestQuery()).isEmpty)
        }
    }

    @Test("steps sum additive days and keep the last of anything else", arguments: StoreKind.all)
    func steps(_ kind: StoreKind) async throws {
        try await withDesk(kind) { desk async throws in
            let days = ["2025-12-28", "2025-12-29", "2026-01-04", "2026-01-05", "2026-01-31", "2026-02-01"]
            for (index, day) in days.enumerated() {
                try await desk.emit([
                    Self.sample("commits", day, Double(1 << index)), Self.sample("visitors", day, Double(1 << index)),
                    Self.sample("stars", day + "T10:00:00Z", Double(index)),
                ])
            }
            #expect(
                try await desk.points(Self.key, "commits", step: .week) == [
                    "2025-12-22T00:00:00.000Z 1", "2025-12-29T00:00:00.000Z 6", "2026-01-05T00:00:00.000Z 8",
                    "2026-01-26T00:00:00.000Z 48",
                ])
            #expect(
                try await desk.points(Self.key, "commits", step: .month) == [
                    "2025-12-01T00:00:00.000Z 3", "2026-01-01T00:00:00.000Z 28", "2026-02-01T00:00:00.000Z 32",
                ])
            #expect(try await desk.points(Self.key, "commits", step: .day).count == 6)
            #expect(
                try await desk.points(Self.key, "visitors", step: .month) == [
                    "2025-12-29T00:00:00.000Z 2", "2026-01-31T00:00:00.000Z 16", "2026-02-01T00:00:00.000Z 32",
                ])
            #expect(
                try await desk.points(Self.key, "stars", step: .week).last == "2026-02-01T10:00:00.000Z 5")
            let part = SeriesQuery(
                subject: .key(Self.key, kind: nil), metric: "commits", from: Instant("2025-12-28T00:00:01Z"),
                to: Desk.day("2026-01-05"), step: .month)
            let series = try #require(try await desk.store.series(part))
            #expect(series.sum == 14 && series.isAdditive && series.unit == "commits")
            #expect(series.points.map(\.value) == [.number(2), .number(12)])
            let unique = SeriesQuery(subject: .key(Self.key, kind: nil), metric: "visitors")
            #expect(try await desk.store.series(unique)?.sum == nil)
            let none = SeriesQuery(subject: .key(Self.key, kind: nil), metric: "views")
            #expect(try await desk.store.series(none) == nil)
        }
    }

    @Test("overlapping windows in any order, and repeated, never change a sum", arguments: StoreKind.all)
    func windows(_ kind: StoreKind) async throws {
        var random = Seeded(kind.name)
        try await withDesk(kind) { desk async throws in
            let truth = (0..<60).map { _ in Double(Int.random(in: 0...50, using: &random)) }
            let first = Day.parse("2026-01-01")
            var windows = (0..<60).map { $0...min($0 + Int.random(in: 0...13, using: &random), 59) }
            windows += windows
            for window in windows.shuffled(using: &random) {
                try await desk.emit(
                    window.map {
                        Emission.sample(Sample(Self.subject, "views", at: Day.adding($0, to: first), truth[$0]))
                    },
                    at: Desk.day("2026-03-02"))
            }
            let query = SeriesQuery(subject: .key(Self.key, kind: nil), metric: "views")
            let series = try #require(try await desk.store.series(query))
            #expect(series.sum == truth.reduce(0, +), "seed \(random.seed)")
            #expect(series.points.map(\.value) == truth.map { .number($0) }, "seed \(random.seed)")
        }
    }
}

/// Days for tests.
enum Day {
    static func parse(_ text: String) -> Instant { Instant(text + "T00:00:00Z")! }

    static func adding(_ days: Int, to instant: Instant) -> Instant {
        Instant(milliseconds: instant.milliseconds + Int64(days) * 86_400_000)
    }
}

extension String {
    subscript(range: Range<Int>) -> String {
        String(dropFirst(range.lowerBound).prefix(range.count))
    }
}
