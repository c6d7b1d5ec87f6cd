internal import Glibc
internal import InsightsPlugin

/// A window on a repository: a throw-away folder that git takes for the repository, with the objects and
/// references of the real one, and a configuration of our own.
///
/// So nothing in the repository's configuration, attributes, hooks, grafts or working tree changes a figure
/// or runs a program; and git does not mind who owns the repository, as it trusts nothing in it.
final class GitView: Sendable {
    /// The repository.
    let folder: GitFolder
    /// Runs git within the view.
    let git: GitProcess
    /// What messages call the repository.
    let label: String
    /// The URL of the remote `origin`, if there is one.
    let origin: String?
    private let isPartialClone: Bool
    private let place: ViewFolder
    private var path: String { place.path }

    /// Opens a view; it is removed with the last reference to it.
    ///
    /// - Parameters:
    ///   - settings: The repository's, if they were read already.
    ///   - label: What messages call the repository.
    /// - Throws: ``RunFailure``; `CancellationError`.
    init(
        _ folder: GitFolder, _ settings: GitSettings? = nil, label: String, commands: any CommandRunner
    ) async throws {
        let settings =
            if let settings { settings } else {
                try await GitSettings(of: folder, label: label, commands: commands)
            }
        place = try ViewFolder()
        let path = place.path
        self.folder = folder
        self.label = label
        origin = settings.origin
        isPartialClone = settings.isPartialClone
        git = GitProcess(
            commands,
            environment: [
                "GIT_DIR": path, "GIT_OBJECT_DIRECTORY": folder.common + "/objects", "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_SOURCE": settings.emptyTree,
            ].merging(GitView.allocatorSettings) { $1 },
            // Deltas are followed again and again along a history; git's own 96 MiB are soon full.
            configuration: [("core.deltaBaseCacheLimit", "256m")], workingDirectory: path)
        guard fill(settings) else {
            throw RunFailure("cache", "the temporary folder \"\(path)\" cannot be written", retryable: true)
        }
    }

    /// Runs git and says what its failure means.
    func run(
        _ arguments: [String], input: [UInt8] = [], onOutput: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws {
        do {
            try await git.run(arguments, input: input, onOutput: onOutput)
        } catch let failed as GitProcess.Failed {
            throw GitFailure.reading(label, failed.stderr, isPartial: isPartialClone)
        }
    }

    /// The standard output of a git that says little.
    func output(_ arguments: [String], input: [UInt8] = []) async throws -> [UInt8] {
        do {
            return try await git.output(arguments, input: input)
        } catch let failed as GitProcess.Failed {
            throw GitFailure.reading(label, failed.stderr, isPartial: isPartialClone)
        }
    }

    private func fill(_ settings: GitSettings) -> Bool {
        let head =
            switch folder.head {
            case .branch(let name): "ref: \(name)\n"
            case .commit(let id): "\(id)\n"
            }
        var isWritten = LocalFile.write("\(path)/HEAD", head) && LocalFile.write("\(path)/config", settings.text)
        if !folder.shallow.isEmpty {
            isWritten = isWritten && LocalFile.write("\(path)/shallow", String(decoding: folder.shallow, as: UTF8.self))
        }
        for name in ["refs", "packed-refs"] + (settings.hasReftable ? ["reftable"] : []) {
            isWritten = isWritten && symlink("\(folder.common)/\(name)", "\(path)/\(name)") == 0
        }
        return isWritten
    }

    /// glibc gives freed memory back at once, only to ask for it again with the next file that git unpacks:
    /// keeping it saves a sixth of the processor time of counting lines (mallopt(3)).
    private static let allocatorSettings = [
        "MALLOC_MMAP_THRESHOLD_": "134217728", "MALLOC_TRIM_THRESHOLD_": "1073741824", "MALLOC_TOP_PAD_": "16777216",
    ]
}

/// What insights takes from a repository's configuration: how its objects and references are stored, and
/// where it came from. Read by `git config --file`, which neither acts on it nor follows its includes.
struct GitSettings: Sendable {
    private let values: [String: String]

    init(of folder: GitFolder, label: String, commands: any CommandRunner) async throws {
        let git = GitProcess(
            commands,
            environment: ["GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_DIR": "/nonexistent"],
            configuration: [], workingDirectory: folder.common)
        let file = folder.common + "/config"
        guard LocalFile.kind(file) != .missing else {
            values = [:]
            return
        }
        let listing: [UInt8]
        do {
            listing = try await git.output(["config", "--file", file, "--null", "--list", "--no-includes"])
        } catch let failed as GitProcess.Failed {
            throw GitFailure.corrupt(label, "its configuration cannot be read (\(failed.stderr.prefix(200)))")
        }
        values = GitSettings.parse(listing)
    }

    /// `key`, newline, value, NUL; the first of several origins is the one that git fetches from.
    private static func parse(_ listing: [UInt8]) -> [String: String] {
        var values: [String: String] = [:]
        for entry in listing.split(separator: 0) {
            let parts = entry.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
            let key = repairedText(parts[0])
            if values[key] == nil { values[key] = parts.count > 1 ? repairedText(parts[1]) : "true" }
        }
        return values
    }

    var origin: String? { values["remote.origin.url"] }

    var hasReftable: Bool { values["extensions.refstorage"] == "reftable" }

    var isPartialClone: Bool {
        values["extensions.partialclone"] != nil
            || values.contains { $0.key.hasSuffix(".promisor") && $0.value == "true" }
    }

    private var isSHA256: Bool { values["extensions.objectformat"] == "sha256" }

    /// The id of the tree with nothing in it, which git knows without having it: no attributes.
    var emptyTree: String {
        isSHA256
            ? "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
            : "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    }

    /// The view's own configuration.
    var text: String {
        let isExtended = isSHA256 || hasReftable
        var text = "[core]\n\trepositoryformatversion = \(isExtended ? 1 : 0)\n\tbare = true\n"
        if isExtended { text += "[extensions]\n" }
        if isSHA256 { text += "\tobjectformat = sha256\n" }
        if hasReftable { text += "\trefstorage = reftable\n" }
        return text
    }
}
