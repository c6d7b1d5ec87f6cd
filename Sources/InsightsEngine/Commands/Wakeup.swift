internal import Glibc
internal import InsightsPlugin

/// A pipe to one's self: lets a thread that polls be told of things that are no descriptor.
final class Wakeup: Sendable {
    /// What happened.
    enum Event: UInt8 {
        /// The run is over: an operator, its deadline, a shutdown.
        case cancelled = 1
        /// The leader of the process group ended; it is not reaped yet.
        case leaderEnded = 2
    }

    private let reading: Int32
    private let writing: Int32

    init() throws(RunFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw RunFailure.notStarted("a command", errno) }
        (reading, writing) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(reading)
        close(writing)
    }

    /// The descriptor to poll for reading.
    var descriptor: Int32 { reading }

    /// Tells the polling thread; at most twice a program, so the pipe is never full.
    func post(_ event: Event) {
        var byte = event.rawValue
        while write(writing, &byte, 1) < 0, errno == EINTR {}
    }

    /// What was posted since the last call.
    func take() -> [Event] {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(reading, &bytes, bytes.count)
        return count > 0 ? bytes[..<count].compactMap(Event.init) : []
    }
}

/// A thread that nobody joins.
enum DetachedThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts `body` on a thread of its own, with every signal blocked: a signal to the daemon is for its
    /// other threads, and writing to a closed pipe is to fail with `EPIPE` here.
    ///
    /// - Returns: Whether the system had a thread to give; otherwise `body` is never called.
    static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // Consumers of output run here, too, such as a reader of nested JSON; what is not touched costs no memory.
        pthread_attr_setstacksize(&attributes, 2 << 20)
        var all = sigset_t()
        var former = sigset_t()
        sigfillset(&all)
        // Blocked here and not in the thread, which would otherwise take signals until it gets that far.
        pthread_sigmask(SIG_SETMASK, &all, &former)
        defer { pthread_sigmask(SIG_SETMASK, &former, nil) }
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body))
        let code = pthread_create(
            &thread, &attributes,
            { pointer in
                if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
                return nil
            }, work.toOpaque())
        if code != 0 { work.release() }
        return code == 0
    }
}
