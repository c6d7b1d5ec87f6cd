extension HTTP {
    /// Header fields in order; names in any case, and a name may stand more than once.
    public struct Headers: Hashable, Sendable {
        private var fields: [Field] = []

        /// One header field.
        public struct Field: Hashable, Sendable {
            /// As it was given.
            public var name: String
            /// Without space around it.
            public var value: String

            /// Creates a field.
            public init(_ name: String, _ value: String) {
                self.name = name
                self.value = value
            }
        }

        /// Creates an empty list.
        public init() {}

        /// Creates a list.
        public init(_ fields: some Sequence<Field>) { self.fields = Array(fields) }

        /// The value of `name`, several joined by `, ` (RFC 9110, 5.3); setting replaces all of them, `nil` removes.
        public subscript(name: String) -> String? {
            get {
                let values = values(of: name)
                return values.isEmpty ? nil : values.joined(separator: ", ")
            }
            set {
                fields.removeAll { Headers.isSame($0.name, name) }
                if let newValue { fields.append(Field(name, newValue)) }
            }
        }

        /// Every value of `name`, in order.
        public func values(of name: String) -> [String] {
            fields.compactMap { Headers.isSame($0.name, name) ? $0.value : nil }
        }

        /// Adds a field, beside others of that name.
        public mutating func append(_ name: String, _ value: String) { fields.append(Field(name, value)) }

        private static func isSame(_ one: String, _ other: String) -> Bool {
            one.utf8.count == other.utf8.count
                && zip(one.utf8, other.utf8).allSatisfy { $0 == $1 || $0.lowercasedASCII == $1.lowercasedASCII }
        }
    }
}

extension HTTP.Headers: RandomAccessCollection, ExpressibleByDictionaryLiteral {
    /// The position of the first field.
    public var startIndex: Int { 0 }
    /// One past the position of the last field.
    public var endIndex: Int { fields.count }
    /// The field at `position`.
    public subscript(position: Int) -> Field { fields[position] }

    /// Creates a list from a literal.
    public init(dictionaryLiteral elements: (String, String)...) { self.init(elements.map { Field($0.0, $0.1) }) }
}

extension HTTP.Headers.Field {
    /// Whether it may be sent: a token, and a value without control characters or space around it.
    ///
    /// - SeeAlso: RFC 9110, 5.1 and 5.5.
    package var isValid: Bool {
        !name.isEmpty && name.utf8.allSatisfy(\.isToken)
            && value.utf8.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }
            && value.utf8.first != 0x20 && value.utf8.last != 0x20
            && value.utf8.first != 0x09 && value.utf8.last != 0x09
    }
}

extension UInt8 {
    /// The small letter of a capital one; anything else as it is.
    package var lowercasedASCII: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }

    /// Whether this is a letter or a digit of ASCII.
    package var isAlphanumericASCII: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }

    /// `tchar` of RFC 9110, 5.6.2.
    fileprivate var isToken: Bool { isAlphanumericASCII || "!#$%&'*+-.^_`|~".utf8.contains(self) }
}
