internal import InsightsPlugin

extension GitHubAPI {
    /// - Parameter isWhole: Whether it is the repository's own answer: lists lack `subscribers_count`.
    static func repositoryJSON(
        _ repository: ForgeRepository, _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState,
        isWhole: Bool
    ) -> Value {
        let name = state.fullName(repository)
        let address = "\(request.root)/\(name)"
        let home = "\(request.root)\(prefix)/repos/\(name)"
        let owner = state.accounts[repository.ownerID].map { accountJSON($0, request) }
        let issues = Value.integer(Int64(repository.openIssues + repository.openPullRequests))
        let at = Value.string(repository.createdAt.stamp)
        var pairs: [(key: String, value: Value)] = [
            ("id", .integer(repository.id)), ("node_id", .string(nodeID(of: repository))),
            ("name", .string(repository.name)), ("full_name", .string(name)), ("private", .bool(repository.isPrivate)),
            ("owner", owner ?? .null), ("html_url", .string(address)), ("description", .null),
            ("fork", .bool(repository.isFork)), ("url", .string(home)),
        ]
        pairs += repositoryLinks.map { ($0.key, .string(home + $0.path)) }
        pairs += [
            ("created_at", at), ("updated_at", at), ("pushed_at", at),
            ("git_url", .string("git:" + address.dropFirst("http:".count) + ".git")),
            ("ssh_url", .string("git@forge:\(name).git")),
            ("clone_url", .string(address + ".git")), ("svn_url", .string(address)), ("homepage", .null),
            ("size", .integer(Int64(repository.sizeKiB))), ("stargazers_count", .integer(Int64(repository.stars))),
            ("watchers_count", .integer(Int64(repository.stars))), ("language", "Swift"), ("has_issues", true),
            ("has_projects", true), ("has_wiki", true), ("has_pages", false),
            ("has_discussions", false), ("forks_count", .integer(Int64(repository.forks))), ("mirror_url", .null),
            ("archived", .bool(repository.isArchived)), ("disabled", false), ("open_issues_count", issues),
            ("license", .null), ("allow_forking", true), ("is_template", false),
            ("web_commit_signoff_required", false), ("topics", []),
            ("visibility", .string(repository.isPrivate ? "private" : "public")),
            ("forks", .integer(Int64(repository.forks))), ("open_issues", issues),
            ("watchers", .integer(Int64(repository.stars))), ("default_branch", .string(repository.defaultBranch)),
        ]
        if !request.wantsNewestGitHub { pairs.append(("has_downloads", true)) }
        if let token = caller.token {
            let pushes = Value.bool(token.readsTraffic)
            pairs.append(
                ("permissions", ["admin": pushes, "maintain": pushes, "push": pushes, "triage": pushes, "pull": true]))
        }
        if isWhole {
            if owner?["type"] == "Organization" { pairs.append(("organization", owner ?? .null)) }
            pairs.append(("network_count", .integer(Int64(repository.forks))))
            pairs.append(("subscribers_count", .integer(Int64(repository.watchers))))
        }
        return .object(ValueObject(distinct: pairs))
    }

    /// An account as it stands in other answers.
    static func accountJSON(_ account: ForgeAccount, _ request: ForgeRequest) -> Value {
        accountJSON(login: account.path, id: account.id, isUser: account.kind == .user, request)
    }

    static func accountJSON(login: String, id: Int64, isUser: Bool, _ request: ForgeRequest) -> Value {
        let home = "\(request.root)\(prefix)/users/\(login)"
        var pairs: [(key: String, value: Value)] = [
            ("login", .string(login)), ("id", .integer(id)),
            ("node_id", .string((isUser ? "U_kgDO" : "O_kgDO") + packed(id))),
            ("avatar_url", .string("\(request.root)/avatars/u/\(id)?v=4")), ("gravatar_id", ""), ("url", .string(home)),
            ("html_url", .string("\(request.root)/\(login)")),
        ]
        pairs += accountLinks.map { ($0.key, .string(home + $0.path)) }
        pairs += [
            ("type", .string(isUser ? "User" : "Organization")), ("user_view_type", "public"), ("site_admin", false),
        ]
        return .object(ValueObject(distinct: pairs))
    }

    /// An account's own answer: an organisation's has other members under `/orgs` than under `/users`.
    static func wholeAccountJSON(
        _ account: ForgeAccount, isOrganization: Bool, _ request: ForgeRequest, _ state: ForgeState
    ) -> Value {
        let at = Value.string(account.createdAt.stamp)
        let count = Value.integer(Int64(state.repositories(of: [account.id], for: nil).count))
        let figures: [(key: String, value: Value)] = [
            ("public_repos", count), ("public_gists", 0), ("followers", .integer(Int64(account.followers))),
            ("following", 0), ("created_at", at), ("updated_at", at),
        ]
        guard isOrganization else {
            var pairs = accountJSON(account, request).object.map(Array.init) ?? []
            pairs += [
                ("name", .string(account.name)), ("company", .null), ("blog", ""), ("location", .null),
                ("email", .null),
                ("hireable", .null), ("bio", .null), ("twitter_username", .null),
            ]
            return .object(ValueObject(distinct: pairs + figures))
        }
        let home = "\(request.root)\(prefix)/orgs/\(account.path)"
        var pairs: [(key: String, value: Value)] = [
            ("login", .string(account.path)), ("id", .integer(account.id)),
            ("node_id", .string("O_kgDO" + packed(account.id))), ("url", .string(home)),
        ]
        pairs += organizationLinks.map { ($0.key, .string(home + $0.path)) }
        pairs += [
            ("avatar_url", .string("\(request.root)/avatars/u/\(account.id)?v=4")), ("description", ""),
            ("name", .string(account.name)), ("is_verified", false), ("has_organization_projects", true),
            ("has_repository_projects", true), ("html_url", .string("\(request.root)/\(account.path)")),
            ("archived_at", .null), ("type", "Organization"),
        ]
        return .object(ValueObject(distinct: pairs + figures))
    }

    /// The id that GraphQL knows a repository by: opaque to clients, here base64 of its number as GitHub packs it.
    static func nodeID(of repository: ForgeRepository) -> String {
        "R_kgDO" + packed(repository.id)
    }

    private static func packed(_ id: Int64) -> String {
        ForgeState.base64([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: id >> $0) })
    }

    /// What ``nodeID(of:)`` was made from; `nil` for any other text.
    static func repositoryID(ofNode text: String) -> Int64? {
        guard text.hasPrefix("R_kgDO"), text.count == 12 else { return nil }
        var word: UInt64 = 0
        for letter in text.dropFirst(6) {
            guard let digit = ForgeState.base64Letters.firstIndex(of: letter) else { return nil }
            word = word << 6 | UInt64(digit)
        }
        // Six letters are 36 bits, of which the last four fill up.
        return Int64(word >> 4)
    }
}

extension ForgeState {
    /// RFC 4648's base64url without padding.
    static func base64(_ bytes: [UInt8]) -> String {
        var result = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for position in 0...group.count {
                result.append(base64Letters[Int(word >> UInt32(18 - 6 * position) & 63)])
            }
        }
        return result
    }

    static let base64Letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
}
