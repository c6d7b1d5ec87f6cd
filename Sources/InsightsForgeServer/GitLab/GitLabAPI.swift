internal import InsightsPlugin

/// GitLab's REST API, under `/api/v4`.
///
/// - SeeAlso: <https://docs.gitlab.com/api/rest/>
enum GitLabAPI {
    static let prefix = "/api/v4"

    static func answer(_ request: ForgeRequest, state: inout ForgeState) -> ForgeAnswer {
        guard request.segments.starts(with: ["api", "v4"]) else {
            return free(ForgeAnswer(status: 404, type: "text/html; charset=utf-8", text: "<html>404</html>"))
        }
        guard let caller = state.caller(ForgeState.secret(of: request)),
            caller.token != nil || !state.settings.requiresToken
        else { return free(problem(401, "401 Unauthorized")) }
        if let instant = state.secondaryWait(request, by: caller) { return refusal(caller, until: instant, state) }
        let budget = state.budget(of: caller, .core)
        if let budget, budget.remaining == 0 {
            return marked(refusal(caller, until: budget.resetsAt, state), budget, state)
        }
        var answer = route(request, caller, state)
        state.makeConditional(&answer, request, caller)
        answer.headers.append(("X-Request-Id", ForgeState.digest("\(state.log.count)\(request.target)")))
        state.charge(answer.cost, to: caller, .core)
        return state.budget(of: caller, .core).map { marked(answer, $0, state) } ?? answer
    }

    /// An error in GitLab's shape.
    static func problem(_ status: Int, _ message: String) -> ForgeAnswer {
        ForgeAnswer(status: status, json: ["message": .string(message)])
    }

    private static func free(_ answer: ForgeAnswer) -> ForgeAnswer {
        var answer = answer
        answer.cost = 0
        return answer
    }

    /// GitLab's 429 comes with `Retry-After`, with `RateLimit-Reset`, or with neither.
    private static func refusal(
        _ caller: ForgeState.Caller, until instant: Instant, _ state: ForgeState
    ) -> ForgeAnswer {
        var answer = ForgeAnswer(status: 429, type: "text/plain", text: "Retry later\n")
        state.tell(&answer, caller, toWaitUntil: instant)
        return answer
    }

    private static func marked(_ answer: ForgeAnswer, _ budget: Budget, _ state: ForgeState) -> ForgeAnswer {
        var answer = answer
        guard state.settings.limits.wait != .unsaid else { return answer }
        answer.setHeader("RateLimit-Reset", String(budget.resetsAt.unixSeconds))
        answer.headers += [
            ("RateLimit-Limit", String(budget.limit)), ("RateLimit-Name", "throttle_authenticated_api"),
            ("RateLimit-Observed", String(budget.used)), ("RateLimit-Remaining", String(budget.remaining)),
            ("RateLimit-ResetTime", budget.resetsAt.httpDate),
        ]
        return answer
    }

    // MARK: Routes

    private static func route(
        _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> ForgeAnswer {
        let parts = Array(request.segments.dropFirst(2))
        let rest = parts.dropFirst(2).joined(separator: "/")
        guard request.method == "GET" || request.method == "HEAD" else { return problem(403, "403 Forbidden") }
        switch parts.first {
        case "projects" where parts.count >= 2: return project(parts[1], rest, request, caller, state)
        case "groups" where parts.count >= 2:
            let group = Int64(parts[1]).map { state.accounts[$0] } ?? state.account(named: parts[1])
            guard let group, group.kind == .group else { return problem(404, "404 Group Not Found") }
            return groupAnswer(group, rest, request, caller, state)
        case "users" where parts.count >= 2:
            // Projects and followers are found by name too, a user only by number.
            let user = Int64(parts[1]).map { state.accounts[$0] } ?? state.account(named: parts[1])
            guard let user, user.kind == .user else { return problem(404, "404 User Not Found") }
            return userAnswer(user, rest, request, caller, state)
        case "users":
            let user = request.parameter("username").flatMap { state.account(named: $0) }
            return ForgeAnswer(
                status: 200, json: .array(user.map { $0.kind == .user ? [userJSON($0, request)] : [] } ?? []))
        case "user":
            guard let token = caller.token else { return problem(401, "401 Unauthorized") }
            return ForgeAnswer(status: 200, json: ["username": .string(token.user), "state": "active"])
        case "personal_access_tokens" where parts.dropFirst().elementsEqual(["self"]):
            guard let token = caller.token else { return problem(401, "401 Unauthorized") }
            return ForgeAnswer(
                status: 200,
                json: [
                    "id": 1, "name": "insights", "revoked": false, "active": true, "scopes": ["read_api"],
                    "expires_at": Value(token.expiresAt?.dateText),
                ])
        default: return problem(404, "404 Not Found")
        }
    }

    private static func project(
        _ name: String, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> ForgeAnswer {
        let missing = problem(404, "404 Project Not Found")
        let repository: ForgeRepository
        if let id = Int64(name) {
            guard let found = state.repositories[id] else { return missing }
            repository = found
        } else {
            switch state.find(name) {
            case .here(let found): repository = found
            case .moved(let found):
                guard isSeen(found, caller) else { return missing }
                let path = "\(prefix)/projects/\(found.id)" + (rest.isEmpty ? "" : "/\(rest)")
                var answer = ForgeAnswer(
                    status: 301, type: "text/plain", text: "This resource has been moved permanently")
                answer.headers.append(("Location", request.address(path)))
                return answer
            case .nothing: return missing
            }
        }
        guard isSeen(repository, caller) else { return missing }
        return projectAnswer(repository, rest, request, caller, state)
    }

    static func isSeen(_ repository: ForgeRepository, _ caller: ForgeState.Caller) -> Bool {
        !repository.isPrivate || caller.token?.readsPrivate == true
    }

    private static func projectAnswer(
        _ repository: ForgeRepository, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> ForgeAnswer {
        let home = "projects/\(repository.id)/\(rest)"
        switch rest {
        case "": return ForgeAnswer(status: 200, json: projectJSON(repository, request, caller, state))
        case "merge_requests", "issues":
            let isOpen = request.parameter("state").map { $0 == "opened" || $0 == "all" } ?? true
            let count = rest == "issues" ? repository.openIssues : repository.openPullRequests
            return page(Array(0..<(isOpen ? count : 0)), home, request, state) { number in
                [
                    "id": .integer(repository.id * 1000 + Int64(number)), "iid": .integer(Int64(number + 1)),
                    "project_id": .integer(repository.id), "state": "opened", "title": .string("Change \(number + 1)"),
                ]
            }
        case "releases":
            let seen = repository.releases.reversed().filter { !$0.isDraft }
            return page(seen, home, request, state) { release in
                [
                    "tag_name": .string(release.tag), "name": .string(release.tag),
                    "released_at": .string((release.createdAt ?? repository.createdAt).stamp),
                    "upcoming_release": false, "assets": ["count": .integer(Int64(release.downloads.count))],
                ]
            }
        case "statistics":
            guard let token = caller.token else { return problem(401, "401 Unauthorized") }
            guard token.readsTraffic else { return problem(403, "403 Forbidden") }
            return fetches(repository, state)
        default: return problem(404, "404 Not Found")
        }
    }

    /// HTTP fetches of thirty days, newest first; days without any have no row.
    private static func fetches(_ repository: ForgeRepository, _ state: ForgeState) -> ForgeAnswer {
        let days = (-29...0).reversed().map { state.now.day(after: $0) }
        let told = days.map { (day: $0, count: repository.traffic.told(of: $0, at: state.now).clones) }
        let listed = told.filter { $0.count > 0 || state.settings.emptyDays == .listed }
        return ForgeAnswer(
            status: 200,
            json: [
                "fetches": [
                    "total": .integer(Int64(told.reduce(0) { $0 + $1.count })),
                    "days": .array(
                        listed.map { ["count": .integer(Int64($0.count)), "date": .string($0.day.dateText)] }),
                ]
            ])
    }

    private static func groupAnswer(
        _ group: ForgeAccount, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> ForgeAnswer {
        let home = "groups/\(group.id)/\(rest)"
        switch rest {
        case "": return ForgeAnswer(status: 200, json: groupJSON(group, request, state))
        case "projects":
            let withSubgroups = request.flag("include_subgroups") == true
            let owners = state.accounts.values.filter {
                $0.id == group.id || withSubgroups && $0.path.lowercased().hasPrefix(group.path.lowercased() + "/")
            }
            return projects(of: Set(owners.map(\.id)), home, request, caller, state)
        case "subgroups":
            let inside = state.accounts.values
                .filter { isParent(group, of: $0) }.sorted { $0.id < $1.id }
            return page(inside, home, request, state) { groupJSON($0, request, state) }
        case "members", "members/all":
            guard caller.token != nil else { return problem(401, "401 Unauthorized") }
            return page(Array(0..<group.members), home, request, state) {
                [
                    "id": .integer(Int64($0 + 1)), "username": .string("member-\($0)"), "state": "active",
                    "access_level": 30,
                ]
            }
        default: return problem(404, "404 Not Found")
        }
    }

    private static func userAnswer(
        _ user: ForgeAccount, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> ForgeAnswer {
        let home = "users/\(user.id)/\(rest)"
        switch rest {
        case "": return ForgeAnswer(status: 200, json: userJSON(user, request, isWhole: true))
        case "projects": return projects(of: [user.id], home, request, caller, state)
        case "followers":
            return page(Array(0..<user.followers), home, request, state) {
                ["id": .integer(Int64($0 + 1)), "username": .string("follower-\($0)"), "state": "active"]
            }
        default: return problem(404, "404 Not Found")
        }
    }
}
