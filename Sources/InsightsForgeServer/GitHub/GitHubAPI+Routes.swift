internal import InsightsPlugin

extension GitHubAPI {
    /// Finds what a path names, and answers with it.
    static func route(_ request: ForgeRequest, _ caller: ForgeState.Caller, state: ForgeState) -> ForgeAnswer {
        let parts = Array(request.segments.dropFirst(2))
        let rest = { (count: Int) in parts.dropFirst(count).joined(separator: "/") }
        switch parts.first {
        case "repos" where parts.count >= 3:
            return named("\(parts[1])/\(parts[2])", rest(3), request, caller, state)
        case "repositories" where parts.count >= 2:
            guard let repository = Int64(parts[1]).flatMap({ state.repositories[$0] }) else { return notFound }
            return repositoryAnswer(repository, rest(2), request, caller, state)
        case "orgs" where parts.count >= 2:
            guard let account = state.account(named: parts[1]), account.kind != .user else { return notFound }
            return accountAnswer(account, isOrganization: true, rest(2), request, caller, state)
        case "users" where parts.count >= 2:
            guard let account = state.account(named: parts[1]) else { return notFound }
            return accountAnswer(account, isOrganization: false, rest(2), request, caller, state)
        case "organizations" where parts.count >= 2, "user" where parts.count >= 2:
            guard let account = Int64(parts[1]).flatMap({ state.accounts[$0] }) else { return notFound }
            return accountAnswer(account, isOrganization: parts[0] != "user", rest(2), request, caller, state)
        case "user":
            guard let token = caller.token else { return problem(401, "Requires authentication") }
            return ForgeAnswer(status: 200, json: ["login": .string(token.user), "type": "User"])
        default: return notFound
        }
    }

    private static func named(
        _ name: String, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> ForgeAnswer {
        switch state.find(name) {
        case .here(let repository): return repositoryAnswer(repository, rest, request, caller, state)
        case .moved(let repository):
            guard !repository.isPrivate || caller.token?.readsPrivate == true else { return notFound }
            let isRead = request.method == "GET" || request.method == "HEAD"
            let path = "\(prefix)/repositories/\(repository.id)" + (rest.isEmpty ? "" : "/\(rest)")
            var answer = problem(
                isRead ? 301 : 307, isRead ? "Moved Permanently" : "Temporary Redirect")
            let address = request.address(path)
            answer.json = .object([
                "message": .string(isRead ? "Moved Permanently" : "Temporary Redirect"), "url": .string(address),
                "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api",
            ])
            answer.headers.append(("Location", address))
            return answer
        case .nothing: return notFound
        }
    }

    private static func repositoryAnswer(
        _ repository: ForgeRepository, _ rest: String, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> ForgeAnswer {
        guard !repository.isPrivate || caller.token?.readsPrivate == true else { return notFound }
        guard request.method == "GET" || request.method == "HEAD" else {
            return problem(403, "Must have admin rights to Repository.")
        }
        switch rest {
        case "":
            return ForgeAnswer(
                status: 200, json: repositoryJSON(repository, request, caller, state, isWhole: true))
        case "releases":
            let seen = repository.releases.reversed().filter { !$0.isDraft || caller.token?.readsTraffic == true }
            return page(Array(seen), "repositories/\(repository.id)/releases", request) {
                releaseJSON($0, repository, request, state)
            }
        case "pulls":
            let isOpen = (request.parameter("state") ?? "open") != "closed"
            return page(
                Array(0..<(isOpen ? repository.openPullRequests : 0)), "repositories/\(repository.id)/pulls", request
            ) { pullJSON($0 + 1, repository, request, caller, state) }
        case "traffic/views", "traffic/clones", "traffic/popular/referrers", "traffic/popular/paths":
            return trafficAnswer(repository, String(rest.dropFirst("traffic/".count)), caller, state)
        default: return notFound
        }
    }

    private static func accountAnswer(
        _ account: ForgeAccount, isOrganization: Bool, _ rest: String, _ request: ForgeRequest,
        _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> ForgeAnswer {
        let home = account.kind == .user ? "user" : "organizations"
        switch rest {
        case "":
            return ForgeAnswer(
                status: 200, json: wholeAccountJSON(account, isOrganization: isOrganization, request, state))
        case "repos":
            return page(
                state.repositories(of: [account.id], for: caller.token), "\(home)/\(account.id)/repos", request
            ) { repositoryJSON($0, request, caller, state, isWhole: false) }
        case "members" where account.kind != .user:
            guard caller.token?.readsPrivate == true else {
                // Who is no member is sent to the list that everybody sees.
                var answer = problem(302, "Found")
                answer.headers.append(
                    ("Location", request.address("\(prefix)/orgs/\(account.path)/public_members")))
                return answer
            }
            return page(Array(0..<account.members), "\(home)/\(account.id)/members", request) {
                memberJSON($0, request)
            }
        case "public_members" where account.kind != .user:
            return page(Array(0..<account.publicMembers), "\(home)/\(account.id)/public_members", request) {
                memberJSON($0, request)
            }
        default: return notFound
        }
    }

    /// One page of a list, with GitHub's `Link`.
    private static func page<Element>(
        _ elements: [Element], _ path: String, _ request: ForgeRequest, _ json: (Element) -> Value
    ) -> ForgeAnswer {
        let page = Pagination(request)
        var answer = ForgeAnswer(status: 200, json: .array(page.slice(elements).map(json)))
        if let links = page.links(of: elements.count, at: "\(prefix)/\(path)", in: request) {
            answer.headers.append(("Link", links))
        }
        return answer
    }
}
