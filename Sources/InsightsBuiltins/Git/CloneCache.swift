internal import Glibc
internal import InsightsPlugin

/// The folder that keeps clones between runs.
struct CloneCache: Sendable {
    let folder: String

    /// - Parameter configured: The manifest's `cache:`; without one it is the user's cache folder.
    /// - Throws: ``RunFailure`` `cache` when there is no place to keep clones.
    init(_ configured: String?) throws(RunFailure) {
        guard let folder = configured ?? CloneCache.usersFolder else {
            throw RunFailure(
                "cache", "there is no HOME to keep clones under; set \"cache\" to a folder", retryable: false)
        }
        if let problem = LocalFile.makeFolder(folder + "/clones") {
            throw RunFailure(
                "cache", "clones cannot be kept: \(problem); set \"cache\" to another folder", retryable: true)
        }
        self.folder = folder + "/clones"
    }

    /// Where a remote's clone is: a readable name that no URL can lead out of the folder with.
    func path(of remote: RemoteAddress) -> String {
        var name = ""
        for byte in remote.cleanURL.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            default: name += "%" + String(byte, radix: 16, uppercase: true)
            }
        }
        // A file's name has at most 255 bytes.
        if name.utf8.count > 200 { name = name.prefix(180) + "%" + StableHash.of(remote.cleanURL.utf8) }
        return "\(folder)/\(name).git"
    }

    /// As the XDG base directory specification says.
    private static var usersFolder: String? {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        return (variable("XDG_CACHE_HOME") ?? variable("HOME").map { $0 + "/.cache" }).map { $0 + "/insights" }
    }
}

/// Holds a clone for one run: two runs that fetch into one clone, of this process or another, would spoil it.
final class CloneLock: Sendable {
    private let file: Int32

    /// Waits for the lock.
    ///
    /// - Throws: ``RunFailure`` `cache`; `CancellationError`.
    init(_ path: String, clock: any RunClock) async throws {
        let file = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw RunFailure(
                "cache", "\(path).lock cannot be made: \(String(cString: strerror(errno)))", retryable: true)
        }
        self.file = file
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw RunFailure(
                    "cache", "\(path).lock cannot be locked: \(String(cString: strerror(errno)))", retryable: true)
            }
            try await clock.sleep(for: .milliseconds(200))
        }
    }

    deinit { close(file) }
}
