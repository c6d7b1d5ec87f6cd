import InsightsPlugin

/// Durations as the manifest writes them.
///
/// A day is 24 h and a week 7 d of elapsed time, in every zone: a duration never asks a calendar. All
/// arithmetic is on whole milliseconds, so `0.1h` is exactly six minutes and nothing is rounded unseen.
package enum DurationText {
    /// Reads `500ms`, `90s`, `1.5h`, `1h30m`, ISO 8601 (`PT1H30M`, `P14D`, `P2W`) or whole seconds.
    ///
    /// - Parameter text: White space around it is ignored. The parts of a sum come in any order, each unit
    ///   once. In ISO 8601 form only the last part may have a fraction, after `.` or `,`.
    /// - Returns: Zero or more, in whole milliseconds.
    /// - Throws: ``DurationTextError`` for anything else: nothing is rounded, cut or guessed.
    package static func parse(_ text: String) throws(DurationTextError) -> Duration {
        let bytes = trimmed(text.utf8)
        guard !bytes.isEmpty else { throw .empty }
        let shown = String(decoding: bytes, as: UTF8.self)
        if shown.hasPrefix("-") || shown.hasPrefix("P-") || shown.hasPrefix("PT-") { throw .negative(shown) }
        if bytes.contains(where: isSpace) { throw withoutSpaces(bytes, shown: shown) }
        if shown.hasPrefix("p") { throw inCapitals(shown) }
        var reader = DurationReader(bytes, text: shown)
        return .milliseconds(shown.hasPrefix("P") ? try reader.isoDuration() : try reader.sum())
    }

    /// The manifest's form of a duration, largest unit first: `6h`, `1h30m`, `14d`, `500ms`, `1.5s`, `0s`.
    ///
    /// Weeks are told in days, as people compare `14d` with `30d`. What ``parse(_:)`` gives, it reads back.
    ///
    /// - Parameter duration: What is finer than a millisecond is cut. A negative one gets a leading `-`,
    ///   which the manifest refuses but a log may need.
    package static func format(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        var rest = milliseconds.magnitude
        if rest == 0 { return "0s" }
        var text = milliseconds < 0 ? "-" : ""
        if rest < 1000 { return text + "\(rest)ms" }
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)] as [(String, UInt64)] {
            if rest >= length { text += "\(rest / length)\(unit)" }
            rest %= length
        }
        if rest == 0 { return text }
        text += "\(rest / 1000)"
        if rest % 1000 != 0 {
            var digits = String(rest % 1000 + 1000).dropFirst()
            while digits.last == "0" { digits.removeLast() }
            text += ".\(digits)"
        }
        return text + "s"
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func trimmed(_ text: String.UTF8View) -> [UInt8] {
        Array(text.reversed().drop(while: isSpace).reversed().drop(while: isSpace))
    }

    /// The error for a text with white space inside: what is wrong besides, or the same text without it.
    private static func withoutSpaces(_ bytes: [UInt8], shown: String) -> DurationTextError {
        let compact = String(decoding: bytes.filter { !isSpace($0) }, as: UTF8.self)
        var error = DurationTextError.malformed(shown)
        do throws(DurationTextError) {
            _ = try parse(compact)
            error.help = "write it without spaces: \(compact)"
        } catch let inner where inner.reason != .malformed {
            error = inner
        } catch {
            // Malformed in that form too: the list of forms helps more than either.
        }
        return error
    }

    /// The error for ISO 8601 in small letters, which the standard does not have.
    private static func inCapitals(_ shown: String) -> DurationTextError {
        let capitals = shown.uppercased()
        var error = DurationTextError.malformed(shown)
        do throws(DurationTextError) {
            _ = try parse(capitals)
            error.help = "ISO 8601 durations are in capitals: \(capitals)"
        } catch let inner where inner.reason != .malformed {
            error = inner
        } catch {
            // Malformed in that form too: the list of forms helps more than either.
        }
        return error
    }
}
