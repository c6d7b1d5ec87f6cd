import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Synchronization
import Testing

@testable import InsightsBuiltins

@Suite("What goes wrong with a part of a repository, and what that costs")
struct ForgePartsTests {
    private let fixture = ForgeFixture()
    private var forge: Forge { fixture.forge }

    init() {
        forge.addAccount("acme")
        forge.addAccount("other")
    }

    private func add(_ name: String) -> Int64 {
        forge.addRepository(name, createdAt: Instant("2025-06-01T00:00:00Z"), ForgeFixture.count)
    }

    private func views(_ id: Int64, at now: Instant = ForgeFixture.start) throws -> [Instant: Double] {
        let truth = try #require(forge.repository(id)).traffic
        let days = (0..<14).map { now.startOfDay.advanced(by: .seconds(-86_400 * $0)) }
        return Dictionary(uniqueKeysWithValues: days.map { ($0, Double(truth.told(of: $0, at: now).views)) })
            .filter { $0.value > 0 }
    }

    @Test("Releases that do not fit into one answer are read in smaller ones")
    func largeReleases() async throws {
        let id = add("acme/widget")
        for number in 0..<130 { forge.addRelease(ForgeRelease(tag: "v\(number)", downloads: [1, 2]), to: id) }
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/releases"), request.url.query?.contains("per_page=100") == true else {
                return nil
            }
            throw RunFailure(HTTP.FailureCode.tooLarge, "larger than 8388608 bytes", retryable: false)
        }
        try await fixture.collect()
        #expect(fixture.repositories.value("releases", of: fixture.repository("acme/widget")) == 130)
        #expect(fixture.repositories.value("release_downloads", of: fixture.repository("acme/widget")) == 390)
    }

    @Test("What is served by name alone is asked by name")
    func byName() async throws {
        let ids = ["acme/a", "acme/b"].map(add)
        fixture.direct.meddle { request in
            let isBelow = request.url.path.split(separator: "/").count > 4
            return request.url.path.contains("/repositories/") && isBelow
                ? ScriptedHTTP.Answer(404, json: ["message": "Not Found"]) : nil
        }
        try await fixture.collect()
        for (id, name) in zip(ids, ["acme/a", "acme/b"]) {
            let told = fixture.repositories.series("views", of: fixture.repository(name)).filter { $0.value > 0 }
            #expect(try told == views(id))
            #expect(fixture.repositories.value("releases", of: fixture.repository(name)) == 0)
        }
    }

    @Test("Two that swap their names while they are read keep their own days")
    func swap() async throws {
        let (one, two) = (add("acme/one"), add("acme/two"))
        let forge = forge
        let isDone = Mutex(false)
        fixture.direct.meddle { request in
            // Right after the list, before anything of them is asked.
            guard request.url.path == "/api/graphql",
                isDone.withLock({ done in
                    defer { done = true }
                    return !done
                })
            else { return nil }
            for (id, name) in [(one, "acme/aside"), (two, "acme/one"), (one, "acme/two")] { forge.move(id, to: name) }
            return nil
        }
        try await fixture.collect()
        for (id, name) in [(one, "acme/one"), (two, "acme/two")] {
            let subject = fixture.repositories.subjects.first { $0.externalID == String(id) }
            #expect(subject?.reference == fixture.repository(name))
            let told = fixture.repositories.series("views", of: fixture.repository(name)).filter { $0.value > 0 }
            #expect(try told == views(id), "\(name)")
        }
    }

    @Test("What was never tried comes first, then what has traffic by age, at last what may not be read")
    func order() async throws {
        let blind = add("acme/blind")
        let id = add("acme/known")
        fixture.direct.meddle { request in
            let path = request.url.path
            let isBlind = path.contains("/\(blind)/traffic/") || path.contains("/blind/traffic/")
            return isBlind ? ScriptedHTTP.Answer(403, json: ["message": "Resource not accessible"]) : nil
        }
        try await fixture.collect()
        let new = add("acme/zulu")
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400)))
        forge.clearLog()
        fixture.direct.meddle(nil)
        try await fixture.collect(["concurrency": 1])
        let asked = forge.log.map(\.path).filter { $0.hasSuffix("/traffic/views") }
        #expect(asked.map { path in [blind, id, new].first { path.contains(String($0)) } } == [new, id, blind])
    }

    @Test("A list with something in it that cannot be understood hides no one who has moved")
    func movedBesideUnreadable() async throws {
        let (stays, id) = (add("acme/stays"), add("acme/moves"))
        try await fixture.collect()
        forge.move(id, to: "other/moved")
        fixture.repositories.forget()
        fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400)))
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/orgs/acme/repos") else { return nil }
            return ScriptedHTTP.Answer(json: [
                ["id": .integer(stays), "full_name": "acme/stays"], ["id": .string("?"), "name": "hidden"],
            ])
        }
        let summary = try await fixture.collect()
        #expect(summary.hasPrefix("2 repositories read; 1 items of lists could not be understood"))
        #expect(
            fixture.repositories.subjects.first { $0.externalID == String(id) }?.reference
                == fixture.repository("other/moved"))
    }

    @Test(
        "A name that can be no key is left out, and the others are read",
        arguments: ["acme/a\u{85}b", "acme/\u{130}" + String(repeating: "\u{130}", count: 170)])
    func names(name: String) async throws {
        let ids = ["acme/a", "acme/b"].map(add)
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/orgs/acme/repos") else { return nil }
            return ScriptedHTTP.Answer(json: [
                ["id": .integer(ids[0]), "full_name": "acme/a"], ["id": 77, "full_name": .string(name)],
                ["id": .integer(ids[1]), "full_name": "acme/b"],
            ])
        }
        let summary = try await fixture.collect()
        #expect(summary.hasPrefix("2 repositories read; 1 items of lists could not be understood"), "\(summary)")
    }

    @Test("A repository whose name holds the token, in whatever form, is left out")
    func tokenAsName() async throws {
        let id = add("acme/a")
        let forms = ForgeFixture.tokenForms
        fixture.direct.meddle { request in
            guard request.url.path.hasSuffix("/orgs/acme/repos") else { return nil }
            let items = forms.enumerated().map { index, form -> Value in
                ["id": .integer(Int64(index + 1)), "full_name": .string("acme/\(form)")]
            }
            return ScriptedHTTP.Answer(json: .array(items + [["id": .integer(id), "full_name": "acme/a"]]))
        }
        let summary = try await fixture.collect()
        #expect(summary.hasPrefix("1 repository read; 4 items of lists could not be understood"), "\(summary)")
        let everything = (fixture.everything + summary).lowercased()
        for form in forms { #expect(!everything.contains(form.lowercased())) }
    }
}
