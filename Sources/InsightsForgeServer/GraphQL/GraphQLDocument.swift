internal import InsightsPlugin

/// A field of a selection, with its alias, arguments and own selection.
struct GraphQLField: Sendable {
    /// The name under which it is answered.
    let key: String
    let name: String
    let arguments: ValueObject
    let selection: [GraphQLSelection]
    /// Where it stands, from 1.
    let line: Int
    let column: Int
}

/// What stands between braces.
enum GraphQLSelection: Sendable {
    case field(GraphQLField)
    /// `...Name`
    case spread(String)
    /// `... on Type { }`; without a type it holds for all.
    case inline(type: String?, [GraphQLSelection])
}

/// Why a text is no query that this server understands.
struct GraphQLError: Error {
    let message: String
    let line: Int
    let column: Int
}

/// One query with its fragments, read by the grammar of GraphQL: what clients of the forge send, and no mutation.
///
/// - SeeAlso: <https://spec.graphql.org/October2021/>, section 2.
struct GraphQLDocument: Sendable {
    private(set) var selection: [GraphQLSelection] = []
    private(set) var fragments: [String: (type: String, selection: [GraphQLSelection])] = [:]

    /// - Parameters:
    ///   - text: The query.
    ///   - variables: The values of its variables; a declared default stands for one that is not there.
    init(_ text: String, variables: ValueObject) throws(GraphQLError) {
        var parser = GraphQLParser(text, variables: variables)
        var operations = 0
        while !parser.isAtEnd {
            if parser.take(word: "fragment") {
                let name = try parser.name()
                guard parser.take(word: "on") else { throw parser.failure("expected on") }
                let type = try parser.name()
                fragments[name] = (type, try parser.selection())
                continue
            }
            operations += 1
            if parser.take(word: "query") {
                try parser.operationHead()
            } else if !parser.isAtBrace {
                throw parser.failure("only queries are answered here")
            }
            selection = try parser.selection()
        }
        guard operations == 1 else { throw parser.failure("one operation is answered, found \(operations)") }
    }

    /// The fields of `selection` that hold for `type`, fragments and inline ones resolved, in order.
    func fields(of selection: [GraphQLSelection], on type: String, depth: Int = 0) -> [GraphQLField] {
        // Fragments that name each other in a circle end here.
        guard depth < 32 else { return [] }
        return selection.flatMap { part -> [GraphQLField] in
            switch part {
            case .field(let field): return [field]
            case .inline(let wanted, let inner):
                return wanted == nil || wanted == type ? fields(of: inner, on: type, depth: depth + 1) : []
            case .spread(let name):
                guard let fragment = fragments[name], fragment.type == type else { return [] }
                return fields(of: fragment.selection, on: type, depth: depth + 1)
            }
        }
    }
}

/// A recursive-descent reader of GraphQL's executable grammar.
private struct GraphQLParser {
    private var scalars: [Unicode.Scalar]
    private var position = 0
    private var variables: ValueObject
    /// How many braces and brackets are open; more than any query needs would use up the stack.
    private var depth = 0
    private static let mostDepth = 64

    init(_ text: String, variables: ValueObject) {
        scalars = Array(text.unicodeScalars)
        self.variables = variables
        skipSpace()
    }

    var isAtEnd: Bool { position >= scalars.count }
    var isAtBrace: Bool { peek == "{" }
    private var peek: Unicode.Scalar? { isAtEnd ? nil : scalars[position] }

    func failure(_ reason: String) -> GraphQLError {
        let before = scalars.prefix(position)
        let line = before.reduce(1) { $1 == "\n" ? $0 + 1 : $0 }
        return GraphQLError(
            message: "Parse error: \(reason)\(peek.map { " at \"\($0)\"" } ?? " at the end")", line: line,
            column: before.reversed().prefix { $0 != "\n" }.count + 1)
    }

    mutating func take(word: String) -> Bool {
        let letters = Array(word.unicodeScalars)
        guard scalars[position...].starts(with: letters) else { return false }
        let end = position + letters.count
        guard end == scalars.count || !GraphQLParser.isName(scalars[end]) else { return false }
        position = end
        skipSpace()
        return true
    }

    mutating func name() throws(GraphQLError) -> String {
        var name = ""
        while let scalar = peek, GraphQLParser.isName(scalar) {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard !name.isEmpty else { throw failure("expected a name") }
        skipSpace()
        return name
    }

    /// `Name($a: [ID!]! = …, …)`, all of it optional.
    mutating func operationHead() throws(GraphQLError) {
        if let scalar = peek, GraphQLParser.isName(scalar) { _ = try name() }
        guard take("(") else { return }
        while !take(")") {
            guard take("$") else { throw failure("expected a variable") }
            let variable = try name()
            guard take(":") else { throw failure("expected :") }
            while let scalar = peek, GraphQLParser.isName(scalar) || "[]!".unicodeScalars.contains(scalar) {
                position += 1
            }
            skipSpace()
            guard take("=") else { continue }
            let value = try self.value()
            if variables[variable] == nil { variables[variable] = value }
        }
    }

    mutating func selection() throws(GraphQLError) -> [GraphQLSelection] {
        guard take("{") else { throw failure("expected {") }
        try descend()
        defer { depth -= 1 }
        var parts: [GraphQLSelection] = []
        while !take("}") { parts.append(try part()) }
        return parts
    }

    private mutating func part() throws(GraphQLError) -> GraphQLSelection {
        if take(".") {
            guard take("."), take(".") else { throw failure("expected ...") }
            skipSpace()
            if take(word: "on") { return .inline(type: try name(), try selection()) }
            return isAtBrace ? .inline(type: nil, try selection()) : .spread(try name())
        }
        let place = failure("")
        var key = try name()
        var field = key
        if take(":") { field = try name() } else { key = field }
        var arguments = ValueObject()
        if take("(") {
            while !take(")") {
                let argument = try name()
                guard take(":") else { throw failure("expected :") }
                arguments[argument] = try value()
            }
        }
        return .field(
            GraphQLField(
                key: key, name: field, arguments: arguments, selection: isAtBrace ? try selection() : [],
                line: place.line, column: place.column))
    }

    private mutating func descend() throws(GraphQLError) {
        depth += 1
        guard depth <= GraphQLParser.mostDepth else { throw failure("too deep") }
    }

    private mutating func value() throws(GraphQLError) -> Value {
        try descend()
        defer { depth -= 1 }
        if take("$") { return variables[try name()] ?? .null }
        if take("[") {
            var list: [Value] = []
            while !take("]") { list.append(try value()) }
            return .array(list)
        }
        if take("{") {
            var object = ValueObject()
            while !take("}") {
                let key = try name()
                guard take(":") else { throw failure("expected :") }
                object[key] = try value()
            }
            return .object(object)
        }
        if peek == "\"" { return .string(try text()) }
        var word = ""
        while let scalar = peek, GraphQLParser.isName(scalar) || scalar == "-" || scalar == "." {
            word.unicodeScalars.append(scalar)
            position += 1
        }
        skipSpace()
        switch word {
        case "": throw failure("expected a value")
        case "true": return true
        case "false": return false
        case "null": return .null
        default: return Int64(word).map(Value.integer) ?? Double(word).map(Value.number) ?? .string(word)
        }
    }

    /// A text in quotes, its escapes the same as JSON's.
    private mutating func text() throws(GraphQLError) -> String {
        let start = position
        position += 1
        while let scalar = peek, scalar != "\"" { position += scalar == "\\" ? 2 : 1 }
        guard !isAtEnd else { throw failure("expected the end of a text") }
        position += 1
        var quoted = ""
        quoted.unicodeScalars.append(contentsOf: scalars[start..<position])
        skipSpace()
        // Why JSON refuses it does not matter: this parser says where.
        guard let text = (try? Value(json: Array(quoted.utf8)))?.string else { throw failure("an unknown escape") }
        return text
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        position += 1
        // The dots of a spread stand together.
        if scalar != "." && scalar != "$" { skipSpace() }
        return true
    }

    /// Blanks, commas and comments mean nothing.
    private mutating func skipSpace() {
        while let scalar = peek {
            if scalar == "#" {
                while peek.map({ $0 != "\n" }) ?? false { position += 1 }
            } else if scalar == "," || scalar == "\u{FEFF}" || scalar.properties.isWhitespace {
                position += 1
            } else {
                return
            }
        }
    }

    private static func isName(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
    }
}
