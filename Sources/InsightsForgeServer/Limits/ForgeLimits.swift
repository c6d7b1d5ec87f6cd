/// Which budget a request is charged to.
package enum ForgeResource: String, Sendable {
    /// REST.
    case core
    /// GitHub's GraphQL, counted by cost.
    case graphql
}

/// How much a client may ask, and how it is told that it asked too much.
package struct ForgeLimits: Sendable {
    /// How a refusal says when to come again.
    package enum Wait: Sendable {
        /// `Retry-After` in seconds.
        case seconds
        /// `Retry-After` as a date.
        case date
        /// GitLab's `RateLimit-Reset` alone.
        case reset
        /// Nothing but the message.
        case unsaid
    }

    /// Requests in ``window`` without a token; `nil` for no limit and no headers.
    package var anonymous: Int? = 60
    /// Requests in ``window`` a user, tokens of one user together; `nil` for no limit and no headers.
    package var user: Int? = 5000
    /// Points of GraphQL in ``window`` a user.
    package var graphQL = 5000
    /// How long a budget lasts from its first request.
    package var window: Duration = .seconds(3600)
    /// The status of a refusal when the budget is used up: GitHub says 403 or 429, GitLab 429.
    package var exhaustedStatus = 403
    /// Requests at once; `nil` for any number. One more is refused like a secondary limit.
    package var atOnce: Int?
    /// Points a minute, a `GET` 1 and a write 5; `nil` for any number. One more is refused like a secondary limit.
    package var pointsPerMinute: Int?
    /// The status of a secondary refusal: 403 or 429.
    package var secondaryStatus = 403
    /// How a secondary refusal says when to come again; for GitLab how any 429 does.
    package var wait = Wait.seconds
    /// The word that GraphQL's error has for its limit: both are seen.
    package var graphQLErrorType = "RATE_LIMITED"

    /// The limits of github.com, gitlab.com, and none for Forgejo and Gitea, but for the secondary ones, which a standing clock
    /// would trip at once.
    package init(_ kind: ForgeKind = .github) {
        switch kind {
        case .github: break
        case .gitlab:
            (anonymous, user, window, exhaustedStatus) = (500, 2000, .seconds(60), 429)
        case .forgejo, .gitea: (anonymous, user) = (nil, nil)
        }
    }
}

extension ForgeLimits.Wait: Equatable {}
