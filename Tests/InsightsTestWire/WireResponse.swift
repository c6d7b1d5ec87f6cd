import Foundation
package import InsightsPlugin

/// An answer as it came over the wire.
package struct WireResponse: Sendable {
    package var status: Int
    /// Names in lower case, in order.
    package var fields: [(name: String, value: String)] = []
    package var body: [UInt8] = []

    /// Reads a head, without the empty line at its end.
    ///
    /// - Throws: ``WireError`` when it does not begin with a status line.
    init(head: [UInt8]) throws {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, let status = Int(words[1]) else {
            throw WireError(description: "no status line: \(lines)")
        }
        self.status = status
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw WireError(description: "no field: \(line)") }
            fields.append((parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces)))
        }
    }

    package subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The body as text; `nil` when it is not UTF-8.
    package var text: String? { String(validating: body, as: UTF8.self) }

    /// The body as JSON; `null` when it is none, which no test expects.
    package var json: Value { (try? Value(json: body)) ?? .null }

    /// The address of a relation in `Link`.
    package func link(_ relation: String) -> String? {
        (self["link"] ?? "").split(separator: ",").first { $0.contains("rel=\"\(relation)\"") }
            .map { String($0.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" }) }
    }
}
