import Glibc
import InsightsEngine

/// Why the bytes of a manifest cannot be had.
struct ManifestFileError: Error, Hashable {
    /// `file`, or `limit` when it is too large.
    var code: DiagnosticCode
    var message: String
    var help: String?
}

/// Reads the manifest's file.
enum ManifestFile {
    static let tooLarge = "the manifest is larger than 64 MiB"
    static let tooLargeHelp = "the limit is 64 MiB; anchors, aliases and \"defaults\" make a manifest shorter"

    /// The whole of a file, in one piece.
    ///
    /// A pipe does as well, as of `<(…)` in a shell.
    ///
    /// - Throws: ``ManifestFileError`` when there is none, it cannot be read, or it is past 64 MiB.
    static func read(_ path: String) throws(ManifestFileError) -> [UInt8] {
        // Not to wait for a writer: a pipe without one is empty.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
        if status.st_mode & S_IFMT == S_IFDIR { throw unreadable(path, EISDIR) }
        // Its writer may take its time; a file never makes one wait.
        _ = fcntl(descriptor, F_SETFL, 0)
        if status.st_size > TreeLimits.fileBytes { throw tooLargeError }
        let bytes = try readAll(descriptor, expecting: Int(status.st_size), path)
        if bytes.count > TreeLimits.fileBytes { throw tooLargeError }
        return bytes
    }

    private static var tooLargeError: ManifestFileError {
        ManifestFileError(code: .limit, message: tooLarge, help: tooLargeHelp)
    }

    /// Reads to the end, or one byte past the limit.
    private static func readAll(
        _ descriptor: Int32, expecting size: Int, _ path: String
    ) throws(ManifestFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        // One more than the size, so that a file that does not grow is read to its end in one piece.
        var room = max(size + 1, 65_536)
        while bytes.count <= TreeLimits.fileBytes {
            var failure: Int32 = 0
            let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                while count < buffer.count {
                    let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
                    if got == 0 { break }
                    if got > 0 {
                        count += got
                    } else if errno != EINTR {
                        failure = errno
                        break
                    }
                }
            }
            if failure != 0 { throw unreadable(path, failure) }
            let isEnd = piece.count < room
            if bytes.isEmpty { bytes = piece } else { bytes += piece }
            if isEnd { break }
            room = min(bytes.count, TreeLimits.fileBytes) + 1
        }
        return bytes
    }

    private static func unreadable(_ path: String, _ code: Int32) -> ManifestFileError {
        let shown = Shown.quoted(path)
        switch code {
        case ENOENT, ENOTDIR:
            let make = "printf 'version: 1\\ntasks: {}\\n' > \(path.contains(" ") ? "'\(path)'" : path)"
            return ManifestFileError(
                code: .file, message: "there is no manifest \(shown)",
                help: "make an empty one with: \(make) — or name another with --manifest PATH")
        case EACCES, EPERM:
            return ManifestFileError(
                code: .file, message: "the manifest \(shown) may not be read",
                help: "let the user of this process read it, as with chmod u+r")
        case EISDIR:
            return ManifestFileError(
                code: .file, message: "the manifest \(shown) is a folder", help: "name the file in it: tasks.yaml")
        default:
            return ManifestFileError(
                code: .file, message: "the manifest \(shown) cannot be read: \(String(cString: strerror(code)))",
                help: nil)
        }
    }
}
