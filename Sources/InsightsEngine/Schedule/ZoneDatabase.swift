import Glibc

/// The compiled time zones of the system: a folder of TZif files named after their zones.
package struct ZoneDatabase: Sendable {
    /// Where to look, in this order; the first folder that has the zone wins.
    package let directories: [String]

    /// Where Debian and most systems keep it, then where others do (the list of Python's PEP 615).
    package static let system = ZoneDatabase(directories: [
        "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo",
    ])

    package init(directories: [String]) { self.directories = directories }

    /// Reads a zone; nothing is kept.
    ///
    /// - Returns: `nil` when the name is not formed like one, no folder has it, or the file is not TZif.
    package func zone(named identifier: String) -> Zone? {
        guard ZoneDatabase.isWellFormed(identifier) else { return nil }
        for directory in directories {
            guard let bytes = ZoneDatabase.content(of: "\(directory)/\(identifier)") else { continue }
            if let zone = Zone(identifier: identifier, tzif: bytes) { return zone }
        }
        return nil
    }

    /// Whether `identifier` is formed like a name of the database: `Europe/Berlin`, `Etc/GMT+2`.
    ///
    /// A capital first letter keeps out what is no zone of its own: `posix/…`, `right/…` (with leap
    /// seconds), `localtime`. As a dot is never part of a name, no name leads out of the folder.
    package static func isWellFormed(_ identifier: String) -> Bool {
        let bytes = identifier.utf8
        guard let first = bytes.first, (0x41...0x5A).contains(first), bytes.count <= 64 else { return false }
        return bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.allSatisfy { byte in
                    (0x41...0x5A).contains(byte & 0xDF) || (0x30...0x39).contains(byte)
                        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                }
        }
    }

    /// Every name that the folders hold, sorted; empty when there is no database.
    ///
    /// For suggestions only: it walks the folders and does not open the files, so a name may turn out to be
    /// none.
    package func names() -> [String] {
        var names: Set<String> = []
        for directory in directories { ZoneDatabase.collect(directory, below: "", depth: 0, into: &names) }
        return names.sorted()
    }

    private static func collect(_ root: String, below prefix: String, depth: Int, into names: inout Set<String>) {
        // Three levels are the deepest of the database (America/Argentina/Ushuaia).
        guard depth < 3, let folder = opendir("\(root)/\(prefix)") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let isFolder = entry.pointee.d_type == UInt8(DT_DIR)
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let path = prefix + name
            guard isWellFormed(path) else { continue }
            if isFolder {
                collect(root, below: path + "/", depth: depth + 1, into: &names)
            } else {
                names.insert(path)
            }
        }
    }

    /// The bytes of a regular file of at most 256 KiB (the largest zone has 4 KiB); `nil` for anything else.
    private static func content(of path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            (1...262_144).contains(status.st_size)
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            filled += count
        }
        return bytes
    }
}
