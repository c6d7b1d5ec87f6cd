import InsightsEngine

/// A syntax error in words that name what a person sees, where libyaml speaks of its own states.
struct SyntaxFailure {
    /// What libyaml said.
    let failure: YAMLFailure
    let source: SourceText
    /// The byte where the innermost `{` or `[` that is still open stands, if one is.
    let bracket: Int?

    /// Where it is told: one character, or the end of the last line that has something.
    var place: Place {
        guard offset < source.bytes.count else {
            let end = SyntaxFailure.endOfContent(source.bytes)
            return Place(start: end, end: end)
        }
        return Place(start: offset, end: min(self.offset(ofScalar: failure.scalar + 1), source.bytes.count))
    }

    /// What is wrong.
    var message: String {
        if let opener { return "the \(opener.name) opened at \(opener.position) is not closed" }
        switch failure.problem {
        case "": return "not valid YAML"
        case "did not find expected key":
            return "this is neither another key of the map that begins at \(context) nor a part of the value before it"
        case "did not find expected '-' indicator":
            return "this is neither another item of the list that begins at \(context) nor a part of the item before it"
        case "could not find expected ':'": return "the key at \(context) has no \":\" after it"
        case "did not find expected node content": return "a value cannot begin here"
        case let problem where problem.hasPrefix("did not find expected ','"):
            guard let bracket else { return problem }
            let closer = source.bytes[bracket] == UInt8(ascii: "{") ? "}" : "]"
            let position = position(of: bracket)
            return "a \",\" is missing before this, or the \"\(closer)\" for the bracket opened at \(position)"
        default: return failure.problem
        }
    }

    /// What a person can do about it.
    var help: String? {
        let bytes = source.bytes
        let here = offset < bytes.count ? bytes[offset] : nil
        let before = offset > 0 && offset <= bytes.count ? bytes[offset - 1] : nil
        if here == UInt8(ascii: "{"), before == UInt8(ascii: "$") {
            return "quote a value with ${…} inside { } or [ ]: a bare one ends the brackets"
        }
        if here == UInt8(ascii: "\t") { return "indent with spaces: YAML does not allow tabs there" }
        if let here, here == UInt8(ascii: "@") || here == UInt8(ascii: "`") || here == UInt8(ascii: "%") {
            return "quote a value that begins with \(Shown.quoted(String(Unicode.Scalar(here))))"
        }
        if failure.problem.hasPrefix("mapping values are not allowed") {
            return
                "quote a value that holds \": \", and begin each key on a line of its own, indented as its neighbours"
        }
        if opener != nil { return "close it, or complete the file" }
        switch failure.problem {
        case "did not find expected key", "did not find expected '-' indicator":
            return "indent it as its neighbours are, and close every quote and bracket before it"
        case "could not find expected ':'": return "write key: value, or close the quote before it"
        case "did not find expected node content": return "take it out, or quote it"
        default: break
        }
        guard !failure.context.isEmpty, failure.contextScalar < failure.scalar else { return nil }
        return "\(failure.context), which begins at \(context)"
    }

    /// The quote or bracket that the file ends within.
    private var opener: (name: String, position: String)? {
        if failure.problem == "found unexpected end of stream" {
            let start = offset(ofScalar: failure.contextScalar)
            guard start < source.bytes.count else { return nil }
            let isSingle = source.bytes[start] == UInt8(ascii: "'")
            return (isSingle ? "quote '" : "quote \"", position(of: start))
        }
        guard let bracket, offset >= source.bytes.count || SyntaxFailure.endOfContent(source.bytes) <= offset else {
            return nil
        }
        return ("\"\(Unicode.Scalar(source.bytes[bracket]))\"", position(of: bracket))
    }

    private var offset: Int { offset(ofScalar: failure.scalar) }

    private var context: String { position(of: offset(ofScalar: failure.contextScalar)) }

    private func offset(ofScalar scalar: Int) -> Int {
        var cursor = Waypoint()
        return source.offset(ofScalar: scalar, near: &cursor)
    }

    private func position(of offset: Int) -> String {
        let (line, column) = source.position(of: offset)
        return "\(line):\(column)"
    }

    /// Where the last line that has something ends.
    private static func endOfContent(_ bytes: [UInt8]) -> Int {
        (bytes.lastIndex { $0 > 0x20 } ?? -1) + 1
    }
}
