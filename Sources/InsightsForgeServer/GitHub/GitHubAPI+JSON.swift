internal import InsightsPlugin

extension GitHubAPI {
    /// - Parameter isWhole: Whether it is the repository's own answer: lists lack `subscribers_count`.
    static func repositoryJSON(
        _ repository: ForgeRepository, _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState,
        isWhole: Bool
    ) -> Value {
        let name = state.fullName(repository)
        let address = "\(request.root)/\(name)"
        let owner = state.accounts[repository.ownerID].map { accountJSON($0, request, state, isWhole: false) }
        let issues = repository.openIssues + repository.openPullRequests
        var pairs: [(key: String, value: Value)] = [
            ("id", .integer(repository.id)), ("node_id", .string(nodeID(of: repository))),
            ("name", .string(repository.name)), ("full_name", .string(name)), ("private", .bool(repository.isPrivate)),
            ("owner", owner ?? .null), ("html_url", .string(address)), ("description", .null),
            ("fork", .bool(repository.isFork)), ("url", .string("\(request.root)\(prefix)/repos/\(name)")),
            ("created_at", .string(repository.createdAt.stamp)), ("updated_at", .string(repository.createdAt.stamp)),
            ("pushed_at", .string(repository.createdAt.stamp)), ("clone_url", .string(address + ".git")),
            ("homepage", .null), ("size", .integer(Int64(repository.sizeKiB))),
            ("stargazers_count", .integer(Int64(repository.stars))),
            ("watchers_count", .integer(Int64(repository.stars))), ("language", "Swift"), ("has_issues", true),
            ("forks_count", .integer(Int64(repository.forks))), ("mirror_url", .null),
            ("archived", .bool(repository.isArchived)), ("disabled", false),
            ("open_issues_count", .integer(Int64(issues))), ("license", .null), ("allow_forking", true),
            ("is_template", false), ("topics", []),
            ("visibility", .string(repository.isPrivate ? "private" : "public")),
            ("forks", .integer(Int64(repository.forks))), ("open_issues", .integer(Int64(issues))),
            ("watchers", .integer(Int64(repository.stars))), ("default_branch", .string(repository.defaultBranch)),
        ]
        if let token = caller.token {
            let pushes = Value.bool(token.readsTraffic)
            pairs.append(
                ("permissions", ["admin": pushes, "maintain": pushes, "push": pushes, "triage": pushes, "pull": true]))
        }
        if isWhole {
            pairs.append(("network_count", .integer(Int64(repository.forks))))
            pairs.append(("subscribers_count", .integer(Int64(repository.watchers))))
        }
        return .object(ValueObject(distinct: pairs))
    }

    static func accountJSON(
        _ account: ForgeAccount, _ request: ForgeRequest, _ state: ForgeState, isWhole: Bool
    ) -> Value {
        var pairs: [(key: String, value: Value)] = [
            ("login", .string(account.path)), ("id", .integer(account.id)), ("node_id", .string("O_\(account.id)")),
            ("url", .string("\(request.root)\(prefix)/users/\(account.path)")),
            ("html_url", .string("\(request.root)/\(account.path)")),
            ("type", .string(account.kind == .user ? "User" : "Organization")), ("site_admin", false),
        ]
        if isWhole {
            pairs += [
                ("name", .string(account.name)),
                ("public_repos", .integer(Int64(state.repositories(of: [account.id], for: nil).count))),
                ("public_gists", 0), ("followers", .integer(Int64(account.followers))), ("following", 0),
                ("created_at", .string(account.createdAt.stamp)),
            ]
        }
        return .object(ValueObject(distinct: pairs))
    }

    static func releaseJSON(
        _ release: ForgeRelease, _ repository: ForgeRepository, _ request: ForgeRequest, _ state: ForgeState
    ) -> Value {
        let address = "\(request.root)/\(state.fullName(repository))/releases"
        let assets = release.downloads.enumerated().map { index, downloads -> Value in
            [
                "id": .integer(release.id * 100 + Int64(index)), "name": .string("widget-\(index).tar.gz"),
                "state": "uploaded", "content_type": "application/gzip", "size": 1024,
                "download_count": .integer(Int64(downloads)),
                "browser_download_url": .string("\(address)/download/\(release.tag)/widget-\(index).tar.gz"),
            ]
        }
        let at = (release.createdAt ?? repository.createdAt).stamp
        return [
            "id": .integer(release.id), "tag_name": .string(release.tag), "name": .string(release.tag),
            "html_url": .string("\(address)/tag/\(release.tag)"), "draft": .bool(release.isDraft),
            "prerelease": .bool(release.isPrerelease), "created_at": .string(at),
            "published_at": release.isDraft ? .null : .string(at), "assets": .array(assets),
        ]
    }

    /// The id that GraphQL knows a repository by: opaque to clients, here base64 of its number as GitHub packs it.
    static func nodeID(of repository: ForgeRepository) -> String {
        "R_kgDO" + ForgeState.base64([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: repository.id >> $0) })
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
