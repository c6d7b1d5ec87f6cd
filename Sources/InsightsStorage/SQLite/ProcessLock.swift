internal import Glibc
internal import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// The place of the one process that runs tasks: a lock on a file beside the database, which dies with the process.
///
/// A lock of the open file description (`F_OFD_SETLK`): unlike a process's own record locks it holds against other stores
/// of the same process, too, and does not vanish when somebody else closes the file. It is not on the database
/// itself, as closing a second descriptor of that would drop SQLite's own locks. The file stays when the lock is
/// gone: removing it would let two processes lock two files of one name.
///
/// - SeeAlso: fcntl(2), "Open file description locks"; <https://sqlite.org/howtocorrupt.html>, 2.2.
final class ProcessLock: Sendable {
    /// Fixed by the kernel's interface; Swift's Glibc hides them behind `_GNU_SOURCE`.
    private static let getLock: Int32 = 36
    private static let setLock: Int32 = 37

    /// Who holds the lock, by its own word.
    struct Holder {
        var identity: NodeIdentity
        /// `nil` when it has left no word of it.
        var startedAt: Instant?
    }

    let path: String
    /// Of the held lock.
    private let descriptor = Mutex<Int32?>(nil)

    init(databasePath: String) { path = databasePath + ".lock" }

    deinit { release() }

    /// Takes the lock and leaves word of who holds it.
    ///
    /// - Throws: ``StoreError`` `alreadyRunning` with the holder's process id, `unavailable` when the file cannot be
    ///   made.
    func acquire(_ node: NodeIdentity) throws(StoreError) {
        let failure: StoreError? = descriptor.withLock { held in
            if held != nil { return nil }
            let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard file >= 0 else {
                return StoreError(
                    .unavailable, "cannot make \(path): \(String(cString: strerror(errno)))",
                    help: "this user must be allowed to write the directory of the database")
            }
            var lock = ProcessLock.wholeFile
            guard fcntl(file, ProcessLock.setLock, &lock) == 0 else {
                let problem = errno
                defer { close(file) }
                return problem == EAGAIN || problem == EACCES
                    ? ProcessLock.taken(by: ProcessLock.holder(file), path: path)
                    : StoreError(.unavailable, "cannot lock \(path): \(String(cString: strerror(problem)))")
            }
            ProcessLock.leave(node, in: file)
            held = file
            return nil
        }
        if let failure { throw failure }
    }

    func release() {
        descriptor.withLock { held in
            guard let file = held else { return }
            ftruncate(file, 0)
            // Not by closing alone: a program that another thread starts just then has a copy of the descriptor, and with
            // it the lock, until it is executed.
            var lock = ProcessLock.wholeFile
            lock.l_type = Int16(F_UNLCK)
            _ = fcntl(file, ProcessLock.setLock, &lock)
            close(file)
            held = nil
        }
    }

    /// Who holds the lock, in this process or another; asked without touching it.
    ///
    /// - Returns: `nil` when nobody does. With process id 0 somebody does who is not known yet: the note is written
    ///   after the lock is taken, and taken away before it is given back, so that it never tells of a former holder.
    func holder() -> Holder? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var lock = ProcessLock.wholeFile
        // A read lock conflicts with the holder's write lock, and may be asked about on a read-only descriptor.
        lock.l_type = Int16(F_RDLCK)
        guard fcntl(file, ProcessLock.getLock, &lock) == 0, lock.l_type != Int16(F_UNLCK) else { return nil }
        return ProcessLock.holder(file)
            ?? Holder(identity: NodeIdentity(name: "unknown", processID: 0, version: "unknown"))
    }

    private static var wholeFile: flock {
        // l_pid must be 0 for locks of an open file description.
        flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }

    private static func taken(by holder: Holder?, path: String) -> StoreError {
        let who = (holder?.identity).map { "process \($0.processID) (\($0.name))" } ?? "another process"
        return StoreError(
            .alreadyRunning, "\(who) runs tasks on this database",
            help: "stop it, or give this one a database of its own; \(path) tells who holds it")
    }

    private static func leave(_ node: NodeIdentity, in file: Int32) {
        let note = Value.object([
            "pid": .integer(Int64(node.processID)), "node": .string(node.name), "version": .string(node.version),
            "started": .integer(SystemClock().now.milliseconds),
            "manifest": node.manifest.map { .integer(Int64(bitPattern: $0)) } ?? .null,
        ])
        let bytes = Array((note.json + "\n").utf8)
        ftruncate(file, 0)
        // A note for people: the lock holds without it.
        _ = pwrite(file, bytes, bytes.count, 0)
    }

    private static func holder(_ file: Int32) -> Holder? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(file, &bytes, bytes.count, 0)
        // Empty for an instant after the lock was taken, or written by somebody else: then who holds it is not known.
        guard count > 0, let note = try? Value(json: bytes.prefix(count)), let process = note["pid"]?.integer else {
            return nil
        }
        let identity = NodeIdentity(
            name: note["node"]?.string ?? "unknown", processID: Int32(clamping: process),
            version: note["version"]?.string ?? "unknown",
            manifest: (note["manifest"]?.integer).map { UInt64(bitPattern: $0) })
        return Holder(
            identity: identity, startedAt: (note["started"]?.integer).map { Instant(milliseconds: $0) })
    }
}
