/// What a request asks for: the path's segments and the query's pairs, decoded.
///
/// Decoding comes before any decision, so that `/%61dmin` is what `/admin` is to every one of them.
struct RequestTarget: Sendable {
    /// Decoded; `["api", "tasks"]` for `/api/tasks`, `[""]` for `/`.
    let segments: [String]
    private let rawQuery: Substring?

    /// Why a target cannot be read.
    struct Malformed: Error, Equatable {
        let detail: String
    }

    /// Reads a target in origin form (`/a?b=c`) or absolute form (`http://host/a?b=c`).
    ///
    /// - Throws: ``Malformed`` for any other form, for characters that must be encoded, and for an encoding that is
    ///   broken or does not give UTF-8.
    init(_ text: String) throws(Malformed) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Malformed(detail: "the request target holds a character that must be percent-encoded")
        }
        let origin = try RequestTarget.originForm(text).prefix { $0 != "#" }
        let parts = origin.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let rawPath = parts.first ?? "/"
        rawQuery = parts.count > 1 ? parts[1] : nil
        var segments: [String] = []
        for segment in rawPath.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let decoded = percentDecoded(segment, plusIsSpace: false) else {
                throw Malformed(detail: "the path has a broken percent-encoding in \"\(segment.prefix(64))\"")
            }
            segments.append(decoded)
        }
        self.segments = segments
    }

    /// Whether the target lies under `/admin`, whatever else is wrong with it.
    static func isAdmin(_ text: String) -> Bool {
        guard let path = try? originForm(text) else { return false }  // such a target has no path to lie under
        return percentDecoded(path.dropFirst().prefix { !"/?#".contains($0) }, plusIsSpace: false) == "admin"
    }

    /// The path as it was sent, for people.
    static func path(of text: String) -> String { String(text.prefix { $0 != "?" && $0 != "#" }) }

    /// The query's pairs in order, `+` and `%20` both a space.
    ///
    /// - Throws: ``Problem`` that names the parameter whose encoding is broken.
    func query() throws(Problem) -> [(name: String, value: String)] {
        guard let rawQuery else { return [] }
        var pairs: [(name: String, value: String)] = []
        for pair in rawQuery.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let rawName = halves.first ?? ""
            guard let name = percentDecoded(rawName, plusIsSpace: true) else {
                throw .badParameter(String(rawName.prefix(64)), "its name has a broken percent-encoding")
            }
            guard let value = percentDecoded(halves.count > 1 ? halves[1] : "", plusIsSpace: true) else {
                throw .badParameter(name, "its value has a broken percent-encoding")
            }
            pairs.append((name, value))
        }
        return pairs
    }

    /// The target without scheme and host.
    private static func originForm(_ text: String) throws(Malformed) -> Substring {
        if text.first == "/" { return text[...] }
        for scheme in ["http://", "https://"] where text.lowercased().hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            guard let slash = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) else { return "/" }
            return rest[slash] == "/" ? rest[slash...] : "/" + rest[slash...]
        }
        throw Malformed(detail: "the request target must be a path that begins with /")
    }
}

/// Decodes `%XX`; `nil` when an escape is broken or the result is no UTF-8.
private func percentDecoded(_ text: Substring, plusIsSpace: Bool) -> String? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
        default: bytes.append(byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
}
