import Foundation
import Glibc

/// A file system of its own in memory, so that "full" and "read-only" are real; only for who may mount.
final class SmallDisk: Sendable {
    let path: String

    /// Whether this user may mount one.
    static let isAllowed: Bool = {
        guard getuid() == 0, let disk = SmallDisk("size=64k") else { return false }
        return !disk.path.isEmpty
    }()

    /// - Parameter options: As mount(8) takes them for tmpfs.
    init?(_ options: String) {
        path = (NSTemporaryDirectory() as NSString).appendingPathComponent("insights-disk-\(UUID().uuidString)")
        guard mkdir(path, 0o700) == 0 else { return nil }
        guard mount("tmpfs", path, "tmpfs", 0, options) == 0 else {
            rmdir(path)
            return nil
        }
    }

    /// Mounts it anew with other options.
    func change(_ options: String, isReadOnly: Bool = false) -> Bool {
        mount("tmpfs", path, "tmpfs", UInt(isReadOnly ? 0x21 : 0x20), options) == 0
    }

    deinit {
        // Lazily: a process that is just ending may still have a file open.
        umount2(path, 2)
        rmdir(path)
    }
}
