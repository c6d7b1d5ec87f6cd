package import InsightsEngine

extension Diagnostic {
    /// The diagnostic for people: what and where, the line with the place underlined, and the way out.
    ///
    /// ```
    /// tasks.yaml:14:11: error: unknown module "git.activty" [unknown-module]
    ///    14 |     uses: git.activty
    ///       |           ^^^^^^^^^^^
    ///       = help: did you mean "git.activity"?
    /// ```
    ///
    /// Tabs stay tabs above and below, wide characters are underlined twice, and characters that would move
    /// the cursor or turn the text around appear as U+FFFD.
    ///
    /// - Parameter color: Whether to use the terminal's colours (ECMA-48).
    /// - Returns: Lines without a newline at the end.
    package func rendered(color: Bool) -> String {
        let style = TerminalStyle(isOn: color)
        let paint = severity == .error ? TerminalStyle.red : TerminalStyle.yellow
        let place = style.paint("\(file):\(line):\(column):", TerminalStyle.bold)
        var lines = [
            "\(place) \(style.paint(severity.rawValue + ":", paint)) \(style.paint(message, TerminalStyle.bold)) [\(code.rawValue)]"
        ]
        let number = String(line)
        let width = max(5, number.utf8.count)
        let margin = String(repeating: " ", count: width)
        if !sourceLine.isEmpty {
            let (text, carets) = SourceView(self).lines
            let gutter = String(repeating: " ", count: width - number.utf8.count) + number + " |"
            lines.append(style.paint(gutter, TerminalStyle.blue) + " " + text)
            lines.append(
                style.paint(margin + " |", TerminalStyle.blue) + " " + carets.indent + style.paint(carets.marks, paint))
        }
        if let help { lines.append(style.paint(margin + " =", TerminalStyle.blue) + " help: " + help) }
        return lines.joined(separator: "\n")
    }
}

/// A diagnostic's line as a terminal shows it.
private struct SourceView {
    private let diagnostic: Diagnostic

    init(_ diagnostic: Diagnostic) { self.diagnostic = diagnostic }

    /// The line, and what stands below it.
    var lines: (text: String, carets: (indent: String, marks: String)) {
        let isCut = diagnostic.sourceColumn > 1
        var text = isCut ? "…" : ""
        var indent = isCut ? " " : ""
        var marks = ""
        var column = diagnostic.sourceColumn
        for scalar in diagnostic.sourceLine.unicodeScalars {
            text.unicodeScalars.append(SourceView.shown(scalar))
            let cells = TerminalWidth.cells(of: scalar)
            if column < diagnostic.column {
                indent += scalar == "\t" ? "\t" : String(repeating: " ", count: cells)
            } else if column < diagnostic.endColumn {
                marks += String(repeating: "^", count: cells)
            }
            column += 1
        }
        return (text, (indent, marks.isEmpty ? "^" : marks))
    }

    private static func shown(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        if scalar == "\t" { return scalar }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return "\u{FFFD}"
        // The zero-width joiner holds emoji together; the other format characters hide or turn text around.
        case .format: return scalar == "\u{200D}" ? scalar : "\u{FFFD}"
        default: return scalar
        }
    }
}

/// The few attributes of ECMA-48 that diagnostics use, or none of them.
private struct TerminalStyle {
    let isOn: Bool

    static let bold = "1"
    static let red = "1;31"
    static let yellow = "1;33"
    static let blue = "34"

    func paint(_ text: String, _ code: String) -> String { isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
}
