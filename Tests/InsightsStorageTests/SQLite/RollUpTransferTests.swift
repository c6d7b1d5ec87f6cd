import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsStorage

@Suite("A transfer between sums that are stored")
struct RollUpTransferTests {
    private typealias Conformance = RollUpConformance

    /// Sums that are to be summed up anew, from which day on.
    private func stale(_ desk: Desk) async throws -> [String] {
        let store = try #require(desk.store as? SQLiteStore)
        return try await store.texts(
            """
            SELECT s.key || ' ' || x.metric || ' ' || coalesce(date(x.stale_day * 86400, 'unixepoch'), 'ever') FROM series x
            JOIN subjects s ON s.id = x.subject_id WHERE x.stale_day IS NOT NULL ORDER BY 1
            """)
    }

    private func filled(_ desk: Desk, _ more: [Emission] = []) async throws {
        try await desk.emit(
            [
                .subject(Subject(kind: "account", key: "f/org", parent: Conformance.platform)),
                .subject(Subject(kind: "account", key: "f/other", parent: Conformance.platform)),
                Conformance.repository("f/org/a", id: "1"), Conformance.views("f/org/a", "2026-02-26", 4),
                Conformance.views("f/org/a", "2026-02-27", 0), Conformance.views("f/org/a", "2026-02-28", 5),
                Conformance.repository("f/org/b", id: "2"), Conformance.views("f/org/b", "2026-02-27", 0),
                Conformance.views("f/org/b", "2026-02-28", 7),
                Conformance.repository("f/other/c", id: "3", in: Conformance.other),
                Conformance.views("f/other/c", "2026-02-28", 10),
            ] + more + [
                Conformance.rollUp(), Conformance.rollUp(to: Conformance.other),
                Conformance.rollUp(to: Conformance.platform, from: "account"),
            ])
    }

    @Test("Its own days change hands, and no other day of either account has to be read")
    func days() async throws {
        try await withDesk(StoreKind.all[0]) { desk async throws in
            try await filled(desk)
            #expect(try await stale(desk) == [])
            try await desk.emit([Conformance.repository("f/other/a", id: "1", in: Conformance.other)])
            // The 26th was its alone, the 27th another has too.
            #expect(try await Conformance.days(desk) == ["02-27 0", "02-28 7"])
            #expect(
                try await Conformance.days(desk, of: Conformance.other) == ["02-26 4", "02-27 0", "02-28 15"])
            // Sums of accounts are few.
            #expect(try await stale(desk) == ["f views 2026-02-26"])
            try await desk.emit([
                Conformance.rollUp(), Conformance.rollUp(to: Conformance.other),
                Conformance.rollUp(to: Conformance.platform, from: "account"),
            ])
            #expect(try await Conformance.latest(desk, "views") == "7 of 1")
            #expect(try await Conformance.latest(desk, "views", of: Conformance.other) == "15 of 2")
            #expect(try await Conformance.days(desk, of: Conformance.platform) == ["02-26 4", "02-27 0", "02-28 22"])
        }
    }

    @Test("What the sums alone do not tell is summed up anew: fractions, kinds side by side, too many empty days")
    func anew() async throws {
        let empty = (1...28).flatMap { day in
            ["2026-01", "2026-02"].map {
                Conformance.views("f/org/a", "\($0)-\(day < 10 ? "0" : "")\(day)", day == 28 ? 5 : 0)
            }
        }
        let cases: [(more: [Emission], stale: String)] = [
            ([Conformance.views("f/org/a", "2026-02-27", 0.5)], "f/org views 2026-02-27"),
            ([.subject(Subject(kind: "package", key: "f/org/p", parent: Conformance.account))], "f/org views ever"),
            // The 33rd day that comes to nothing.
            (empty, "f/org views 2026-02-05"),
        ]
        for (more, stale) in cases {
            try await withDesk(StoreKind.all[0]) { desk async throws in
                try await filled(desk, more)
                try await desk.emit([Conformance.repository("f/other/a", id: "1", in: Conformance.other)])
                let found = try await self.stale(desk)
                #expect(found.contains(stale), "\(found)")
                try await desk.emit([Conformance.rollUp(), Conformance.rollUp(to: Conformance.other)])
                #expect(try await Conformance.days(desk) == ["02-27 0", "02-28 7"])
                let other = try await Conformance.days(desk, of: Conformance.other)
                #expect(other.last == "02-28 15" && other.contains("02-26 4"), "\(other)")
            }
        }
    }
}
