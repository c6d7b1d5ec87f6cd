internal import Glibc
internal import Synchronization

/// Standard error: words for people, log lines, and below them the moving lines of progress.
///
/// One owner for all three, so that a log line never lands in the middle of a progress bar.
final class Console: Sendable {
    let terminal: Terminal
    private let descriptor: Int32
    /// The moving lines as they stand on the terminal.
    private let frame = Mutex<[String]>([])

    init(terminal: Terminal, descriptor: Int32 = STDERR_FILENO) {
        self.terminal = terminal
        self.descriptor = descriptor
    }

    /// Writes a line above the moving ones.
    func line(_ text: String) {
        frame.withLock { frame in write(erasure(of: frame) + text + "\n" + joined(frame)) }
    }

    /// Replaces the moving lines; each must fit the window, none ends the movement.
    func show(_ lines: [String]) {
        frame.withLock { frame in
            guard lines != frame else { return }
            write(erasure(of: frame) + joined(lines))
            frame = lines
        }
    }

    private func joined(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

    /// Up to the first moving line, and everything from there on gone (ECMA-48 CPL and ED).
    private func erasure(of frame: [String]) -> String { frame.isEmpty ? "" : "\u{1B}[\(frame.count)F\u{1B}[J" }

    /// A standard error that cannot be written has no other place to say so.
    private func write(_ text: String) {
        if !text.isEmpty { _ = Output.write(Array(text.utf8), to: descriptor) }
    }
}
