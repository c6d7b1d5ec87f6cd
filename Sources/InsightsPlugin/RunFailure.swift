/// What a module throws to end its attempt: what happened, and whether trying again can help.
///
/// Any other error ends the attempt as well, with code `error` and retryable.
public struct RunFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// A stable word for programs, `[a-z][a-z0-9_]*`, e.g. `credential`.
    public var code: String
    /// A sentence for people that leads to the way out.
    public var message: String
    /// Whether another attempt can succeed.
    public var isRetryable: Bool
    /// When another attempt makes sense, if that is known; not before it is one started.
    public var retryAt: Instant?

    /// Creates a failure.
    public init(_ code: String, _ message: String, retryable: Bool, retryAt: Instant? = nil) {
        self.code = code
        self.message = message
        self.isRetryable = retryable
        self.retryAt = retryAt
    }

    /// `code: message`.
    public var description: String { "\(code): \(message)" }
}
