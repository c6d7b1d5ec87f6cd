import Foundation
import InsightsEngine
import InsightsPlugin
import Synchronization
import Testing

@Suite("Engine: reloads") struct EngineReloadTests {
    private static func good(_ names: String...) -> LoadedManifest {
        LoadedManifest(
            manifest: EngineFixture.manifest(names.map { EngineFixture.task($0, hash: 2) { _ in nil } }),
            diagnostics: [])
    }

    private static func bad(_ code: DiagnosticCode, _ severity: Diagnostic.Severity = .error) -> Diagnostic {
        Diagnostic(
            file: "tasks.yaml", line: 3, column: 1, endColumn: 4, severity: severity, code: code, message: "no",
            help: nil, sourceLine: "abc")
    }

    private static func failures(_ engine: Engine) -> Double? {
        let family = engine.metrics().first { $0.name == "insights_manifest_reload_failures_total" }
        guard case .number(let value) = family?.samples.first?.reading else { return nil }
        return value
    }

    @Test("any number of them at once are answered, while one is read as well as after the end")
    func many() async throws {
        let gate = Gate()
        let loads = Calls()
        let fixture = try await EngineFixture(
            [],
            reloaded: {
                if loads.add() == 1 { await gate.pass() }
                return Self.good("added")
            })
        let reloaded = await withTaskGroup(of: Bool.self) { group in
            func ask() { group.addTask { if case .reloaded = await fixture.engine.reload() { true } else { false } } }
            ask()
            await gate.arrived()
            for _ in 0..<40 { ask() }
            // So that most of them wait together; the rest come while others are answered.
            for _ in 0..<1000 { await Swift.Task.yield() }
            gate.open()
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(reloaded == 41)
        await fixture.end()
        guard case .stopping = await fixture.engine.reload() else {
            Issue.record("reloaded after the end")
            return
        }
    }

    @Test("one that the store fails is no error of the manifest, stops no task, and is tried again by itself")
    func storeFails() async throws {
        let place = try WatchedFile()
        let fixture = try await EngineFixture(
            [EngineFixture.task("one") { _ in nil }], reloaded: { Self.good("added") }
        ) { $0.watchedPath = place.path }
        _ = try await fixture.nextFinished()
        fixture.faults.failRegistrations(2)
        try place.write("changed")
        guard case .unavailable(FaultyStore.error) = await fixture.engine.reload() else {
            Issue.record("not told that the store is away")
            return
        }
        #expect(Self.failures(fixture.engine) == 0)
        #expect(fixture.engine.readiness().store.isOK)
        #expect(fixture.engine.readiness().manifest.detail.contains(FaultyStore.error.message))
        guard case .accepted = await fixture.engine.trigger(["one"], dependents: false)[0].answer else {
            Issue.record("nothing starts any more")
            return
        }
        #expect(try await fixture.nextFinished().status == .succeeded)
        try await fixture.passTime(until: "the new manifest is in force") {
            fixture.engine.manifest.tasks.map(\.name) == ["added"]
        }
        #expect(fixture.engine.readiness().manifest.detail == "ok")
        #expect(fixture.log.lines(with: "was not reloaded").count == 1)
        await fixture.end()
    }

    @Test("one that cannot be read is tried again by itself, one that is wrong is not until it changes")
    func unreadable() async throws {
        let place = try WatchedFile()
        let loads = Calls()
        let fixture = try await EngineFixture(
            [],
            reloaded: {
                switch loads.add() {
                case 1, 2: LoadedManifest(manifest: nil, diagnostics: [Self.bad(.file)])
                case 3: LoadedManifest(manifest: nil, diagnostics: [Self.bad(.syntax)])
                default: Self.good("added")
                }
            }
        ) { $0.watchedPath = place.path }
        try place.write("changed")
        try await fixture.passTime(until: "it was read") { loads.count == 3 }
        try await fixture.passTime(until: "its error was told") { Self.failures(fixture.engine) == 2 }
        let told = fixture.clock.now
        try await fixture.passTime(until: "a minute has passed", step: .seconds(1)) {
            fixture.clock.now > told.advanced(by: .seconds(60))
        }
        #expect(loads.count == 3)
        try place.write("changed again")
        try await fixture.passTime(until: "the new manifest is in force") { !fixture.engine.manifest.tasks.isEmpty }
        await fixture.end()
    }

    @Test("a change between the first reading and the start of the watch is seen")
    func early() async throws {
        let place = try WatchedFile()
        let signature = FileSignature(path: place.path)
        try place.write("changed")
        let fixture = try await EngineFixture([], reloaded: { Self.good("added") }) {
            $0.watchedPath = place.path
            $0.watchedSignature = signature
        }
        try await fixture.passTime(until: "the new manifest is in force") { !fixture.engine.manifest.tasks.isEmpty }
        await fixture.end()
    }

    @Test("a change that somebody's reload has read is not read again by the watch")
    func once() async throws {
        let place = try WatchedFile()
        let loads = Calls()
        let fixture = try await EngineFixture(
            [],
            reloaded: {
                loads.add()
                return LoadedManifest(manifest: nil, diagnostics: [Self.bad(.syntax)])
            }
        ) { $0.watchedPath = place.path }
        try place.write("changed")
        _ = await fixture.engine.reload()
        let told = fixture.clock.now
        try await fixture.passTime(until: "a minute has passed", step: .seconds(1)) {
            fixture.clock.now > told.advanced(by: .seconds(60))
        }
        #expect(loads.count == 1)
        #expect(Self.failures(fixture.engine) == 1)
        await fixture.end()
    }

    @Test("a copy that keeps size and time of what was there is another file all the same")
    func copied() throws {
        let place = try WatchedFile()
        let before = try #require(FileSignature(path: place.path))
        #expect(FileSignature(path: place.path) == before)
        try place.overwrite("third", keepingTime: true)
        #expect(FileSignature(path: place.path) != before)
        #expect(FileSignature(path: place.path + ".gone") == nil)
    }

    @Test("that a variable is unset is told with what a running process needs for it")
    func unsetVariable() async throws {
        let fixture = try await EngineFixture(
            [], reloaded: { LoadedManifest(manifest: nil, diagnostics: [Self.bad(.unsetVariable)]) })
        _ = await fixture.engine.reload()
        #expect(fixture.log.lines(with: "not reloaded (1 error)").allSatisfy { $0.contains("at the start of") })
        #expect(fixture.engine.readiness().manifest.detail.contains("at the start of this process only"))
        await fixture.end()
    }

    @Test("the warnings of a manifest that was reloaded are logged")
    func warnings() async throws {
        let fixture = try await EngineFixture(
            [],
            reloaded: {
                var loaded = Self.good("added")
                loaded.diagnostics = [Self.bad(.retention, .warning)]
                return loaded
            })
        guard case .reloaded(let warnings) = await fixture.engine.reload() else {
            Issue.record("refused for a warning")
            return
        }
        #expect(warnings == [Self.bad(.retention, .warning)])
        #expect(fixture.log.lines(with: "warning tasks.yaml:3:1: no [retention]").count == 1)
        await fixture.end()
    }
}

/// A file in a folder of its own.
private final class WatchedFile: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "insights-watched-\(UUID().uuidString)"
        try write("first")
    }

    deinit { unlink(path) }

    /// Replaces the file, as editors do.
    func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }

    /// Writes into the file, and sets its times back as `cp -p` does.
    func overwrite(_ text: String, keepingTime: Bool) throws {
        var status = stat()
        try #require(stat(path, &status) == 0)
        let file = try #require(fopen(path, "r+"))
        fputs(text, file)
        fclose(file)
        var times = [status.st_atim, status.st_mtim]
        try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
    }
}
