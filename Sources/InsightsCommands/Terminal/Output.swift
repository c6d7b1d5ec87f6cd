internal import Glibc
internal import InsightsPlugin
internal import Synchronization

/// Standard output: data and nothing else, written in large pieces.
final class Output: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var keepsGoing = false
        var hasFailed = false
    }

    let terminal: Terminal
    private let descriptor: Int32
    private let state = Mutex(State())

    init(terminal: Terminal, descriptor: Int32 = STDOUT_FILENO) {
        self.terminal = terminal
        self.descriptor = descriptor
    }

    /// Writes a line.
    func line(_ text: String) {
        state.withLock { state in
            if state.hasFailed { return }
            state.buffer.append(contentsOf: text.utf8)
            state.buffer.append(UInt8(ascii: "\n"))
            if state.buffer.count >= 1 << 16 { drain(&state) }
        }
    }

    /// Writes bytes as they are.
    private func write(_ bytes: [UInt8]) {
        state.withLock { state in
            if state.hasFailed { return }
            state.buffer.append(contentsOf: bytes)
            if state.buffer.count >= 1 << 16 { drain(&state) }
        }
    }

    /// Writes a table: aligned for a person, tab-separated otherwise.
    func table(_ table: Table) {
        if terminal.isTerminal {
            for text in table.lines(for: terminal) { line(text) }
        } else {
            rows(.tabs) { $0.write(table) }
        }
    }

    /// Writes a table for programs as CSV.
    func csv(_ table: Table) { rows(.csv) { $0.write(table) } }

    /// Writes rows for programs as they come.
    func rows(_ form: PlainRows.Form, _ write: (inout PlainRows) -> Void) {
        var rows = PlainRows(form) { self.write($0) }
        write(&rows)
        rows.flush()
    }

    /// Writes a list as JSON, an element a line.
    func json(_ elements: some Sequence<Value>) { json(elements) { element, text in text.append(element) } }

    /// Writes a list as JSON, an element a line, each as `append` writes it.
    func json<Element>(_ elements: some Sequence<Element>, append: (Element, inout JSONText) -> Void) {
        var text = JSONText()
        var isFirst = true
        for element in elements {
            text.append(literal: isFirst ? "[" : ",")
            isFirst = false
            append(element, &text)
            text.append(literal: "\n")
            if text.bytes.count >= 1 << 14 {
                write(text.bytes)
                text.bytes.removeAll(keepingCapacity: true)
            }
        }
        text.append(literal: isFirst ? "[]\n" : "]\n")
        write(text.bytes)
    }

    /// Hands everything over to the system.
    func flush() { state.withLock { drain(&$0) } }

    /// From now on trouble does not end the program: it is told and remembered, and what else is written is dropped.
    ///
    /// For commands that have more to bring to its end than their output.
    func keepGoing() { state.withLock { $0.keepsGoing = true } }

    /// Whether something could not be written; a reader that has gone does not count.
    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    /// A reader that has gone needs nothing more; any other trouble ends the program, as data would be missing.
    private func drain(_ state: inout State) {
        guard !state.buffer.isEmpty else { return }
        let problem = Output.write(state.buffer, to: descriptor)
        state.buffer.removeAll(keepingCapacity: true)
        guard let problem, problem != EPIPE else { return }
        let text = "error: cannot write standard output: \(String(cString: strerror(problem)))\n"
        _ = Output.write(Array(text.utf8), to: STDERR_FILENO)
        state.hasFailed = true
        if !state.keepsGoing { ProcessEnd.end(.unavailable) }
    }

    /// Writes all bytes.
    ///
    /// - Returns: The error that kept it from doing so, or `nil`.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                // Somebody made the descriptor non-blocking: wait for room as a blocking one would.
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}
