internal import InsightsPlugin

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// A bare clone of a remote, kept in the cache and brought up to date at each run.
///
/// Whole, and not `--filter=blob:none`: counting lines needs the contents of every file of every commit, and
/// a clone without them would fetch them one commit at a time. Branches and tags only: what a forge keeps
/// besides, such as every pull request ever, is no history of the project.
struct GitClone: Sendable {
    /// What the remote says it has.
    private struct Advertisement: Equatable {
        /// The branch that HEAD names there.
        var head: String?
        /// The commit that HEAD names there, where it names no branch.
        var detached: String?
        /// Ids by full name.
        var references: [String: String] = [:]
    }

    let remote: RemoteAddress
    let label: String
    let path: String
    let commands: any CommandRunner
    /// How long one conversation with the remote may take.
    let timeout: Duration

    /// Makes the clone equal to its remote, from nothing if need be; no download when nothing changed.
    ///
    /// - Throws: ``RunFailure`` as ``GitFailure`` says; `CancellationError`.
    func update() async throws {
        let advertised = try await advertisement()
        if LocalFile.kind(path + "/objects") == .missing || LocalFile.kind(path + "/HEAD") == .missing {
            try await create(advertised)
        }
        var known = try await localReferences()
        if advertised.detached == nil, known.removeValue(forKey: GitClone.detachedName) != nil {
            try await local(["update-ref", "-d", GitClone.detachedName])
        }
        var wanted = advertised.references
        wanted[GitClone.detachedName] = advertised.detached
        if known != wanted { try await fetch(detached: advertised.detached != nil) }
        let head = LocalFile.read(path + "/HEAD", limit: 8192).map(LocalFile.firstLine)
        if let branch = advertised.head {
            if head != "ref: \(branch)" { try await local(["symbolic-ref", "HEAD", branch]) }
        } else if let commit = advertised.detached, head != commit {
            // By its name here and not by its id: the remote's HEAD may have moved on before the fetch.
            try await local(["update-ref", "--no-deref", "HEAD", GitClone.detachedName])
        }
    }

    /// What a remote's detached HEAD is called in the clone: the commit may be on no branch.
    private static let detachedName = "refs/insights/head"

    /// Throws the clone away: a damaged one is made anew.
    func remove() throws {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw RunFailure("cache", "the damaged clone \"\(path)\" cannot be removed: \(error)", retryable: false)
        }
    }

    // MARK: The remote

    private func advertisement() async throws -> Advertisement {
        let listing = try await network(
            ["ls-remote", "--symref", "--end-of-options", remote.cleanURL, "HEAD", "refs/heads/*", "refs/tags/*"],
            folder: "/nonexistent")
        var advertised = Advertisement()
        for line in listing.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: "\t"), maxSplits: 1)
            guard parts.count == 2 else { continue }
            let (what, name) = (repairedText(parts[0]), repairedText(parts[1]))
            if name == "HEAD" {
                if what.hasPrefix("ref: refs/heads/") { advertised.head = String(what.dropFirst(5)) }
                if GitFolder.isObjectID(what) { advertised.detached = what }
            }
            // "HEAD" matches refs/remotes/origin/HEAD as well. "^{}": what an annotated tag points to.
            let isWanted = name.hasPrefix("refs/heads/") || name.hasPrefix("refs/tags/")
            if isWanted, !name.hasSuffix("^{}") { advertised.references[name] = what }
        }
        // A HEAD that names a branch has two lines.
        if advertised.head != nil { advertised.detached = nil }
        return advertised
    }

    private func fetch(detached: Bool) async throws {
        _ = try await network(
            [
                "fetch", "--quiet", "--prune", "--no-tags", "--force", "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--end-of-options", remote.cleanURL, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*",
            ] + (detached ? ["+HEAD:\(GitClone.detachedName)"] : []), folder: path)
        // Every fetch leaves a pack behind; past fifty git itself would pack them together.
        try await local(["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"])
    }

    private func network(_ arguments: [String], folder: String) async throws -> [UInt8] {
        var environment = [
            "GIT_DIR": folder, "GIT_ASKPASS": "", "SSH_ASKPASS": "",
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15",
        ]
        environment.merge(credentialEnvironment) { $1 }
        let git = GitProcess(
            commands, environment: environment,
            configuration: [
                ("protocol.\(remote.scheme.rawValue).allow", "always"), ("http.lowSpeedLimit", "1"),
                ("http.lowSpeedTime", "60"),
            ], workingDirectory: "/")
        do {
            return try await git.output(arguments, timeout: timeout)
        } catch let failed as GitProcess.Failed {
            throw GitFailure.fetching(label, withoutCredential(failed.stderr))
        } catch let failure as RunFailure where failure.code == "command_timeout" {
            throw RunFailure(
                "remote_timeout", "\(label) took longer than \(timeout) (\"timeout\") to be fetched", retryable: true)
        }
    }

    /// The user and password of an http URL, as a header in the environment: arguments are for all to see.
    private var credentialEnvironment: [String: String] {
        guard let pair = remote.basicCredential else { return [:] }
        return [
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.\(remote.cleanURL).extraHeader",
            "GIT_CONFIG_VALUE_0": "Authorization: Basic \(Data(pair).base64EncodedString())",
        ]
    }

    /// git is never given the credential in a place that it prints; this is for what a server prints.
    private func withoutCredential(_ text: String) -> String {
        var text = text
        let decoded = remote.basicCredential.map { repairedText($0) } ?? ""
        for secret in (remote.credential ?? "").split(separator: ":") + decoded.split(separator: ":")
        where secret.count >= 4 {
            text = text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return text
    }

    // MARK: The clone

    private func create(_ advertised: Advertisement) async throws {
        if LocalFile.kind(path) != .missing { try remove() }
        let isSHA256 = advertised.references.values.contains { $0.utf8.count == 64 }
        try await local(
            ["init", "--quiet", "--bare", "--template=", "--object-format=\(isSHA256 ? "sha256" : "sha1")", path])
    }

    private func localReferences() async throws -> [String: String] {
        let listing = try await local([
            "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", GitClone.detachedName,
        ])
        var references: [String: String] = [:]
        for line in listing.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 1)
            if parts.count == 2 { references[repairedText(parts[1])] = repairedText(parts[0]) }
        }
        return references
    }

    @discardableResult
    private func local(_ arguments: [String]) async throws -> [UInt8] {
        let git = GitProcess(
            commands,
            environment: ["GIT_DIR": path, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"],
            configuration: [], workingDirectory: "/")
        do {
            return try await git.output(arguments)
        } catch let failed as GitProcess.Failed {
            throw GitFailure.reading(label, failed.stderr, isPartial: false)
        }
    }
}
