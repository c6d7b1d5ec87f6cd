internal import Glibc
internal import InsightsEngine
internal import Synchronization

/// An exclusive lock on a file beside the database that dies with its process, whatever ends it.
///
/// `flock(2)` belongs to the open file description, which no child inherits (`O_CLOEXEC`).
final class ProcessLock: Sendable {
    private let path: String
    private let held = Mutex<Int32?>(nil)

    init(path: String) { self.path = path }
    deinit { release() }

    /// - Throws: ``StoreError`` `alreadyRunning`, naming the holder.
    func acquire(_ node: NodeIdentity) throws(StoreError) {
        if held.withLock({ $0 != nil }) { return }
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw StoreError(
                .unavailable, "cannot open \(path): \(String(cString: strerror(errno)))",
                help: "make its folder writable")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = ProcessLock.read(descriptor)
            close(descriptor)
            let who = holder.map { "process \($0.processID) (\($0.name))" } ?? "another process"
            throw StoreError(
                .alreadyRunning, "\(who) already runs tasks on this database", help: "stop it, or use another database")
        }
        ftruncate(descriptor, 0)
        let text = "\(node.name)\n\(node.processID)\n\(node.version)\n"
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
        held.withLock { $0 = descriptor }
    }

    func release() {
        held.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }

    /// Who holds the lock, or `nil` when nobody does.
    func holder() -> NodeIdentity? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return nil }
        return ProcessLock.read(descriptor) ?? NodeIdentity(name: "unknown", processID: 0, version: "")
    }

    private static func read(_ descriptor: Int32) -> NodeIdentity? {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        let lines = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(
            String.init)
        guard lines.count >= 2, let pid = Int32(lines[1]) else { return nil }
        return NodeIdentity(name: lines[0], processID: pid, version: lines.count > 2 ? lines[2] : "")
    }
}
