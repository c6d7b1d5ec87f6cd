extension HTTP {
    /// A secret that a request carries in one header: sent to its own origin alone, and never printed.
    ///
    /// Neither `print`, `dump` nor a log shows its value, and it is part of no failure's message.
    public struct Credential: Hashable, Sendable {
        /// Where it is sent, and nowhere else.
        public let origin: Origin
        /// The header that carries it, in lower case.
        public let header: String
        /// What the header says. Kept to the host, so that no module prints it by mistake.
        package let value: String

        /// Creates a credential.
        ///
        /// - Parameters:
        ///   - header: Such as `PRIVATE-TOKEN`.
        ///   - value: All that the header says, such as `token 1f3a…`; space around it is dropped, as a token that was
        ///     read from a file often ends with its line.
        ///   - origin: Where it belongs.
        public init(header: String, value: String, at origin: Origin) {
            self.header = header.lowercased()
            let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
            let kept = value.utf8.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
            self.value = String(decoding: Array(kept), as: UTF8.self)
            self.origin = origin
        }

        /// `Authorization: Bearer …`.
        public static func bearer(_ token: String, at origin: Origin) -> Credential {
            Credential(header: "authorization", value: "Bearer \(token)", at: origin)
        }
    }
}

extension HTTP.Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The header and the origin.
    public var description: String { "credential in \(header) at \(origin)" }
    /// As ``description``.
    public var debugDescription: String { description }
    /// Without children: `dump` shows none.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
