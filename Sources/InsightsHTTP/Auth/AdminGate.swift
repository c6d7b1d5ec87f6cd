internal import Glibc
internal import HTTPTypes
internal import NIOCore
internal import Synchronization

/// Lets a request through to the admin routes, or says why not.
final class AdminGate: Sendable {
    private let token: Secret?
    private let failures: Mutex<FailureTable>
    private let pause: @Sendable (Duration) async throws -> Void

    /// - Parameter pause: Waits without holding a thread; tests pass one that only takes note.
    init(token: Secret?, limits: HTTPLimits, pause: @escaping @Sendable (Duration) async throws -> Void) {
        self.token = token
        failures = Mutex(FailureTable(first: limits.firstPenalty, longest: limits.longestPenalty))
        self.pause = pause
    }

    /// Checks the bearer token.
    ///
    /// A wrong one is answered late, the later the more often this address failed; a right one never waits, so that
    /// a neighbour behind the same proxy cannot lock an operator out. A request without a token is no guess and does
    /// not count.
    ///
    /// - Parameter address: The client's; `nil` when the system does not tell it.
    /// - Returns: What to answer instead, or `nil` when the request may pass.
    /// - Throws: `CancellationError` when cancelled while it waits.
    func refusal(of fields: HTTPFields, from address: SocketAddress?) async throws -> Problem? {
        guard let token else { return AdminGate.disabled }
        guard fields.contains(.authorization) else {
            return AdminGate.unauthorized("this route needs the header Authorization: Bearer TOKEN")
        }
        if let candidate = AdminGate.bearer(in: fields), token.matches(candidate.utf8) { return nil }
        let key = AdminGate.key(of: address?.ipAddress)
        try await pause(failures.withLock { $0.failure(of: key, at: .now) })
        return AdminGate.unauthorized("the bearer token is wrong")
    }

    /// The token of the one `Authorization` header; `nil` when there are several or it is of another scheme.
    private static func bearer(in fields: HTTPFields) -> String? {
        let values = fields[values: .authorization]
        guard values.count == 1, let value = values.first else { return nil }
        let words = value.split(separator: " ", maxSplits: 1)
        guard words.count == 2, let scheme = words.first, let rest = words.last, scheme.lowercased() == "bearer" else {
            return nil
        }
        // Between the two there may be several spaces (RFC 9110, section 11.4).
        return String(rest.drop { $0 == " " })
    }

    /// The address; of IPv6 its /64, as one client has all of those, but for IPv4 in an IPv6 coat.
    ///
    /// - Parameter address: As the system writes it, e.g. `10.0.0.7` or `2001:db8::1`.
    static func key(of address: String?) -> String {
        guard let address else { return "" }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        if isMapped { return bytes[12...].map { String($0) }.joined(separator: ".") }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
    }

    private static func unauthorized(_ detail: String) -> Problem {
        Problem(
            code: .unauthorized, status: .unauthorized, detail: detail,
            fields: [.wwwAuthenticate: "Bearer realm=\"insights\""])
    }

    private static let disabled = Problem(
        code: .adminDisabled, status: .forbidden,
        detail: "the admin routes are off: start insights with INSIGHTS_ADMIN_TOKEN set to a secret of at least "
            + "\(Secret.minimumLength) characters to enable them")
}
