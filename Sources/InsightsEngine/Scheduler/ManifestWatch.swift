internal import Glibc
internal import Synchronization

/// What tells one content of a file from another without reading it.
package struct FileSignature: Hashable, Sendable {
    private let modified: [Int]
    /// Told by the kernel and not by programs: a copy that keeps size and time of its source is seen all the same.
    private let changed: [Int]
    private let size: Int
    private let inode: UInt64

    /// Looks at the file, through symbolic links; `nil` when it is not there.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
        size = Int(status.st_size)
        inode = UInt64(status.st_ino)
    }
}

/// Tells a change of the manifest's file once it has settled, that is, when two looks in a row agree.
///
/// What was read is noted by whoever read it, so that a change is acted upon once, whoever asked for that; and what
/// could not be read or put in force is tried again.
final class ManifestWatch: Sendable {
    private struct Seen {
        /// Of what was read last, good or bad.
        var read: FileSignature?
        var candidate: FileSignature?
        var failed: FileSignature?
        /// Uptime in milliseconds.
        var failedAt: Int64 = 0
    }

    /// From one failure to the next attempt, in milliseconds.
    private static let retryDelay: Int64 = 5000

    private let path: String?
    private let seen: Mutex<Seen>

    /// - Parameters:
    ///   - path: `nil`: nothing is watched.
    ///   - read: As the file was before it was read first; `nil`: as it is now.
    init(path: String?, read: FileSignature?) {
        self.path = path
        let now = path.flatMap(FileSignature.init(path:))
        seen = Mutex(Seen(read: read ?? now, candidate: now))
    }

    /// As the file is now.
    var signature: FileSignature? { path.flatMap(FileSignature.init(path:)) }

    /// Looks, and says whether there is something new to be read.
    func hasSettledChange(atUptime uptime: Int64) -> Bool {
        let now = signature
        return seen.withLock { seen in
            guard now == seen.candidate else {
                seen.candidate = now
                return false
            }
            // A file that is gone is no change: an editor may be replacing it.
            guard let now, now != seen.read else { return false }
            return now != seen.failed || uptime >= seen.failedAt + ManifestWatch.retryDelay
        }
    }

    /// Whether the file is another than the one read last.
    var isChanged: Bool {
        let now = signature
        return seen.withLock { now != nil && now != $0.read }
    }

    /// The file was read when it had this signature, or an older one.
    func noteRead(_ signature: FileSignature?) {
        seen.withLock { seen in
            seen.read = signature
            seen.failed = nil
        }
    }

    /// The file could not be read or put in force for a reason that may pass by itself.
    ///
    /// - Returns: Whether that is new for a file of this signature.
    func noteFailure(_ signature: FileSignature?, atUptime uptime: Int64) -> Bool {
        seen.withLock { seen in
            defer {
                seen.failed = signature
                seen.failedAt = uptime
            }
            return seen.failed == nil || seen.failed != signature
        }
    }
}
