import Foundation
import InsightsBuiltins
import InsightsEngine
import InsightsPlugin
import InsightsTesting
import Testing

/// A folder of its own for a test, removed with the value.
final class TestFolder: Sendable {
    let path: String

    init() {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "insights-git-tests-\(UUID().uuidString)")
        try! FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)  // a folder left behind fails no test
    }
}

/// A real repository that a test makes, commit by commit.
final class GitFixture: Sendable {
    let path: String
    /// Kept as long as the repository.
    private let folder: TestFolder

    init(_ folder: TestFolder = TestFolder(), name: String = "project", options: [String] = []) throws {
        self.folder = folder
        path = folder.path + "/" + name
        try GitFixture.run(["init", "--quiet", "--initial-branch=main"] + options + [path], in: folder.path)
    }

    /// A repository that exists already.
    init(at path: String, in folder: TestFolder) {
        self.path = path
        self.folder = folder
    }

    @discardableResult
    func git(_ arguments: String..., environment: [String: String] = [:], input: String = "") throws -> String {
        try GitFixture.run(arguments, in: path, environment: environment, input: input)
    }

    @discardableResult
    static func run(
        _ arguments: [String], in folder: String, environment: [String: String] = [:], input: String = ""
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/git")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = [
            "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org", "TZ": "UTC", "GIT_ALLOW_PROTOCOL": "file",
        ].merging(environment) { $1 }
        let (output, error, standardInput) = (Pipe(), Pipe(), Pipe())
        (process.standardOutput, process.standardError, process.standardInput) = (output, error, standardInput)
        try process.run()
        standardInput.fileHandleForWriting.write(Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        let words = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(
            process.terminationStatus == 0,
            "git \(arguments.joined(separator: " ")): \(String(decoding: words, as: UTF8.self))")
        return String(decoding: bytes, as: UTF8.self)
    }

    func write(_ name: String, _ text: String) throws { try write(name, Data(text.utf8)) }

    func write(_ name: String, _ bytes: Data) throws {
        let url = URL(fileURLWithPath: path + "/" + name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: url)
    }

    /// Commits everything, by `author`, at `date` (as git reads dates).
    func commit(
        _ message: String = "change", at date: String, by author: String = "ada@example.org", named name: String = "Ada"
    ) throws {
        try git("add", "--all")
        try git(
            "commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message=\(message)",
            environment: dates(date, author, name))
    }

    func merge(_ branches: String..., at date: String) throws {
        try GitFixture.run(
            ["merge", "--quiet", "--no-ff", "--no-edit"] + branches, in: path,
            environment: dates(date, "ada@example.org", "Ada"))
    }

    private func dates(_ date: String, _ author: String, _ name: String) -> [String: String] {
        [
            "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z", "GIT_AUTHOR_EMAIL": author,
            "GIT_AUTHOR_NAME": name,
        ]
    }

    /// What git itself counts, by another command than the module's: `git log --numstat`.
    func expected(_ revisions: String...) throws -> Expectation {
        let log = try GitFixture.run(
            ["log", "--numstat", "--format=@%ct %aE"] + (revisions.isEmpty ? ["HEAD"] : revisions), in: path)
        var expectation = Expectation()
        var day = ""
        for line in log.split(separator: "\n") {
            if line.hasPrefix("@") {
                let parts = line.dropFirst().split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
                day = Instant(seconds: Int64(parts[0]) ?? 0).dateText
                let author = parts[1].lowercased()
                expectation.commits[day, default: 0] += 1
                expectation.added[day, default: 0] += 0
                expectation.deleted[day, default: 0] += 0
                expectation.authors[day, default: []].insert(author)
            } else {
                let counts = line.split(separator: "\t")
                expectation.added[day, default: 0] += Double(counts[0]) ?? 0
                expectation.deleted[day, default: 0] += Double(counts[1]) ?? 0
            }
        }
        return expectation
    }
}

/// Figures by day, as git tells them.
struct Expectation: Equatable {
    var commits: [String: Double] = [:]
    var added: [String: Double] = [:]
    var deleted: [String: Double] = [:]
    var authors: [String: Set<String>] = [:]

    var commitsTotal: Double { commits.values.reduce(0, +) }
    var authorsTotal: Double { Double(authors.values.reduce(into: Set()) { $0.formUnion($1) }.count) }
}

/// A task of `git.activity`, run as often as a test likes.
struct ActivityTask {
    let host: RecordingHost
    let clock: ManualClock
    let parameters: ValueObject
    /// Kept as long as the task: with the last reference to it the repository is removed.
    private let fixture: GitFixture?

    init(
        _ repositories: [Value], _ more: ValueObject = [:], at now: String = "2024-06-01T12:00:00Z",
        environment: [String: String] = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"],
        keeping fixture: GitFixture? = nil
    ) {
        self.fixture = fixture
        clock = ManualClock(Instant(now)!)
        let commands = ProcessRunner(workingDirectory: "/", environment: environment)
        host = RecordingHost(GitActivity().declaration, clock: clock, commands: commands)
        var parameters = more
        parameters["repositories"] = .array(repositories)
        self.parameters = parameters
    }

    init(_ fixture: GitFixture, _ more: ValueObject = [:], at now: String = "2024-06-01T12:00:00Z") {
        self.init([["path": .string(fixture.path)]], more, at: now, keeping: fixture)
    }

    @discardableResult
    func run() async throws -> String? {
        try await host.run(GitActivity(), with: .object(parameters))
    }

    /// The failure of a run that has to fail.
    func failure() async -> RunFailure? {
        await #expect(throws: RunFailure.self) { try await run() }
    }

    /// What a store would hold of a repository now.
    func figures(_ key: String = "local/project") -> Figures { Figures(host, key) }
}

/// The figures of one repository, as a store would hold them.
struct Figures {
    private let host: RecordingHost
    private let subject: SubjectReference

    init(_ host: RecordingHost, _ key: String) {
        self.host = host
        subject = SubjectReference(kind: "repository", key: key)
    }

    func gauge(_ metric: String) -> Double? { host.value(metric, of: subject) }

    /// By date.
    func daily(_ metric: String) -> [String: Double] {
        Dictionary(uniqueKeysWithValues: host.series(metric, of: subject).map { ($0.key.dateText, $0.value) })
    }

    /// Compares every figure with git's, where days that lost their commits are 0.
    func expect(_ expectation: Expectation, sourceLocation: SourceLocation = #_sourceLocation) {
        func live(_ days: [String: Double]) -> [String: Double] {
            let dead = daily("commits").filter { $0.value == 0 }
            return days.filter { dead[$0.key] == nil || $0.value != 0 }
        }
        #expect(live(daily("commits")) == expectation.commits, sourceLocation: sourceLocation)
        #expect(live(daily("lines_added")) == expectation.added, sourceLocation: sourceLocation)
        #expect(live(daily("lines_deleted")) == expectation.deleted, sourceLocation: sourceLocation)
        #expect(
            live(daily("authors_unique")) == expectation.authors.mapValues { Double($0.count) },
            sourceLocation: sourceLocation)
        #expect(gauge("commits_total") == expectation.commitsTotal, sourceLocation: sourceLocation)
        #expect(gauge("authors_total") == expectation.authorsTotal, sourceLocation: sourceLocation)
    }
}
