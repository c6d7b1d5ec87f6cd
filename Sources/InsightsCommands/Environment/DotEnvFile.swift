internal import Glibc

/// A line of a `.env` file that cannot be read; the value is never quoted, as it may be a secret.
struct DotEnvError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file as it was found.
    let path: String
    /// From 1; 0 when it is about the whole file.
    let line: Int
    let message: String

    /// `path:line: message`.
    var description: String { line > 0 ? "\(path):\(line): \(message)" : "\(path): \(message)" }
}

/// Reads `.env` files: one `NAME=value` a line.
///
/// Written here and not taken from swift-configuration, whose reader of such files leaves out every line that it does
/// not understand and knows no quotes: a mistyped token would silently be none.
///
/// The form: blank lines and lines that begin with `#` say nothing; `export ` may stand before a name; a bare value
/// ends at the line's end or at ` #`, and is trimmed; within `'…'` everything stands for itself; within `"…"` there
/// are `\n \r \t \" \\ \$`. Nothing is expanded. Of two lines with one name the later holds.
struct DotEnvFile {
    /// Larger ones are refused: what is that large is no such file.
    static let sizeLimit = 1 << 20

    /// Reads the file at `path`; one that is not there has no variables.
    ///
    /// - Throws: Every problem, by line.
    static func read(_ path: String) throws(DotEnvProblems) -> [String: String] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return [:] }
            throw DotEnvProblems(path, String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw DotEnvProblems(path, "is not a file")
        }
        guard status.st_size <= sizeLimit else { throw DotEnvProblems(path, "is larger than 1 MiB") }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw DotEnvProblems(path, String(cString: strerror(errno))) }
            if count == 0 { break }
            filled += count
        }
        return try parse(Array(bytes.prefix(filled)), path: path)
    }

    /// Reads the content of such a file.
    static func parse(_ bytes: [UInt8], path: String) throws(DotEnvProblems) -> [String: String] {
        var variables: [String: String] = [:]
        var problems: [DotEnvError] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            do throws(DotEnvLineError) {
                guard var text = String(validating: line, as: UTF8.self) else { throw .notUTF8 }
                if index == 0, text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
                guard let (name, value) = try DotEnvLine.parse(text) else { continue }
                variables[name] = value
            } catch {
                problems.append(DotEnvError(path: path, line: index + 1, message: error.rawValue))
            }
        }
        guard problems.isEmpty else { throw DotEnvProblems(errors: problems) }
        return variables
    }
}

/// Everything that is wrong with a `.env` file, by line; never empty.
struct DotEnvProblems: Error, Sendable {
    let errors: [DotEnvError]

    init(errors: [DotEnvError]) { self.errors = errors }

    init(_ path: String, _ message: String) { errors = [DotEnvError(path: path, line: 0, message: message)] }
}

/// Why a line cannot be read, for people.
enum DotEnvLineError: String, Error {
    case notUTF8 = "is not UTF-8"
    case noEquals = "wants NAME=value; begin the line with # if it is a comment"
    case badName = "a variable's name has letters, digits and _, and does not begin with a digit"
    case openQuote = "the quote that opens the value is not closed on this line"
    case afterQuote = "something follows the closing quote; a comment there begins with a space and #"
    case badEscape = "within double quotes, \\ stands only before n r t \" \\ and $"
    case nul = "a value cannot hold NUL"
}

/// One line of a `.env` file.
private enum DotEnvLine {
    static func parse(_ line: String) throws(DotEnvLineError) -> (String, String)? {
        var text = trimmed(line[...])
        if text.isEmpty || text.first == "#" { return nil }
        if text.unicodeScalars.contains("\0") { throw .nul }
        if text.hasPrefix("export "), text.contains("=") { text = trimmed(text.dropFirst(7)) }
        guard let equals = text.firstIndex(of: "=") else { throw .noEquals }
        let name = trimmed(text[..<equals])
        guard isName(name) else { throw .badName }
        return (String(name), try value(trimmed(text[text.index(after: equals)...])))
    }

    private static func value(_ text: Substring) throws(DotEnvLineError) -> String {
        switch text.first {
        case "'":
            let inner = text.dropFirst()
            guard let end = inner.firstIndex(of: "'") else { throw .openQuote }
            try checkNothingFollows(inner[inner.index(after: end)...])
            return String(inner[..<end])
        case "\"": return try doubleQuoted(text.dropFirst())
        case "#": return ""
        default:
            guard let comment = text.firstRange(ofComment: " #") else { return String(text) }
            return String(trimmed(text[..<comment]))
        }
    }

    private static func doubleQuoted(_ text: Substring) throws(DotEnvLineError) -> String {
        var value = ""
        var index = text.startIndex
        while index < text.endIndex {
            let character = text[index]
            index = text.index(after: index)
            if character == "\"" {
                try checkNothingFollows(text[index...])
                return value
            }
            guard character == "\\" else {
                value.append(character)
                continue
            }
            guard index < text.endIndex else { throw .openQuote }
            switch text[index] {
            case "n": value.append("\n")
            case "r": value.append("\r")
            case "t": value.append("\t")
            case "\"", "\\", "$": value.append(text[index])
            default: throw .badEscape
            }
            index = text.index(after: index)
        }
        throw .openQuote
    }

    private static func checkNothingFollows(_ rest: Substring) throws(DotEnvLineError) {
        let text = trimmed(rest)
        guard text.isEmpty || (text.first == "#" && rest.first != "#") else { throw .afterQuote }
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.unicodeScalars.first, isSpace(first) { text.unicodeScalars.removeFirst() }
        while let last = text.unicodeScalars.last, isSpace(last) { text.unicodeScalars.removeLast() }
        return text
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || scalar == "\r"
    }
}

extension Substring {
    /// Where ` #` begins, after a blank of either kind.
    fileprivate func firstRange(ofComment mark: String) -> Index? {
        var previous: Character?
        for index in indices {
            if self[index] == "#", previous == " " || previous == "\t" { return self.index(before: index) }
            previous = self[index]
        }
        return nil
    }
}
