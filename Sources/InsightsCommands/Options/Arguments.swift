internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// An instant on the command line.
struct InstantArgument: ExpressibleByArgument {
    let instant: Instant

    init?(argument: String) {
        guard let instant = Instant(argument) else { return nil }
        self.instant = instant
    }

    /// What is accepted, for messages and help.
    static let expected = "RFC 3339 with its offset, such as 2026-01-04T02:00:00Z, or a day such as 2026-01-04"

    /// For options: a wrong value is told with what is right.
    static func parse(_ text: String) throws -> Instant {
        guard let instant = Instant(text) else { throw ValidationError("\"\(text)\" is not \(expected)") }
        return instant
    }
}

/// A duration on the command line, as the manifest writes them.
enum DurationArgument {
    static func parse(_ text: String) throws -> Duration {
        do throws(DurationTextError) {
            return try DurationText.parse(text)
        } catch {
            throw ValidationError(error.description)
        }
    }
}

/// A run's id on the command line.
enum RunArgument {
    static func parse(_ text: String) throws -> RunID {
        guard let id = RunID(text) else {
            throw ValidationError(
                "\"\(text)\" is not a run's id, a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057; "
                    + "`insights history` shows them")
        }
        return id
    }
}

/// A state of a run on the command line.
enum StatusArgument {
    static let words = RunStatus.allCases.map(\.rawValue).joined(separator: ", ")

    static func parse(_ text: String) throws -> RunStatus {
        guard let status = RunStatus(rawValue: text) else {
            let nearest = NearestName.nearest(to: text, among: RunStatus.allCases.map(\.rawValue))
            let hint = nearest.map { "; did you mean \"\($0)\"?" } ?? ""
            throw ValidationError("\"\(text)\" is no status\(hint) (one of \(words))")
        }
        return status
    }
}

/// A number within bounds on the command line.
enum CountArgument {
    static func parse(_ range: ClosedRange<Int>) -> @Sendable (String) throws -> Int {
        { text in
            guard let number = Int(text), range.contains(number) else {
                throw ValidationError(
                    "\"\(text)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }
}
