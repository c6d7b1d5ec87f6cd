package import InsightsPlugin

/// A request that the forge received, and what became of it.
package struct ForgeLogEntry: Sendable {
    /// From 0, in the order of arrival.
    package let number: Int
    /// The forge's own time of arrival.
    package let at: Instant
    /// `GET`.
    package let method: String
    /// Path and query, byte for byte.
    package let target: String
    /// Names in lower case, in the order sent. A credential's value is replaced by its ``credential``.
    package let headers: [(name: String, value: String)]
    /// 16 hex digits of the SHA-256 of the secret that was sent, so that two can be compared; `nil` without one.
    package let credential: String?
    /// Which connection it came on, from 0.
    package let connection: Int
    /// How many requests were under way, this one among them.
    package let atOnce: Int
    /// Whether this user had been told to wait until an instant that had not come yet.
    package let wasToldToWait: Bool
    /// What it was charged; 0 for nothing.
    package internal(set) var cost = 0
    /// The budget it was charged to.
    package internal(set) var resource = ForgeResource.core
    /// Whether an injected fault struck it.
    package internal(set) var hadFault = false
    /// The status that the forge answered, also when the connection was cut before it was sent; `nil` while it is
    /// under way, and for a request left hanging.
    package internal(set) var status: Int?
    /// Bytes of the answer's body.
    package internal(set) var bytes = 0

    /// The path without its query.
    package var path: String { String(target.prefix { $0 != "?" }) }

    /// The value of a header, by its name in lower case.
    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
