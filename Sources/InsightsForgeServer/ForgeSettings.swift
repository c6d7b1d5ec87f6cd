/// How a forge behaves apart from what is in it.
package struct ForgeSettings: Sendable {
    /// Which days without any traffic a forge leaves out of its answers.
    package enum EmptyDays: Sendable {
        /// All of them.
        case omitted
        /// None.
        case listed
        /// Every other one, by its date.
        case mixed
    }

    /// How much may be asked.
    package var limits = ForgeLimits()
    /// How long every answer takes, in real time.
    package var latency: Duration = .zero
    /// What becomes of days without traffic.
    package var emptyDays = EmptyDays.mixed
    /// More repositories than this in one GraphQL query time out with 502; `nil` for any number up to GitHub's 100.
    package var largestGraphQLBatch: Int?
    /// Whether nothing is answered without a token.
    package var requiresToken = false
    /// Whether GitLab leaves out `X-Total` and `X-Total-Pages`, as it does from 10 000 elements on.
    package var omitsTotals = false
    /// Whether a `304` comes without `Link`, as GitHub's does.
    package var omitsLinkOn304 = true
    /// Whether a request's headers are kept in the log; their secrets never are.
    package var keepsHeaders = true

    /// GitHub's limits, no delay, every other empty day left out.
    package init() {}
}
