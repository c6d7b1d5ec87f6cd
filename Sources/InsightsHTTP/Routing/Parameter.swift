internal import InsightsPlugin

/// One parameter of a route: how it is described and how its text is read, in one place.
struct Parameter<Parsed: Sendable>: Sendable {
    let spec: ParameterSpec
    /// The value, or `nil` when the text is none.
    let parse: @Sendable (String) -> Parsed?

    /// - Parameters:
    ///   - expected: For people, after "must be".
    ///   - schema: JSON Schema of the text as the parameter takes it.
    init(
        _ name: String, in place: ParameterSpec.Place = .query, required: Bool = false, _ summary: String,
        expected: String, schema: Value, parse: @escaping @Sendable (String) -> Parsed?
    ) {
        spec = ParameterSpec(
            name: name, place: place, isRequired: required || place == .path, summary: summary, expected: expected,
            schema: schema)
        self.parse = parse
    }
}

/// What is said of a parameter, whatever its type.
struct ParameterSpec: Sendable {
    enum Place: String, Sendable {
        case path
        case query
    }

    let name: String
    let place: Place
    let isRequired: Bool
    let summary: String
    /// For people, after "must be".
    let expected: String
    let schema: Value
}

extension Parameter where Parsed == Int {
    /// A whole number within a range.
    static func integer(
        _ name: String, _ range: ClosedRange<Int>, default defaultValue: Int, _ summary: String
    ) -> Parameter<Int> {
        Parameter(
            name, summary, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            schema: [
                "type": "integer", "minimum": .integer(Int64(range.lowerBound)),
                "maximum": .integer(Int64(range.upperBound)), "default": .integer(Int64(defaultValue)),
            ]
        ) { text in
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text) else { return nil }
            return range.contains(value) ? value : nil
        }
    }
}

extension Parameter where Parsed == Int64 {
    /// A subject's id.
    static func subjectID(
        _ name: String, in place: ParameterSpec.Place, required: Bool = false, _ summary: String
    ) -> Parameter<Int64> {
        Parameter(
            name, in: place, required: required, summary, expected: "a subject's id, a whole number from 1",
            schema: ["type": "integer", "format": "int64", "minimum": 1]
        ) { text in
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int64(text), value > 0 else {
                return nil
            }
            return value
        }
    }
}

extension Parameter where Parsed == Instant {
    /// An RFC 3339 instant, or a date for its midnight UTC.
    ///
    /// A `+` that the client forgot to encode comes as a space; before the offset it can mean nothing else.
    static func instant(_ name: String, _ summary: String) -> Parameter<Instant> {
        Parameter(
            name, summary, expected: "an RFC 3339 instant such as 2026-01-04T02:00:00Z, or a date such as 2026-01-04",
            schema: ["type": "string", "examples": ["2026-01-04T02:00:00Z", "2026-01-04"]]
        ) { text in
            if let instant = Instant(text) { return instant }
            guard let space = text.lastIndex(of: " "), text[..<space].contains("T") else { return nil }
            return Instant(text[..<space] + "+" + text[text.index(after: space)...])
        }
    }
}

extension Parameter where Parsed == String {
    /// Text in one line.
    ///
    /// Control characters are refused: nothing that is stored has them where it is searched, and to some stores a
    /// NUL ends the text, so that a search would find more than what was asked for.
    ///
    /// - Parameter lengths: In Unicode scalars, as JSON Schema counts.
    static func text(_ name: String, of lengths: ClosedRange<Int> = 1...256, _ summary: String) -> Parameter<String> {
        Parameter(
            name, summary,
            expected: "a text of \(lengths.lowerBound) to \(lengths.upperBound) characters, none of them a control "
                + "character",
            schema: [
                "type": "string", "minLength": .integer(Int64(lengths.lowerBound)),
                "maxLength": .integer(Int64(lengths.upperBound)),
                "pattern": #"^[^\u0000-\u001f\u007f-\u009f]*$"#,
            ]
        ) { text in
            let isPlain = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            return isPlain && lengths.contains(text.unicodeScalars.count) ? text : nil
        }
    }
}

extension Parameter where Parsed: RawRepresentable & CaseIterable, Parsed.RawValue == String {
    /// One of the words of a closed set.
    static func choice(_ name: String, default defaultValue: Parsed? = nil, _ summary: String) -> Parameter<Parsed> {
        let words = Parsed.allCases.map(\.rawValue)
        var schema: ValueObject = ["type": "string", "enum": .array(words.map(Value.string))]
        schema["default"] = (defaultValue?.rawValue).map(Value.string)
        return Parameter(
            name, summary, expected: "one of " + words.joined(separator: ", "), schema: .object(schema),
            parse: { Parsed(rawValue: $0) })
    }
}

extension Parameter where Parsed == Bool {
    /// `true` or `false`.
    static func flag(_ name: String, _ summary: String) -> Parameter<Bool> {
        Parameter(name, summary, expected: "true or false", schema: ["type": "boolean", "default": false]) { text in
            switch text {
            case "true": true
            case "false": false
            default: nil
            }
        }
    }
}
