/// A pattern for names, in any case: `*` is any run of characters, `?` one, `[a-c]` one of those, `[!a-c]` one of no
/// such.
struct Glob: Hashable, Sendable {
    private enum Part: Hashable {
        case any
        case one
        case character(Character)
        case set([ClosedRange<Character>], isNegated: Bool)
    }

    private let parts: [Part]

    /// Reads a pattern; `nil` when it is empty or a `[` has no end.
    init?(_ text: String) {
        var parts: [Part] = []
        var rest = Array(text.lowercased())[...]
        while let first = rest.popFirst() {
            switch first {
            case "*": if parts.last != .any { parts.append(.any) }
            case "?": parts.append(.one)
            case "[":
                guard let set = Glob.set(&rest) else { return nil }
                parts.append(set)
            default: parts.append(.character(first))
            }
        }
        guard !parts.isEmpty else { return nil }
        self.parts = parts
    }

    private static func set(_ rest: inout ArraySlice<Character>) -> Part? {
        let isNegated = rest.first == "!" || rest.first == "^"
        if isNegated { rest.removeFirst() }
        var ranges: [ClosedRange<Character>] = []
        while let first = rest.popFirst() {
            // As in a shell, a bracket that comes first is one of the characters.
            if first == "]", !ranges.isEmpty { return .set(ranges, isNegated: isNegated) }
            if rest.first == "-", let last = rest.dropFirst().first, last != "]" {
                guard first <= last else { return nil }
                ranges.append(first...last)
                rest.removeFirst(2)
            } else {
                ranges.append(first...first)
            }
        }
        return nil
    }

    /// Whether the whole of `name` matches.
    ///
    /// - Complexity: O(*n* × *m*), whatever the pattern: only the last `*` is ever tried again.
    func matches(_ name: String) -> Bool {
        let characters = Array(name.lowercased())
        var (part, index) = (0, 0)
        var retry: (part: Int, index: Int)?
        while index < characters.count {
            if part < parts.count, parts[part] == .any {
                retry = (part, index)
                part += 1
            } else if part < parts.count, Glob.matches(characters[index], parts[part]) {
                part += 1
                index += 1
            } else if let last = retry {
                retry = (last.part, last.index + 1)
                (part, index) = (last.part + 1, last.index + 1)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { $0 == .any }
    }

    private static func matches(_ character: Character, _ part: Part) -> Bool {
        switch part {
        case .any, .one: true
        case .character(let expected): character == expected
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
        }
    }
}
