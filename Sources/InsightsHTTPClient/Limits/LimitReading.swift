internal import InsightsPlugin

/// What an answer says about its server's limits. Every wait is relative, by the server's own clock.
///
/// - SeeAlso: GitHub, "Rate limits for the REST API" and "Best practices"; GitLab, "Rate limits"; RFC 9110, 10.2.3;
///   draft-ietf-httpapi-ratelimit-headers.
struct LimitReading: Equatable, Sendable {
    /// Why an answer is none.
    enum Refusal: Equatable, Sendable {
        /// 429, or a 403 that is one; or, of GraphQL, a 200 that says so and how long to wait.
        case limit
        /// A server's failure with `Retry-After`.
        case unavailable
    }

    /// No wait is longer: what a server says in error must not stop a task for good.
    static let longestWait: Int64 = 24 * 3_600_000

    /// Requests in a window.
    var limit: Int?
    /// Requests left in it.
    var remaining: Int?
    /// Milliseconds until the window ends, 0 when that is past.
    var resetsIn: Int64?
    /// The limit's own name.
    var resource: String?
    var refusal: Refusal?
    /// Milliseconds to wait, of `Retry-After`, or of a refusal that tells of its own end alone; at least 1 s.
    var retryAfter: Int64?
    /// Whether the server itself answered: a gateway's 5xx knows nothing of limits.
    var isAuthentic = true

    init() {}

    /// Reads an answer.
    ///
    /// - Parameters:
    ///   - body: Looked into for words about limits; the first 8 KiB do.
    ///   - now: This machine's clock, for answers without a `Date`.
    init(status: Int, headers: HTTP.Headers, body: [UInt8], now: Instant) {
        let date = headers["date"].flatMap { Instant(httpDate: $0) } ?? now
        func number(_ name: String) -> Int64? {
            (headers.values(of: "x-ratelimit-" + name).first ?? headers.values(of: "ratelimit-" + name).first)
                .flatMap(LimitReading.number)
        }
        limit = number("limit").map { Int(max(0, $0)) }
        remaining = number("remaining").map { Int(max(0, $0)) }
        if remaining == nil, let limit, let used = number("used") { remaining = max(0, limit - Int(max(0, used))) }
        resetsIn = number("reset").map { LimitReading.wait(until: $0, date: date) }
        resource = headers["x-ratelimit-resource"].flatMap(LimitReading.name)
        retryAfter = headers["retry-after"].flatMap { LimitReading.retryAfter($0, date: date) }
        isAuthentic = status < 500
        let isFollowed = retryAfter != nil
        refusal =
            switch status {
            case 429: .limit
            case 403 where isFollowed || remaining == 0 || LimitReading.speaksOfLimit(body): .limit
            case 200..<300 where isFollowed && LimitReading.speaksOfLimit(body): .limit
            case 500..<600 where isFollowed: .unavailable
            default: nil
            }
        if refusal == .limit, !isFollowed, let wait = refusalEnd(headers, date) { retryAfter = max(1000, wait) }
    }

    /// When a refusal ends that has no `Retry-After` and is not of the window that it tells to be used up.
    ///
    /// GitLab's `RateLimit-Reset` is the refusing limit's own. GitHub's `x-ratelimit-reset` is that of the window, which a
    /// secondary limit has nothing to do with: where it tells what remains, something does, and the reset says nothing.
    private func refusalEnd(_ headers: HTTP.Headers, _ date: Instant) -> Int64? {
        guard remaining != 0 else { return nil }
        let own = headers.values(of: "ratelimit-reset").first.flatMap(LimitReading.number)
            .map { LimitReading.wait(until: $0, date: date) }
        let wait = own ?? (remaining == nil ? resetsIn : nil)
        return wait.flatMap { $0 > 0 ? $0 : nil }
    }

    /// The leading whole number, as `100, 100;w=60` has one; what overflows is the greatest there is.
    private static func number(_ text: String) -> Int64? {
        let isNegative = text.hasPrefix("-")
        let digits = text.drop { $0 == "-" || $0 == " " }.prefix { ("0"..."9").contains($0) }
        guard !digits.isEmpty else { return nil }
        // Far below the greatest, so that sums and products of it fit.
        let magnitude = min(Int64(digits) ?? .max, 1 << 48)
        return isNegative ? -magnitude : magnitude
    }

    /// Seconds since the epoch (GitHub, GitLab), or seconds from now (the draft): nothing else is as large.
    private static func wait(until reset: Int64, date: Instant) -> Int64 {
        let seconds = reset > 1_000_000_000 ? reset - date.milliseconds / 1000 : reset
        return min(max(0, seconds * 1000), longestWait)
    }

    private static func retryAfter(_ text: String, date: Instant) -> Int64? {
        let wait: Int64
        if let at = Instant(httpDate: text) {
            wait = at.milliseconds - date.milliseconds
        } else if let seconds = number(text) {
            wait = seconds * 1000
        } else {
            return nil
        }
        return min(max(1000, wait), longestWait)
    }

    private static func name(_ text: String) -> String? {
        let isName = (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }
        return isName ? text : nil
    }

    private static func speaksOfLimit(_ body: [UInt8]) -> Bool {
        let text = String(decoding: body.prefix(8 << 10).map(\.lowercasedASCII), as: UTF8.self)
        return text.contains("rate limit") || text.contains("abuse detection")
    }
}
