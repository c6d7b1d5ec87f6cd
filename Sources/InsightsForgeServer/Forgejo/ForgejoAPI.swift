internal import InsightsPlugin

/// Forgejo's and Gitea's REST API, under `/api/v1`.
///
/// - SeeAlso: <https://codeberg.org/api/swagger>
enum ForgejoAPI {
    static let prefix = "/api/v1"
    /// `MAX_RESPONSE_ITEMS` as it is shipped: a higher `limit` is cut to it without a word.
    static let mostItems = 50

    static func answer(_ request: ForgeRequest, state: inout ForgeState) -> ForgeAnswer {
        guard request.segments.starts(with: ["api", "v1"]) else {
            return free(ForgeAnswer(status: 404, type: "text/plain; charset=utf-8", text: "Not found.\n"))
        }
        guard let caller = state.caller(ForgeState.secret(of: request)) else {
            return free(problem(401, "invalid username, password or token", request))
        }
        if state.settings.requiresToken, caller.token == nil {
            return free(problem(401, "token is required", request))
        }
        let budget = state.budget(of: caller, .core)
        let exhausted = budget.flatMap { $0.remaining == 0 ? $0.resetsAt : nil }
        if let instant = state.secondaryWait(request, by: caller) ?? exhausted {
            // Forgejo has no limits of its own: this is what a front server says.
            var answer = ForgeAnswer(status: 429, type: "text/html", text: "<html>429 Too Many Requests</html>")
            state.tell(&answer, caller, toWaitUntil: instant)
            return answer
        }
        let answer = route(request, caller, state)
        state.charge(answer.cost, to: caller, .core)
        return answer
    }

    private static func free(_ answer: ForgeAnswer) -> ForgeAnswer {
        var answer = answer
        answer.cost = 0
        return answer
    }

    private static func problem(_ status: Int, _ message: String, _ request: ForgeRequest) -> ForgeAnswer {
        ForgeAnswer(
            status: status, json: ["message": .string(message), "url": .string("\(request.root)/api/swagger")])
    }

    private static func notFound(_ request: ForgeRequest) -> ForgeAnswer {
        var answer = problem(404, "The target couldn't be found.", request)
        answer.json = answer.json.map { $0.adding("errors", .null) }
        return answer
    }

    // MARK: Routes

    private static func route(
        _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> ForgeAnswer {
        let parts = Array(request.segments.dropFirst(2))
        switch parts.first {
        case "repos" where parts.count >= 3:
            let rest = parts.dropFirst(3).joined(separator: "/")
            switch state.find("\(parts[1])/\(parts[2])") {
            case .here(let repository): return repositoryAnswer(repository, rest, request, caller, state)
            case .moved(let repository):
                guard GitLabAPI.isSeen(repository, caller) else { return notFound(request) }
                // The path alone, with the new name: a relative address.
                let query = request.target.dropFirst(request.path.count)
                let path = "\(prefix)/repos/\(state.fullName(repository))" + (rest.isEmpty ? "" : "/\(rest)")
                var answer = ForgeAnswer(status: 307, type: "text/html; charset=utf-8", text: "")
                answer.headers.append(("Location", path + query))
                return answer
            case .nothing: return notFound(request)
            }
        case "repositories" where parts.count == 2:
            guard let repository = Int64(parts[1]).flatMap({ state.repositories[$0] }) else { return notFound(request) }
            return repositoryAnswer(repository, "", request, caller, state)
        case "orgs" where parts.count >= 2, "users" where parts.count >= 2:
            guard let account = state.account(named: parts[1]), parts[0] == "users" || account.kind != .user else {
                return notFound(request)
            }
            return accountAnswer(
                account, isUser: parts[0] == "users", parts.dropFirst(2).joined(separator: "/"), request, caller, state)
        case "user":
            guard let token = caller.token else { return problem(401, "token is required", request) }
            return ForgeAnswer(status: 200, json: ["login": .string(token.user)])
        case "version":
            return ForgeAnswer(status: 200, json: ["version": state.kind == .gitea ? "1.24.0" : "11.0.0+gitea-1.22.0"])
        default: return notFound(request)
        }
    }

    private static func repositoryAnswer(
        _ repository: ForgeRepository, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> ForgeAnswer {
        guard GitLabAPI.isSeen(repository, caller) else { return notFound(request) }
        switch rest {
        case "": return ForgeAnswer(status: 200, json: repositoryJSON(repository, request, caller, state))
        case "releases":
            let seen = repository.releases.reversed().filter { !$0.isDraft || caller.token?.readsTraffic == true }
            return page(seen, request) { GitHubAPI.releaseJSON($0, repository, request, state) }
        case "pulls":
            let isOpen = request.parameter("state").map { $0 != "closed" } ?? true
            return page(Array(0..<(isOpen ? repository.openPullRequests : 0)), request) {
                ["id": .integer(repository.id * 1000 + Int64($0)), "number": .integer(Int64($0 + 1)), "state": "open"]
            }
        default: return notFound(request)
        }
    }

    private static func accountAnswer(
        _ account: ForgeAccount, isUser: Bool, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> ForgeAnswer {
        switch rest {
        case "":
            return ForgeAnswer(
                status: 200, json: isUser ? userJSON(account, request) : organizationJSON(account, request))
        case "repos":
            return page(state.repositories(of: [account.id], for: caller.token), request) {
                repositoryJSON($0, request, caller, state)
            }
        case "members" where !isUser:
            let count = caller.token?.readsPrivate == true ? account.members : account.publicMembers
            return page(Array(0..<count), request) { memberJSON($0) }
        case "public_members" where !isUser:
            return page(Array(0..<account.publicMembers), request) { memberJSON($0) }
        case "followers" where isUser: return page(Array(0..<account.followers), request) { memberJSON($0) }
        default: return notFound(request)
        }
    }

    private static func page<Element>(
        _ elements: [Element], _ request: ForgeRequest, _ json: (Element) -> Value
    ) -> ForgeAnswer {
        let page = Pagination(request, sizeName: "limit", most: mostItems)
        var answer = ForgeAnswer(status: 200, json: .array(page.slice(elements).map(json)))
        answer.headers.append(("X-Total-Count", String(elements.count)))
        if let links = page.links(of: elements.count, at: String(request.path), in: request, separator: ",") {
            answer.headers.append(("Link", links))
        }
        return answer
    }

    // MARK: Shapes

    private static func repositoryJSON(
        _ repository: ForgeRepository, _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> Value {
        let name = state.fullName(repository)
        let published = repository.releases.filter { !$0.isDraft }.count
        let pairs: [(key: String, value: Value)] = [
            ("id", .integer(repository.id)),
            ("owner", state.accounts[repository.ownerID].map { userJSON($0, request) } ?? .null),
            ("name", .string(repository.name)), ("full_name", .string(name)), ("description", ""), ("empty", false),
            ("private", .bool(repository.isPrivate)), ("fork", .bool(repository.isFork)), ("template", false),
            ("parent", .null), ("mirror", false), ("size", .integer(Int64(repository.sizeKiB))),
            ("html_url", .string("\(request.root)/\(name)")),
            ("url", .string("\(request.root)\(prefix)/repos/\(name)")),
            ("clone_url", .string("\(request.root)/\(name).git")), ("stars_count", .integer(Int64(repository.stars))),
            ("forks_count", .integer(Int64(repository.forks))),
            ("watchers_count", .integer(Int64(repository.watchers))),
            ("open_issues_count", .integer(Int64(repository.openIssues))),
            ("open_pr_counter", .integer(Int64(repository.openPullRequests))),
            ("release_counter", .integer(Int64(published))), ("default_branch", .string(repository.defaultBranch)),
            ("archived", .bool(repository.isArchived)), ("created_at", .string(repository.createdAt.stamp)),
            ("updated_at", .string(repository.createdAt.stamp)),
            (
                "permissions",
                ["admin": false, "push": .bool(caller.token?.readsTraffic == true), "pull": true]
            ),
            ("has_issues", true), ("has_pull_requests", true), ("has_releases", true),
        ]
        return .object(ValueObject(distinct: pairs))
    }

    /// An organisation is found among the users too, and only there with its followers.
    private static func userJSON(_ account: ForgeAccount, _ request: ForgeRequest) -> Value {
        [
            "id": .integer(account.id), "login": .string(account.path), "full_name": .string(account.name),
            "html_url": .string("\(request.root)/\(account.path)"), "visibility": "public",
            "followers_count": .integer(Int64(account.followers)), "following_count": 0, "starred_repos_count": 0,
        ]
    }

    private static func organizationJSON(_ account: ForgeAccount, _ request: ForgeRequest) -> Value {
        [
            "id": .integer(account.id), "name": .string(account.path), "full_name": .string(account.name),
            "username": .string(account.path), "visibility": "public",
        ]
    }

    private static func memberJSON(_ number: Int) -> Value {
        ["id": .integer(Int64(number + 1)), "login": .string("member-\(number)"), "followers_count": 0]
    }
}

extension Value {
    /// This object with one member more.
    fileprivate func adding(_ key: String, _ value: Value) -> Value {
        guard var object else { return self }
        object[key] = value
        return .object(object)
    }
}
