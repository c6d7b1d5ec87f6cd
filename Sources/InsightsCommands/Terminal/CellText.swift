/// Text as cells of a terminal.
enum CellText {
    /// How many cells `text` takes.
    ///
    /// A character takes what its widest scalar takes, as terminals do it; an emoji sequence two.
    static func width(of text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width(of: $1) }
    }

    /// `text` cut to `limit` cells, with `…` in place of what is left out.
    static func cut(_ text: String, to limit: Int) -> String {
        guard width(of: text) > limit else { return text }
        guard limit > 0 else { return "" }
        var kept = ""
        var used = 0
        for character in text {
            let cells = width(of: character)
            if used + cells > limit - 1 { break }
            kept.append(character)
            used += cells
        }
        return kept + "…"
    }

    /// `text` on one line, without what would move the cursor, ring or turn text around: what tasks and modules say
    /// must not act on the terminal of who reads it.
    static func safe(_ text: String) -> String {
        // Nearly all text is printable ASCII, and a category is looked up for each scalar of any other.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n", "\r", "\t": shown.append(" ")
            case _ where isUnsafe(scalar): shown.append("\u{FFFD}")
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// `text` as one field of a tab-separated line: `\t`, `\n`, `\r` and `\\` for what would end it.
    static func field(_ text: String) -> String {
        // Of everything else but these and the empty text, the field is the text.
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\\") }
        if isPlain { return text.isEmpty ? "-" : text }
        var field = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\t": field += "\\t"
            case "\n": field += "\\n"
            case "\r": field += "\\r"
            case "\\": field += "\\\\"
            default: field.unicodeScalars.append(scalar)
            }
        }
        return field.isEmpty ? "-" : field
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        // The joiner holds emoji together; the other format characters hide text or turn it around.
        case .format: scalar != "\u{200D}"
        default: false
        }
    }

    private static func width(of character: Character) -> Int {
        var width = 0
        for scalar in character.unicodeScalars {
            // Variation selector 16 asks for the emoji, which is wide.
            if scalar == "\u{FE0F}" { return 2 }
            width = max(width, cells(of: scalar))
        }
        return width
    }

    /// 0, 1 or 2.
    ///
    /// - SeeAlso: Unicode Standard Annex 11, `EastAsianWidth.txt`, classes W and F.
    private static func cells(of scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
            0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F1E6...0x1F1FF, 0x1F300...0x1F64F,
            0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x1FA70...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
