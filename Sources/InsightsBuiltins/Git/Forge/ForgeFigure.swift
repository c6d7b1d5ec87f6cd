internal import InsightsPlugin

/// What a forge says of one figure: a number, or why there is none. Never a zero that it did not say.
enum ForgeFigure: Hashable, Sendable {
    case number(Double)
    case absent(String)

    var number: Double? { if case .number(let number) = self { number } else { nil } }

    /// Reads a count: a whole number of at least 0, also where it stands as text.
    ///
    /// - Parameters:
    ///   - value: The member of an answer; `nil` when it has none.
    ///   - name: The member's name, for people.
    ///   - unit: What the count is multiplied by.
    init(_ value: Value?, _ name: String, unit: Double = 1) {
        switch value {
        case nil: self = .absent("the answer has no \(name)")
        case .null?: self = .absent("the answer's \(name) is null")
        case let value?:
            guard let count = value.lenientCount else {
                self = .absent("the answer's \(name) is no count")
                return
            }
            self = .number(Double(count) * unit)
        }
    }

    /// The difference of two counts, such as issues without the pull requests among them.
    static func - (all: ForgeFigure, part: ForgeFigure) -> ForgeFigure {
        guard let whole = all.number, let share = part.number else { return all.number == nil ? all : part }
        // The two were read one after the other: what was opened between them is no negative count.
        return .number(max(0, whole - share))
    }
}

extension Value {
    /// A whole number of at least 0, within what a sample keeps exact; also as text of digits.
    var lenientCount: Int64? {
        let number: Int64?
        if let text = string {
            number = text.utf8.count <= 16 && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
        } else {
            number = integer
        }
        guard let number, (0...9_007_199_254_740_992).contains(number) else { return nil }
        return number
    }

    /// A number of the forge's own, as text: what identity is told by.
    var identifier: String? {
        guard let number = lenientCount, number > 0 else { return nil }
        return String(number)
    }

    /// Text that holds something.
    var filledText: String? { string.flatMap { $0.isEmpty ? nil : $0 } }
}
