internal import Glibc
internal import InsightsPlugin

/// The throw-away folder of a ``GitView``; removed with the last reference to it.
///
/// A process that is killed leaves its folders behind, and the next one clears them away: each is locked for as long as
/// it is in use, and a lock ends with its process, whatever becomes of that.
final class ViewFolder: Sendable {
    let path: String
    private let lock: Int32

    /// Makes a folder among the system's temporary ones.
    ///
    /// - Throws: ``RunFailure`` `cache`.
    convenience init() throws(RunFailure) {
        _ = ViewFolder.isSwept
        try self.init(in: ViewFolder.temporaryFolder)
    }

    /// Makes a folder in `parent`.
    init(in parent: String) throws(RunFailure) {
        var template = Array("\(parent)/\(ViewFolder.prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw RunFailure(
                "cache", "no temporary folder can be made: \(String(cString: strerror(errno)))", retryable: true)
        }
        path = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        lock = ViewFolder.locked(path) ?? -1
    }

    deinit {
        ViewFolder.remove(path)
        if lock >= 0 { close(lock) }
    }

    /// Clears away what killed processes have left in `parent`.
    ///
    /// - Parameter now: In seconds since 1970. What is younger than a minute stays: it may not have its lock yet.
    static func sweep(_ parent: String, now: Int) {
        guard let folder = opendir(parent) else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasPrefix(prefix) else { continue }
            let path = "\(parent)/\(name)"
            var info = stat()
            guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR, info.st_uid == geteuid(),
                info.st_mtim.tv_sec < now - 60, let lock = locked(path)
            else { continue }
            remove(path)
            close(lock)
        }
    }

    /// Once a process: what it leaves itself, it cannot clear away.
    private static let isSwept: Bool = {
        sweep(temporaryFolder, now: time(nil))
        return true
    }()

    private static let prefix = "insights-git-"

    private static var temporaryFolder: String {
        guard let folder = getenv("TMPDIR").map({ String(cString: $0) }), folder.hasPrefix("/") else { return "/tmp" }
        return folder
    }

    /// Locks a folder; `nil` when another holds it.
    private static func locked(_ path: String) -> Int32? {
        let file = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        if flock(file, LOCK_EX | LOCK_NB) == 0 { return file }
        close(file)
        return nil
    }

    /// Removes what a view consists of, and nothing that somebody else put there.
    private static func remove(_ path: String) {
        for name in ["HEAD", "config", "shallow", "refs", "packed-refs", "reftable"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}
