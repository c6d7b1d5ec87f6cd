import InsightsEngine
import Testing

@testable import InsightsCommands

@Suite("Ends")
struct FailureTests {
    @Test("the numbers are those of the contract")
    func numbers() {
        let all: [InsightsCommands.ExitStatus] = [
            .success, .taskFailed, .usage, .unavailable, .alreadyRunning, .configuration, .hungUp, .interrupted,
            .terminated,
        ]
        #expect(all.map(\.rawValue) == [0, 1, 64, 69, 75, 78, 129, 130, 143])
        #expect(InsightsCommands.ExitStatus.signalled(2) == .interrupted)
        #expect(InsightsCommands.ExitStatus.signalled(15) == .terminated)
    }

    @Test(
        "a store's trouble ends with its own number",
        arguments: [
            (StoreError.Kind.unavailable, InsightsCommands.ExitStatus.unavailable), (.damaged, .unavailable),
            (.schemaTooNew, .unavailable), (.alreadyRunning, .alreadyRunning), (.invalid, .usage),
        ])
    func store(kind: StoreError.Kind, status: InsightsCommands.ExitStatus) {
        let failure = CommandFailure(StoreError(kind, "no room", help: "make some"))
        #expect(failure.status == status)
        #expect(failure.description == "error: no room\n  help: make some")
    }

    @Test("what a name holds does not act on the terminal")
    func hostile() {
        let failure = CommandFailure(.usage, "no \u{1B}[2J\nerror: second", help: "\u{7}")
        #expect(failure.description == "error: no \u{FFFD}[2J\nerror: second\n  help: \u{FFFD}")
    }

    @Test("what has been told already is not told again")
    func told() {
        #expect(CommandFailure.told(.taskFailed).description.isEmpty)
    }

    @Test("every unknown task is named, the nearest known one as help")
    func names() {
        #expect(throws: Never.self) { try TaskNames.check(["a", "a"], known: ["a"]) }
        let failure = #expect(throws: CommandFailure.self) {
            try TaskNames.check(["bakup", "x", "bakup", "report"], known: ["backup", "report"])
        }
        #expect(failure?.status == .usage)
        #expect(failure?.message == "unknown tasks \"bakup\", \"x\"")
        #expect(failure?.help == "did you mean \"backup\"?")
        let empty = #expect(throws: CommandFailure.self) { try TaskNames.check(["x"], known: []) }
        #expect(empty?.help == "the manifest has no tasks")
    }

    @Test("a node's name tells a serve from a run, and no two are alike")
    func nodes() {
        let (serve, run) = (NodeName.make(isServe: true), NodeName.make(isServe: false))
        #expect(NodeName.isServe(serve))
        #expect(!NodeName.isServe(run))
        #expect(Set((0..<50).map { _ in NodeName.make(isServe: true) }).count > 40)
    }

    @Test(
        "the manifest's folder is where its path says",
        arguments: [("tasks.yaml", "."), ("a/tasks.yaml", "a"), ("/tasks.yaml", "/"), ("/x/y/t.yaml", "/x/y")])
    func folder(path: String, folder: String) {
        #expect(ManifestPlace.folder(of: path) == folder)
    }

    @Test(
        "the address is one that can be opened",
        arguments: [
            ("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80"),
            ("::1", "http://[::1]:80"), ("example.org", "http://example.org:80"),
        ])
    func url(host: String, url: String) {
        #expect(HTTPWiring.url(host: host, port: 80) == url)
    }
}
