internal import InsightsPlugin

extension ForgeState {
    /// Answers a request that has arrived, and charges it.
    mutating func answer(_ request: ForgeRequest, number: Int) -> ForgeAnswer {
        let fault = faults.indices.first { faults[$0].strikes(request) }.map { faults[$0].effect }
        var answer = fault?.replacement(for: request) ?? answerInKind(fault?.changing(request) ?? request)
        fault?.change(&answer, to: request)
        answer.render()
        answer.delivery.delay += settings.latency
        if let index = index(of: number) {
            log[index].cost = answer.cost
            log[index].resource = answer.resource
            log[index].hadFault = fault != nil
        }
        return answer
    }

    private mutating func answerInKind(_ request: ForgeRequest) -> ForgeAnswer {
        switch kind {
        case .github: GitHubAPI.answer(request, state: &self)
        case .gitlab: GitLabAPI.answer(request, state: &self)
        case .forgejo, .gitea: ForgejoAPI.answer(request, state: &self)
        }
    }

    /// The budget of `user` for `resource`, a new one when the former has ended; `nil` when there is no limit.
    mutating func budget(of caller: Caller, _ resource: ForgeResource) -> Budget? {
        let limits = settings.limits
        let limit: Int? =
            switch resource {
            case .core: caller.token == nil ? limits.anonymous : limits.user
            case .graphql: caller.token == nil ? 0 : limits.graphQL
            }
        guard let limit else { return nil }
        let key = "\(caller.user) \(resource.rawValue)"
        if let budget = budgets[key], budget.limit == limit, now < budget.resetsAt { return budget }
        let budget = Budget(limit: limit, at: now, window: limits.window)
        budgets[key] = budget
        return budget
    }

    /// Takes `cost` from a budget that ``budget(of:_:)`` has just seen.
    mutating func charge(_ cost: Int, to caller: Caller, _ resource: ForgeResource) {
        budgets["\(caller.user) \(resource.rawValue)"]?.charge(cost)
    }

    /// Spends points of the secondary limits.
    ///
    /// - Returns: Until when no more is answered, when they were too many, too many requests are under way, or a test
    ///   wants it so.
    mutating func secondaryWait(_ request: ForgeRequest, by caller: Caller) -> Instant? {
        if let refusedUntil, now < refusedUntil { return refusedUntil }
        let limits = settings.limits
        let minuteLater = now.advanced(by: .seconds(60))
        if let most = limits.atOnce, underWay > most { return minuteLater }
        guard let most = limits.pointsPerMinute else { return nil }
        let minute = now.unixSeconds / 60
        let isRead = request.method == "GET" || request.method == "HEAD" || request.segments.last == "graphql"
        var spent = points[caller.user].map { $0.minute == minute ? $0.spent : 0 } ?? 0
        spent += isRead ? 1 : 5
        points[caller.user] = (minute, spent)
        return spent > most ? minuteLater : nil
    }

    /// Gives a refusal what ``ForgeLimits/wait`` says of when to come again.
    func tell(_ answer: inout ForgeAnswer, _ caller: Caller, toWaitUntil instant: Instant) {
        let seconds = max(1, (instant.since(now).wholeMilliseconds + 999) / 1000)
        switch settings.limits.wait {
        case .seconds: answer.headers.append(("Retry-After", String(seconds)))
        case .date: answer.headers.append(("Retry-After", instant.httpDate))
        case .reset: answer.headers.append(("RateLimit-Reset", String(instant.unixSeconds)))
        case .unsaid: break
        }
        // Who is told nothing is to wait a minute at least.
        answer.wait = (caller.user, settings.limits.wait == .unsaid ? now.advanced(by: .seconds(60)) : instant)
        answer.cost = 0
    }

    /// Gives a good answer its `ETag`, which belongs to one credential, and turns it into 304 for who has it already.
    func makeConditional(_ answer: inout ForgeAnswer, _ request: ForgeRequest, _ caller: Caller) {
        guard answer.status == 200, request.method == "GET" || request.method == "HEAD" else { return }
        answer.render()
        let kind = [
            request.header("accept"), request.header("x-github-api-version"), caller.token?.secret, request.target,
        ]
        let key = Array(kind.map { $0 ?? "" }.joined(separator: "\n").utf8)
        let tag = "\"\(ForgeState.digest(answer.body + key))\""
        answer.headers.append(("ETag", "W/\(tag)"))
        guard let sent = request.header("if-none-match"), sent.contains(tag) || sent == "*" else { return }
        answer.status = 304
        answer.body = []
        answer.setHeader("Content-Type", nil)
        if settings.omitsLinkOn304 { answer.setHeader("Link", nil) }
    }
}
