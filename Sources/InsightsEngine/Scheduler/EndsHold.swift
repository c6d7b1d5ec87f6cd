/// When the ends of attempts wait for the starts of others: an end has only to be written, but a run that is due and not
/// yet started is late, and with every end that is handled before it a little more.
struct EndsHold: Sendable {
    /// How long ends wait, in milliseconds.
    static let longest: Int64 = 100

    /// Uptime since which they wait.
    private(set) var since: Int64?

    /// Uptime at which they wait no longer.
    var end: Int64? { since.map { $0 + EndsHold.longest } }

    /// Whether ends wait at `uptime`.
    ///
    /// - Parameters:
    ///   - isWanted: Whether many starts are to go first, and none of them needs a place that an end frees.
    ///   - timer: Uptime of the planner's next timer. An end that came before its deadline is handled before it, or code
    ///     that was in time would be told to have timed out.
    mutating func isOn(at uptime: Int64, isWanted: Bool, timer: Int64?) -> Bool {
        guard isWanted, timer.map({ $0 > uptime }) ?? true else {
            since = nil
            return false
        }
        let start = since ?? uptime
        let isOn = uptime - start < EndsHold.longest
        since = isOn ? start : nil
        return isOn
    }
}
