import Foundation
import Testing

/// A file of the repository that people read and paste from; tests take its lines at their word.
struct Document {
    /// The top level of the repository.
    static let repository = String(#filePath.components(separatedBy: "/Tests/InsightsCommandsTests/")[0])

    let text: String
    private let path: String
    private let lines: [String]

    /// - Parameter path: From the top level of the repository.
    init(_ path: String) throws {
        self.path = path
        text = try String(contentsOfFile: Document.repository + "/" + path, encoding: .utf8)
        lines = text.components(separatedBy: "\n")
    }

    /// What follows `prefix` on the one line that begins with it.
    func rest(ofLine prefix: String) throws -> String {
        let found = lines.filter { $0.hasPrefix(prefix) }
        try #require(found.count == 1, "\(path) has \(found.count) lines that begin with \(prefix)")
        return String(found[0].dropFirst(prefix.count))
    }

    /// The lines of the first block of code below the one line that begins with `mark`.
    func block(below mark: String) throws -> [String] {
        let marks = lines.indices.filter { lines[$0].hasPrefix(mark) }
        try #require(marks.count == 1, "\(path) has \(marks.count) lines that begin with \(mark)")
        let rest = lines[marks[0]...].drop { !$0.hasPrefix("```") }.dropFirst()
        return Array(rest.prefix { !$0.hasPrefix("```") })
    }

    /// The one piece of code within a paragraph that begins with `prefix`.
    func code(beginning prefix: String) throws -> String {
        let found = text.components(separatedBy: "`").filter { $0.hasPrefix(prefix) && !$0.contains("\n") }
        try #require(found.count == 1, "\(path) has \(found.count) pieces of code that begin with \(prefix)")
        return found[0]
    }
}
