import InsightsPlugin
import Testing

@testable import InsightsEngine

@Suite("What another manifest changes")
struct ManifestChangesTests {
    private struct Idle: TaskModule {
        var declaration: ModuleDeclaration { ModuleDeclaration(id: "idle", summary: "Does nothing") }
        func run(_ context: RunContext) async throws -> String? { nil }
    }

    private func manifest(_ tasks: KeyValuePairs<String, UInt64>) -> Manifest {
        let settings = TaskSettings(
            uses: "test.idle", summary: "", isEnabled: true, parameters: [:], secrets: [], policy: Policy(),
            module: Idle())
        let definitions = tasks.map { name, hash in
            TaskDefinition(name: name, cadence: .after([]), settings: settings, hash: hash)
        }
        return Manifest(zone: .utc, concurrency: 1, groups: [:], tasks: definitions, hash: 0)
    }

    @Test("tasks are added, removed and changed by name and text")
    func names() {
        let old = manifest(["a": 1, "b": 1, "c": 1, "x": 1, "z": 1])
        let changes = ManifestChanges(from: old, to: manifest(["aa": 1, "b": 1, "c": 2, "y": 1]))
        #expect(changes.added == ["aa", "y"])
        #expect(changes.removed == ["a", "x", "z"])
        #expect(changes.changed == ["c"])
        #expect(
            changes.fields.map { "\($0.key): \($0.value)" } == ["added: aa, y", "removed: a, x, z", "changed: c"])
        #expect(ManifestChanges(from: old, to: old).fields.isEmpty)
        #expect(ManifestChanges(from: old, to: manifest([:])).removed == ["a", "b", "c", "x", "z"])
    }

    @Test("of many names the first ten are told, and how many more there are")
    func many() {
        var changes = ManifestChanges(from: manifest([:]), to: manifest([:]))
        changes.removed = (10...29).map { "task-\($0)" }
        let shown = (10...19).map { "task-\($0)" }.joined(separator: ", ")
        #expect(changes.fields.map(\.value) == ["\(shown) and 10 more"])
    }
}
