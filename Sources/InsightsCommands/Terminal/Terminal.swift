internal import Glibc

/// What a descriptor can show.
struct Terminal: Sendable {
    /// Whether a person is looking at it.
    var isTerminal: Bool
    /// Whether colour and moving text are welcome: only on a terminal, never with `NO_COLOR` or `TERM=dumb`.
    var isLively: Bool
    /// In cells; asked anew by ``columns(of:)`` where a window may have changed.
    var columns: Int

    /// Looks at a descriptor.
    static func of(_ descriptor: Int32, allowsColor: Bool, term: String?) -> Terminal {
        let isTerminal = isatty(descriptor) == 1
        return Terminal(
            isTerminal: isTerminal, isLively: isTerminal && allowsColor && term != "dumb",
            columns: columns(of: descriptor))
    }

    /// The window's width; 80 where there is none.
    static func columns(of descriptor: Int32) -> Int { size(of: descriptor).columns }

    /// The window's size; 80 by 24 where there is none.
    static func size(of descriptor: Int32) -> (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
    }
}

/// The few attributes of ECMA-48 that tables, logs and progress use.
enum Paint: String, Sendable {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"

    /// `text` in this attribute, or as it is.
    func callAsFunction(_ text: String, if isOn: Bool) -> String {
        isOn ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}
