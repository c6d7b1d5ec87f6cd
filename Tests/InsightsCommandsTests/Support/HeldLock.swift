import Foundation
import Glibc
import Testing

/// The place of the process that runs tasks, held by a process that has not left word of itself.
final class HeldLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock as the program does (`F_OFD_SETLK`), and writes nothing into its file.
    init(_ place: Place) throws {
        descriptor = open(place.path + "/insights.db.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        try #require(fcntl(descriptor, 37, &lock) == 0)
    }

    func giveBack() { close(descriptor) }
}
