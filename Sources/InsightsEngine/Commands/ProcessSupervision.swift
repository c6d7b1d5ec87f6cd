internal import Glibc
internal import InsightsPlugin

/// One program from its start to the end of its process group, on the calling thread, which it blocks.
struct ProcessSupervision {
    private let name: String
    private let group: pid_t
    private let place: Int?
    private let timeout: Duration?
    private let wakeup: Wakeup
    private var ending: ProcessEnding
    private var input: Descriptor?
    private var output: Descriptor?
    private var error: Descriptor?
    private var unwritten: ArraySlice<UInt8>
    private var consumerError: (any Error)?
    private var status: CommandExit?
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// Starts the program.
    ///
    /// - Throws: ``RunFailure`` as ``ProcessRunner/run(_:onOutput:)`` says.
    init(
        _ launch: ProgramLaunch, input bytes: [UInt8], timeout: Duration?, patience: ProcessRunner.Patience,
        wakeup: Wakeup
    ) throws(RunFailure) {
        name = launch.name
        self.timeout = timeout
        self.wakeup = wakeup
        unwritten = bytes[...]
        let now = ProcessSupervision.now()
        let standardInput = try bytes.isEmpty ? Pipe.nothing(launch.name) : Pipe(launch.name)
        let standardOutput = try Pipe(launch.name)
        let standardError = try Pipe(launch.name)
        // The program's ends live until it has its copies, and no longer: the end of its output must be seen.
        group = try launch.spawn(
            input: standardInput.reading, output: standardOutput.writing, error: standardError.writing)
        place = LiveProcessGroups.enter(group)
        ending = ProcessEnding(
            deadline: timeout.map { now + max(0, $0.nanoseconds) }, killAfter: patience.killAfter.nanoseconds,
            drain: patience.drain.nanoseconds)
        input = bytes.isEmpty ? nil : standardInput.takeWriting()
        output = standardOutput.takeReading()
        error = standardError.takeReading()
        try watchLeader()
    }

    /// Reads, writes and waits until the group has ended.
    ///
    /// - Throws: As ``CommandRunner/run(_:onOutput:)``.
    mutating func run(_ onOutput: (CommandStream, [UInt8]) throws -> Void) throws -> CommandExit {
        defer { LiveProcessGroups.leave(place) }
        loop: while true {
            switch ending.next(at: ProcessSupervision.now()) {
            case .finish: break loop
            case .terminate: kill(-group, SIGTERM)
            case .kill: kill(-group, SIGKILL)
            case .reap: reap()
            case .wait(let until): wait(until: until, onOutput)
            }
        }
        switch ending.reason {
        case .cancelled: throw CancellationError()
        case .timedOut:
            throw RunFailure(
                "command_timeout", "\"\(name)\" took longer than \(timeout ?? .zero) and was ended", retryable: true)
        case .consumerFailed, nil:
            if let consumerError { throw consumerError }
            return status ?? .signalled(SIGKILL)
        }
    }

    /// Has a thread wait for the leader, which is not reaped by that: its id stays taken, so that a signal
    /// to the group cannot reach a stranger.
    private func watchLeader() throws(RunFailure) {
        let (leader, wakeup) = (group, wakeup)
        let started = DetachedThread.start {
            var info = siginfo_t()
            while waitid(P_PID, id_t(leader), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
            wakeup.post(.leaderEnded)
        }
        guard !started else { return }
        kill(-group, SIGKILL)
        waitpid(group, nil, 0)
        LiveProcessGroups.leave(place)
        throw RunFailure.notStarted(name, EAGAIN)
    }

    private mutating func wait(until instant: Int64?, _ onOutput: (CommandStream, [UInt8]) throws -> Void) {
        var polled = [
            pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: output?.number ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: error?.number ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: input?.number ?? -1, events: Int16(POLLOUT), revents: 0),
        ]
        if status != nil { refreshGroup() }
        let remaining = instant.map { max(0, $0 - ProcessSupervision.now()) }
        // Rounded up, or the last millisecond would be spent spinning.
        let milliseconds = remaining.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
        guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return }
        if polled[0].revents != 0 {
            for event in wakeup.take() {
                switch event {
                case .cancelled: ending.stop(.cancelled)
                case .leaderEnded: ending.leaderEnded(at: ProcessSupervision.now())
                }
            }
        }
        if polled[1].revents != 0, read(output?.number ?? -1, .output, onOutput) { output = nil }
        if polled[2].revents != 0, read(error?.number ?? -1, .error, onOutput) { error = nil }
        if polled[3].revents != 0 { writeInput() }
        if output == nil, error == nil { ending.outputEnded() }
    }

    /// Hands one piece over.
    ///
    /// - Returns: Whether the pipe is at its end.
    private mutating func read(
        _ descriptor: Int32, _ stream: CommandStream, _ onOutput: (CommandStream, [UInt8]) throws -> Void
    ) -> Bool {
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return count == 0 || (errno != EAGAIN && errno != EINTR) }
        // What comes after the consumer's failure is read all the same, or the program could not end.
        guard consumerError == nil else { return false }
        do {
            try onOutput(stream, Array(buffer[..<count]))
        } catch {
            consumerError = error
            ending.stop(.consumerFailed)
        }
        return false
    }

    private mutating func writeInput() {
        guard let descriptor = input?.number else { return }
        let count = unwritten.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, min($0.count, 64 << 10)) }
        if count >= 0 { unwritten = unwritten.dropFirst(count) }
        // EPIPE: the program closed its input, which is its right.
        if unwritten.isEmpty || (count < 0 && errno != EAGAIN && errno != EINTR) { input = nil }
    }

    private mutating func reap() {
        var code: Int32 = 0
        while waitpid(group, &code, 0) < 0, errno == EINTR {}
        // wait(2)'s macros, which Swift does not import.
        status = code & 0x7f == 0 ? .exited(code >> 8 & 0xff) : .signalled(code & 0x7f)
        input = nil
        refreshGroup()
    }

    private mutating func refreshGroup() { ending.reaped(groupLives: ProcessGroup.lives(group)) }

    /// `CLOCK_BOOTTIME`, in nanoseconds: it counts suspend, as deadlines do.
    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension Duration {
    /// Nanoseconds, saturating at a hundred years, so that a sum with a clock cannot overflow.
    fileprivate var nanoseconds: Int64 {
        let bounded = Swift.min(self, .seconds(3_155_760_000))
        return bounded.components.seconds * 1_000_000_000 + bounded.components.attoseconds / 1_000_000_000
    }
}
