internal import InsightsPlugin

/// The ways in which reading a repository fails, each with its own code.
///
/// | code | meaning | retryable |
/// | --- | --- | --- |
/// | `repository_not_found` | nothing is there, or the remote says so | no |
/// | `not_a_repository` | a folder without a repository | no |
/// | `permission` | this user may not read it | no |
/// | `corrupt_repository` | objects or references are missing or damaged | no |
/// | `branch_not_found` | no such branch, or HEAD names none | no |
/// | `unsupported_repository` | a format that the installed git does not read | no |
/// | `credential` | the remote refuses who asks | no |
/// | `remote_unreachable` | the network, the name, the server | yes |
/// | `remote_timeout` | a clone or fetch took too long | yes |
/// | `cache` | clones cannot be kept | yes |
/// | `git_failed` | git said something else | yes |
enum GitFailure {
    static func missing(_ path: String) -> RunFailure {
        RunFailure("repository_not_found", "there is no folder \"\(path)\"", retryable: false)
    }

    static func notARepository(_ path: String, _ surrounding: String?) -> RunFailure {
        let hint = surrounding.map { "; it lies within the repository \"\($0)\": name that folder" } ?? ""
        return RunFailure(
            "not_a_repository", "\"\(path)\" is not the folder of a git repository\(hint)", retryable: false)
    }

    static func forbidden(_ path: String) -> RunFailure {
        RunFailure("permission", "\"\(path)\" may not be read by the user that insights runs as", retryable: false)
    }

    static func corrupt(_ path: String, _ reason: String) -> RunFailure {
        RunFailure(
            "corrupt_repository", "\"\(path)\" is damaged: \(reason); git fsck tells more", retryable: false)
    }

    static func noSuchBranch(_ label: String, _ branch: String, _ others: [String]) -> RunFailure {
        let known = others.isEmpty ? "it has no branch" : "there are \(others.prefix(8).joined(separator: ", "))"
        return RunFailure("branch_not_found", "\(label) has no branch \"\(branch)\"; \(known)", retryable: false)
    }

    static func unbornHead(_ label: String, _ name: String, _ others: [String]) -> RunFailure {
        RunFailure(
            "branch_not_found",
            "HEAD of \(label) names \"\(name)\", which does not exist; set \"branch\" to one of "
                + others.prefix(8).joined(separator: ", "), retryable: false)
    }

    static func noGit(_ failure: RunFailure) -> RunFailure {
        RunFailure(
            failure.code, "git is needed and cannot be run (apt-get install git): \(failure.message)", retryable: false)
    }

    /// What git's own words mean, for a repository of this machine.
    ///
    /// - Parameter isPartial: Whether it is a partial clone, whose missing objects are no damage.
    static func reading(_ label: String, _ stderr: String, isPartial: Bool) -> RunFailure {
        let words = stderr.lowercased()
        let reason = firstComplaint(stderr)
        func has(_ markers: [String]) -> Bool { markers.contains { words.contains($0) } }
        if has(["unknown repository extension", "expected git repo version", "unknown ref storage"]) {
            return RunFailure(
                "unsupported_repository", "the installed git does not read the format of \(label): \(reason)",
                retryable: false)
        }
        if has(["permission denied"]) { return RunFailure("permission", "\(label): \(reason)", retryable: false) }
        let damage = [
            "bad object", "missing", "unable to read", "corrupt", "inflate", "could not read", "bad tree",
            "not a valid",
            "truncated", "cannot be accessed", "loose object", "unable to find", "failed to read", "failed to traverse",
            "does not match index", "unable to parse", "bad ref",
        ]
        guard has(damage) else { return RunFailure("git_failed", "\(label): \(reason)", retryable: true) }
        let help =
            isPartial
            ? "it is a partial clone, and lines cannot be counted without the files; git fetch --refetch --no-filter gets them"
            : "git fsck tells more"
        return RunFailure(
            "corrupt_repository", "\(label) lacks objects or holds damaged ones: \(reason); \(help)", retryable: false)
    }

    /// What git's own words mean, for a clone or fetch.
    static func fetching(_ label: String, _ stderr: String) -> RunFailure {
        let words = stderr.lowercased()
        let reason = firstComplaint(stderr)
        func has(_ markers: [String]) -> Bool { markers.contains { words.contains($0) } }
        if has(["host key verification failed"]) {
            return RunFailure(
                "credential",
                "the ssh host key of \(label) is not known: connect once by hand, or add it to known_hosts",
                retryable: false)
        }
        if has([
            "authentication failed", "could not read username", "could not read password", "permission denied",
            "error: 401", "error: 403", "access denied", "invalid credentials",
        ]) {
            return RunFailure(
                "credential", "the remote \(label) refuses the credential, or wants one: \(reason)", retryable: false)
        }
        if has(["dubious ownership"]) {
            return RunFailure(
                "permission",
                "git does not clone \(label), as another user owns it; name it by \"path\", or trust it by safe.directory",
                retryable: false)
        }
        if has([
            "not found", "does not appear to be a git repository", "does not exist", "no such file", "not exported",
        ]) {
            return RunFailure(
                "repository_not_found", "the remote has no repository \(label): \(reason)", retryable: false)
        }
        if has([
            "could not resolve", "unable to access", "timed out", "connection refused", "unable to connect",
            "early eof",
            "hung up", "unreachable", "could not read from remote", "connection reset", "transport",
        ]) {
            return RunFailure("remote_unreachable", "\(label) cannot be reached: \(reason)", retryable: true)
        }
        return RunFailure("git_failed", "\(label): \(reason)", retryable: true)
    }

    /// git's first line that begins with `fatal:` or `error:`, without that word; else its last line.
    private static func firstComplaint(_ stderr: String) -> String {
        let lines = stderr.split(whereSeparator: \.isNewline).filter { $0.contains { !$0.isWhitespace } }
        for mark in ["fatal: ", "error: ", "remote: ", "ERROR: "] {
            if let line = lines.first(where: { $0.hasPrefix(mark) }) {
                return String(line.dropFirst(mark.count).prefix(300))
            }
        }
        return String((lines.last ?? "git ended without a word").prefix(300))
    }
}
