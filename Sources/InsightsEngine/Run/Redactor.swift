package import InsightsPlugin

/// Replaces secrets by `***`, whatever printed them.
package struct Redactor: Sendable {
    /// As bytes: as characters, a secret before a mark that combines would not be found.
    private let secrets: [[UInt8]]

    /// - Parameter secrets: Their texts, however short.
    package init(_ secrets: [String]) {
        self.secrets = secrets.filter { !$0.isEmpty }.map { Array($0.utf8) }.sorted { $0.count > $1.count }
    }

    package var isEmpty: Bool { secrets.isEmpty }

    /// `text` with every secret replaced, and without NUL, which no store takes.
    package func clean(_ text: String) -> String {
        var text = text
        if text.utf8.contains(0) { text = String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 }) }
        for secret in secrets { text = Redactor.replace(secret, in: text) }
        return text
    }

    /// Whole scalars in UTF-8 match whole scalars only, so what is left is UTF-8, too.
    private static func replace(_ secret: [UInt8], in text: String) -> String {
        var text = text
        let cleaned: [UInt8]? = text.withUTF8 { bytes in
            guard var found = position(of: secret, in: bytes, from: 0) else { return nil }
            var cleaned: [UInt8] = []
            var start = 0
            while true {
                cleaned += bytes[start..<found]
                cleaned += "***".utf8
                start = found + secret.count
                guard let next = position(of: secret, in: bytes, from: start) else { break }
                found = next
            }
            return cleaned + bytes[start...]
        }
        return cleaned.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    private static func position(of secret: [UInt8], in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var index = start
        while index + secret.count <= bytes.count {
            guard let first = bytes[index...].firstIndex(of: secret[0]), first + secret.count <= bytes.count else {
                return nil
            }
            if bytes[first..<first + secret.count].elementsEqual(secret) { return first }
            index = first + 1
        }
        return nil
    }

    package func clean(_ value: Value) -> Value {
        switch value {
        case .string(let text): .string(clean(text))
        case .array(let items): .array(items.map(clean))
        case .object(let object): .object(ValueObject(distinct: object.map { (clean($0.key), clean($0.value)) }))
        default: value
        }
    }

    package func clean(_ error: RunError) -> RunError {
        var error = error
        error.message = clean(error.message)
        return error
    }

    package func clean(_ line: LogLine) -> LogLine {
        var line = line
        line.message = clean(line.message)
        line.fields = clean(Value.object(line.fields)).object ?? line.fields
        return line
    }
}
