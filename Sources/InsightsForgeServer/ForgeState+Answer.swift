internal import InsightsPlugin

extension ForgeState {
    /// Answers a request that has arrived, and charges it.
    mutating func answer(_ request: ForgeRequest, number: Int) -> ForgeAnswer {
        var answer: ForgeAnswer
        switch kind {
        case .github: answer = GitHubAPI.answer(request, state: &self)
        case .gitlab, .forgejo: answer = ForgeAnswer(status: 404, type: "text/plain", text: "404 page not found\n")
        }
        answer.render()
        answer.delivery.delay += settings.latency
        if let index = index(of: number) {
            log[index].cost = answer.cost
            log[index].resource = answer.resource
        }
        return answer
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
    /// - Returns: Whether they were too many, or too many requests are under way.
    mutating func exceedsSecondary(_ request: ForgeRequest, by caller: Caller) -> Bool {
        let limits = settings.limits
        if let most = limits.atOnce, underWay > most { return true }
        guard let most = limits.pointsPerMinute else { return false }
        let minute = now.unixSeconds / 60
        let isRead = request.method == "GET" || request.method == "HEAD" || request.segments.last == "graphql"
        var spent = points[caller.user].map { $0.minute == minute ? $0.spent : 0 } ?? 0
        spent += isRead ? 1 : 5
        points[caller.user] = (minute, spent)
        return spent > most
    }
}
