/// How long to wait before a request is sent again.
enum RetryDelay {
    /// Half a second, doubled with each try up to 8 s, less up to a half of it by chance: so that many who were cut off
    /// together do not come back together.
    ///
    /// - Parameter tries: Made so far, from 1.
    static func delay(after tries: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let whole = min(8000, 500 << min(max(0, tries - 1), 10))
        return .milliseconds(Int.random(in: whole / 2...whole, using: &random))
    }
}
