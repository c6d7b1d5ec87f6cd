import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("Repositories that are renamed, moved, archived, deleted and made anew")
struct GitRepositoriesLifeTests {
    private let fixture = ForgeFixture()
    private var forge: Forge { fixture.forge }

    init() {
        forge.addAccount("acme")
        forge.addAccount("other")
        forge.addRepository("acme/stays", createdAt: Instant("2025-06-01T00:00:00Z"))
    }

    private func add(_ name: String) -> Int64 { forge.addRepository(name, createdAt: Instant("2025-06-01T00:00:00Z")) }

    /// Collects a day later, and hands over what was said of repositories then.
    private func next(_ changes: ValueObject = [:]) async throws -> [Subject] {
        fixture.repositories.forget()
        fixture.advance(to: forge.now.advanced(by: .seconds(86_400)))
        try await fixture.collect(changes)
        return fixture.repositories.subjects.filter { $0.reference.kind == "repository" }
    }

    @Test("A rename keeps the identity under the new key")
    func rename() async throws {
        let id = add("acme/old")
        try await fixture.collect()
        forge.move(id, to: "acme/new")
        let subjects = try await next()
        let renamed = subjects.filter { $0.externalID == String(id) }
        #expect(renamed.map(\.reference) == [fixture.repository("acme/new")])
        #expect(!subjects.contains { $0.state == .gone })
    }

    @Test("A transfer keeps the identity, goes on being read, and counts to its new account")
    func transfer() async throws {
        let id = add("acme/moves")
        try await fixture.collect()
        forge.move(id, to: "other/moved")
        for _ in 0..<2 {
            let moved = try await next().filter { $0.externalID == String(id) }
            #expect(moved.map(\.reference) == [fixture.repository("other/moved")])
            #expect(moved.first?.parent == fixture.account("other"))
            #expect(!fixture.repositories.series("views", of: fixture.repository("other/moved")).isEmpty)
        }
    }

    /// The days that a repository's views are told to lack, counted from the first collection's.
    private func gaps(_ path: String) -> [[Int64]] { fixture.gapDays("views", of: fixture.repository(path)) }

    @Test("A deleted one is gone, told once with the days that were lost, and asked for again for a month")
    func delete() async throws {
        let id = add("acme/dies")
        try await fixture.collect()
        forge.delete(id)
        let gone = try await next().filter { $0.externalID == String(id) }
        #expect(gone.map(\.state) == [.gone] && gone.map(\.reference) == [fixture.repository("acme/dies")])
        #expect(gaps("acme/dies") == [[0, 0]])
        for (days, asked) in [(0, 1), (27, 1), (2, 1), (0, nil)] as [(Int64, Int?)] {
            fixture.advance(to: forge.now.advanced(by: .seconds(86_400 * days)))
            forge.clearLog()
            #expect(try await next().allSatisfy { $0.externalID != String(id) })
            #expect(gaps("acme/dies") == [])
            #expect(fixture.paths["/api/v3/repositories/\(id)"] == asked)
        }
    }

    @Test("A moved one that one answer denies is read again when it turns up, with the days that were lost meanwhile")
    func denied() async throws {
        let id = add("acme/moves")
        try await fixture.collect()
        forge.move(id, to: "other/moved")
        _ = try await next()
        fixture.direct.meddle { $0.url.path == "/api/v3/repositories/\(id)" ? ScriptedHTTP.Answer(404) : nil }
        let gone = try await next().filter { $0.externalID == String(id) }
        #expect(gone.map(\.state) == [.gone] && gone.map(\.reference) == [fixture.repository("other/moved")])
        #expect(gaps("other/moved") == [[1, 1]])
        fixture.direct.meddle(nil)
        fixture.advance(to: forge.now.advanced(by: .seconds(86_400 * 19)))
        let back = try await next().filter { $0.externalID == String(id) }
        #expect(back.map(\.reference) == [fixture.repository("other/moved")] && back.first?.state != .gone)
        // It is the 22nd day after the first; a window of 14 begins with the ninth.
        #expect(gaps("other/moved") == [[2, 8]])
        _ = try await next()
        #expect(gaps("other/moved") == [])
    }

    @Test("A deleted one that the manifest names is gone, and no failure")
    func deleteNamed() async throws {
        let id = add("other/named")
        let named: ValueObject = ["accounts": [], "repositories": ["other/named"]]
        try await fixture.collect(named)
        forge.delete(id)
        for _ in 0..<2 {
            let gone = try await next(named)
            #expect(gone.map(\.state) == [.gone])
        }
    }

    @Test("A named one that was renamed is followed")
    func renameNamed() async throws {
        let id = add("other/named")
        let named: ValueObject = ["accounts": [], "repositories": ["other/named"]]
        try await fixture.collect(named)
        forge.move(id, to: "acme/elsewhere")
        let moved = try await next(named)
        #expect(moved.map(\.reference) == [fixture.repository("acme/elsewhere")])
        #expect(moved.map(\.externalID) == [String(id)])
    }

    @Test("A new one under an old name is another, and its coming alone tells that the former is gone")
    func anew() async throws {
        let id = add("acme/phoenix")
        try await fixture.collect()
        forge.delete(id)
        let new = add("acme/phoenix")
        let subjects = try await next().filter { $0.reference == fixture.repository("acme/phoenix") }
        #expect(subjects.map(\.externalID) == [String(new)])
    }

    @Test("A renamed one whose old name another takes: both are told, each by its own identity")
    func taken() async throws {
        let id = add("acme/first")
        try await fixture.collect()
        forge.move(id, to: "acme/second")
        let new = add("acme/first")
        let subjects = try await next()
        let keys = Dictionary(subjects.map { ($0.externalID ?? "", $0.reference) }) { first, _ in first }
        #expect(keys[String(id)] == fixture.repository("acme/second"))
        #expect(keys[String(new)] == fixture.repository("acme/first"))
    }

    @Test("Those that change names with each other are told at once, before any of them is read")
    func exchanged() async throws {
        let ids = ["acme/a", "acme/b", "acme/c", "acme/other"].map(add)
        try await fixture.collect()
        forge.move(ids[3], to: "acme/elsewhere")
        forge.move(ids[0], to: "acme/between")
        forge.move(ids[2], to: "acme/a")
        forge.move(ids[1], to: "acme/c")
        forge.move(ids[0], to: "acme/b")
        _ = try await next()
        let emissions = fixture.repositories.emissions
        let first = emissions.prefix { if case .sample = $0 { false } else { true } }
        let told = first.compactMap { emission in
            if case .subject(let subject) = emission, subject.reference.kind == "repository" {
                subject.externalID.map { "\($0) \(subject.reference.key)" }
            } else {
                nil as String?
            }
        }
        let expected = zip(ids, ["b", "c", "a"]).map { "\($0) \(fixture.key)/acme/\($1)" }
        #expect(told.count >= 3 && Set(told.prefix(3)) == Set(expected), "\(told)")
    }

    @Test("Archiving is a state, and so is its end")
    func archive() async throws {
        let id = add("acme/sleeps")
        try await fixture.collect()
        forge.edit(id) { $0.isArchived = true }
        #expect(try await next().first { $0.externalID == String(id) }?.state == .archived)
        forge.edit(id) { $0.isArchived = false }
        #expect(try await next().first { $0.externalID == String(id) }?.state == .active)
    }

    @Test("What a filter leaves out from now on is not gone")
    func filtered() async throws {
        let id = add("acme/quiet")
        try await fixture.collect()
        let subjects = try await next(["exclude": ["quiet"]])
        #expect(subjects.allSatisfy { $0.externalID != String(id) })
    }

    @Test("One that is archived where such ones are left out is said to be, once, and is not read any more")
    func archivedAndLeftOut() async throws {
        let id = add("acme/sleeps")
        try await fixture.collect(["archived": false])
        forge.edit(id) { $0.isArchived = true }
        let subjects = try await next(["archived": false]).filter { $0.externalID == String(id) }
        #expect(subjects.map(\.state) == [.archived])
        #expect(!fixture.repositories.samples.contains { $0.subject == fixture.repository("acme/sleeps") })
        #expect(try await next(["archived": false]).allSatisfy { $0.externalID != String(id) })
    }

    @Test("An account whose list fails is told, also when all that is known of it is named besides")
    func namedBesides() async throws {
        let both: ValueObject = ["repositories": ["acme/stays", "other/named"]]
        _ = add("other/named")
        try await fixture.collect(both)
        fixture.direct.meddle { $0.url.path.hasSuffix("/orgs/acme/repos") ? ScriptedHTTP.Answer(500) : nil }
        fixture.advance(to: forge.now.advanced(by: .seconds(86_400)))
        let summary = try await fixture.collect(both)
        #expect(summary.hasPrefix("2 repositories read; 1 failed: \(fixture.key)/acme (forge_failed"), "\(summary)")
    }

    @Test("What cannot be looked for is not gone")
    func unsure() async throws {
        let id = add("acme/lost")
        try await fixture.collect()
        forge.delete(id)
        fixture.direct.meddle { $0.url.path.hasSuffix("/repositories/\(id)") ? ScriptedHTTP.Answer(500) : nil }
        #expect(try await next().allSatisfy { $0.state != .gone })
        fixture.direct.meddle(nil)
        #expect(try await next().filter { $0.state == .gone }.map(\.externalID) == [String(id)])
    }

    @Test("A list with something in it that cannot be understood makes nothing gone")
    func unreadable() async throws {
        let id = add("acme/hidden")
        try await fixture.collect()
        let whole = forge.repositories.first { $0.name == "stays" }
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/orgs/acme/repos") else { return nil }
            return ScriptedHTTP.Answer(json: [
                ["id": .integer(whole?.id ?? 0), "full_name": "acme/stays"], ["id": .string("?"), "name": "hidden"],
            ])
        }
        #expect(try await next().allSatisfy { $0.state != .gone })
        fixture.direct.meddle(nil)
        #expect(try await next().contains { $0.externalID == String(id) && $0.state == .active })
    }
}
