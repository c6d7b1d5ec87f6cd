internal import Glibc
internal import InsightsPlugin

/// A file descriptor that is closed with its last owner.
final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// Both ends of a pipe, closed on `exec`.
struct Pipe {
    let reading: Descriptor
    let writing: Descriptor

    /// Creates a pipe whose descriptors are above 2, so that they cannot be overwritten on the way to 0, 1, 2.
    init(_ program: String) throws(RunFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw RunFailure.notStarted(program, errno) }
        defer { ends.forEach { close($0) } }
        reading = try Pipe.raised(ends[0], program)
        writing = try Pipe.raised(ends[1], program)
    }

    private init(reading: Descriptor, writing: Descriptor) {
        self.reading = reading
        self.writing = writing
    }

    /// A "pipe" that is at its end from the start: `/dev/null`.
    static func nothing(_ program: String) throws(RunFailure) -> Pipe {
        let file = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw RunFailure.notStarted(program, errno) }
        defer { close(file) }
        return Pipe(reading: try raised(file, program), writing: try raised(file, program))
    }

    /// The reading end, not blocking: for the parent.
    func takeReading() -> Descriptor {
        _ = fcntl(reading.number, F_SETFL, O_NONBLOCK)
        return reading
    }

    /// The writing end, not blocking: for the parent.
    func takeWriting() -> Descriptor {
        _ = fcntl(writing.number, F_SETFL, O_NONBLOCK)
        return writing
    }

    /// A copy above 2 that is closed on `exec`. A program that another thread starts meanwhile does not
    /// inherit the original: each closes all but 0, 1 and 2 itself.
    private static func raised(_ number: Int32, _ program: String) throws(RunFailure) -> Descriptor {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw RunFailure.notStarted(program, errno) }
        return Descriptor(copy)
    }
}
