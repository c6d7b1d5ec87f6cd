internal import InsightsPlugin

/// GitHub's REST API as Enterprise Server has it, under `/api/v3`.
///
/// - SeeAlso: <https://docs.github.com/rest>
enum GitHubAPI {
    static let prefix = "/api/v3"

    /// Answers a request in GitHub's order: who asks, may they, how much is left, and only then what for.
    static func answer(_ request: ForgeRequest, state: inout ForgeState) -> ForgeAnswer {
        let parts = request.segments
        guard parts.first == "api", parts.count >= 2, parts[1] == "v3" || parts[1] == "graphql" else {
            return free(ForgeAnswer(status: 404, type: "text/html; charset=utf-8", text: "<html>Not Found</html>"))
        }
        guard request.header("user-agent")?.isEmpty == false else {
            return free(
                ForgeAnswer(
                    status: 403, type: "text/html",
                    text:
                        "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
                ))
        }
        guard let caller = state.caller(ForgeState.secret(of: request)) else {
            return free(problem(401, "Bad credentials"))
        }
        if state.settings.requiresToken, caller.token == nil {
            return free(problem(401, "Requires authentication"))
        }
        let version = request.header("x-github-api-version") ?? "2022-11-28"
        guard ["2022-11-28", "2026-03-10"].contains(version) else {
            return free(problem(400, "API version \(version) is not supported."))
        }
        var answer = limited(request, by: caller, state: &state)
        answer.headers += [
            ("X-GitHub-Media-Type", "github.v3; format=json"),
            ("X-GitHub-Api-Version-Selected", version),
            ("X-GitHub-Request-Id", "\(ForgeState.digest(request.target).prefix(4)):\(state.log.count)"),
        ]
        if let token = caller.token {
            if !token.isFineGrained { answer.headers.append(("X-OAuth-Scopes", "read:org, repo")) }
            if let end = token.expiresAt {
                let text = end.stamp.dropLast().map { $0 == "T" ? " " : $0 }
                answer.headers.append(("GitHub-Authentication-Token-Expiration", String(text) + " UTC"))
            }
        }
        return answer
    }

    /// An error in GitHub's shape.
    static func problem(_ status: Int, _ message: String) -> ForgeAnswer {
        ForgeAnswer(
            status: status,
            json: [
                "message": .string(message), "documentation_url": "https://docs.github.com/rest",
                "status": .string(String(status)),
            ])
    }

    static var notFound: ForgeAnswer { problem(404, "Not Found") }

    private static func free(_ answer: ForgeAnswer) -> ForgeAnswer {
        var answer = answer
        answer.cost = 0
        return answer
    }

    // MARK: Limits

    private static func limited(
        _ request: ForgeRequest, by caller: ForgeState.Caller, state: inout ForgeState
    ) -> ForgeAnswer {
        let resource: ForgeResource = request.segments[1] == "graphql" ? .graphql : .core
        if request.segments == ["api", "v3", "rate_limit"] { return free(rateLimits(request, caller, state: &state)) }
        if let instant = state.secondaryWait(request, by: caller) {
            return marked(secondaryRefusal(caller, until: instant, state), caller, resource, state: &state)
        }
        if let budget = state.budget(of: caller, resource), budget.remaining == 0,
            caller.token != nil || resource == .core
        {
            var refusal =
                resource == .graphql
                ? GraphQLAPI.exhausted(exhaustedMessage(caller), state)
                : problem(state.settings.limits.exhaustedStatus, exhaustedMessage(caller))
            refusal.wait = (caller.user, budget.resetsAt)
            return marked(free(refusal), caller, resource, state: &state)
        }
        var answer: ForgeAnswer
        if resource == .graphql {
            answer = GraphQLAPI.answer(request, caller, state: &state)
        } else {
            answer = route(request, caller, state: state)
            state.makeConditional(&answer, request, caller)
            // What did not change costs nothing, but only who says who they are.
            if answer.status == 304, caller.token != nil { answer.cost = 0 }
        }
        answer.resource = resource
        state.charge(answer.cost, to: caller, resource)
        return marked(answer, caller, resource, state: &state)
    }

    /// `answer` with the headers that tell of the budget.
    private static func marked(
        _ answer: ForgeAnswer, _ caller: ForgeState.Caller, _ resource: ForgeResource, state: inout ForgeState
    ) -> ForgeAnswer {
        guard let budget = state.budget(of: caller, resource) else { return answer }
        var answer = answer
        answer.headers += [
            ("X-RateLimit-Limit", String(budget.limit)), ("X-RateLimit-Remaining", String(budget.remaining)),
            ("X-RateLimit-Used", String(budget.used)), ("X-RateLimit-Reset", String(budget.resetsAt.unixSeconds)),
            ("X-RateLimit-Resource", resource.rawValue),
        ]
        return answer
    }

    private static func exhaustedMessage(_ caller: ForgeState.Caller) -> String {
        guard let user = caller.token?.user else {
            return
                "API rate limit exceeded for \(caller.user). (But here's the good news: Authenticated requests get a "
                + "higher rate limit. Check out the documentation for more details.)"
        }
        return "API rate limit exceeded for user ID \(user.utf8.reduce(7) { ($0 * 31 + Int($1)) % 100_000 })."
    }

    private static func secondaryRefusal(
        _ caller: ForgeState.Caller, until instant: Instant, _ state: ForgeState
    ) -> ForgeAnswer {
        var answer = problem(
            state.settings.limits.secondaryStatus,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
        state.tell(&answer, caller, toWaitUntil: instant)
        return answer
    }

    private static func rateLimits(
        _ request: ForgeRequest, _ caller: ForgeState.Caller, state: inout ForgeState
    ) -> ForgeAnswer {
        var resources = ValueObject()
        for resource in [ForgeResource.core, .graphql] {
            guard let budget = state.budget(of: caller, resource) else {
                return problem(404, "Rate limiting is not enabled.")
            }
            resources[resource.rawValue] = [
                "limit": .integer(Int64(budget.limit)), "used": .integer(Int64(budget.used)),
                "remaining": .integer(Int64(budget.remaining)), "reset": .integer(budget.resetsAt.unixSeconds),
            ]
        }
        // Search has a budget of its own, a minute long, which nobody uses here.
        resources["search"] = [
            "limit": 30, "used": 0, "remaining": 30, "reset": .integer(state.now.unixSeconds + 60),
        ]
        var body: ValueObject = ["resources": .object(resources)]
        if !request.wantsNewestGitHub { body["rate"] = resources["core"] }
        return ForgeAnswer(status: 200, json: .object(body))
    }
}

extension ForgeRequest {
    /// Whether it asks for version 2026-03-10, which did away with `rate`, `has_downloads`, and `assignee` and
    /// `merge_commit_sha` of pull requests.
    var wantsNewestGitHub: Bool { header("x-github-api-version") == "2026-03-10" }
}
