internal import InsightsPlugin

extension GitHubAPI {
    static func releaseJSON(
        _ release: ForgeRelease, _ repository: ForgeRepository, _ request: ForgeRequest, _ state: ForgeState
    ) -> Value {
        let name = state.fullName(repository)
        let page = "\(request.root)/\(name)/releases"
        let home = "\(request.root)\(prefix)/repos/\(name)/releases"
        let at = Value.string((release.createdAt ?? repository.createdAt).stamp)
        let author = accountJSON(login: "release-bot", id: 9, isUser: true, request)
        let assets = release.downloads.enumerated().map { index, downloads -> Value in
            let id = release.id * 100 + Int64(index)
            let pairs: [(key: String, value: Value)] = [
                ("url", .string("\(home)/assets/\(id)")), ("id", .integer(id)), ("node_id", .string("RA_\(id)")),
                ("name", .string("widget-\(index).tar.gz")), ("label", ""), ("uploader", author),
                ("content_type", "application/gzip"), ("state", "uploaded"), ("size", 1024), ("digest", .null),
                ("download_count", .integer(Int64(downloads))), ("created_at", at), ("updated_at", at),
                ("browser_download_url", .string("\(page)/download/\(release.tag)/widget-\(index).tar.gz")),
            ]
            return .object(ValueObject(distinct: pairs))
        }
        let pairs: [(key: String, value: Value)] = [
            ("url", .string("\(home)/\(release.id)")), ("assets_url", .string("\(home)/\(release.id)/assets")),
            ("upload_url", .string("\(home)/\(release.id)/assets{?name,label}")),
            ("html_url", .string("\(page)/tag/\(release.tag)")), ("id", .integer(release.id)), ("author", author),
            ("node_id", .string("RE_\(release.id)")), ("tag_name", .string(release.tag)),
            ("target_commitish", .string(repository.defaultBranch)), ("name", .string(release.tag)),
            ("draft", .bool(release.isDraft)), ("immutable", false), ("prerelease", .bool(release.isPrerelease)),
            ("created_at", at), ("updated_at", at), ("published_at", release.isDraft ? .null : at),
            ("assets", .array(assets)), ("tarball_url", .string("\(home)/tarball/\(release.tag)")),
            ("zipball_url", .string("\(home)/zipball/\(release.tag)")), ("body", ""),
        ]
        return .object(ValueObject(distinct: pairs))
    }

    static func pullJSON(
        _ number: Int, _ repository: ForgeRepository, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> Value {
        let name = state.fullName(repository)
        let page = "\(request.root)/\(name)/pull/\(number)"
        let home = "\(request.root)\(prefix)/repos/\(name)"
        let whole = repositoryJSON(repository, request, caller, state, isWhole: false)
        let author = accountJSON(login: "member-0", id: 1, isUser: true, request)
        let at = Value.string(repository.createdAt.stamp)
        let side = { (label: String) -> Value in
            [
                "label": .string(label), "ref": .string(label), "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
                "user": author, "repo": whole,
            ]
        }
        var pairs: [(key: String, value: Value)] = [
            ("url", .string("\(home)/pulls/\(number)")), ("id", .integer(repository.id * 1000 + Int64(number))),
            ("node_id", .string("PR_\(repository.id)_\(number)")), ("html_url", .string(page)),
            ("diff_url", .string("\(page).diff")), ("patch_url", .string("\(page).patch")),
            ("issue_url", .string("\(home)/issues/\(number)")), ("number", .integer(Int64(number))), ("state", "open"),
            ("locked", false), ("title", .string("Change \(number)")), ("user", author), ("body", .null),
            ("created_at", at), ("updated_at", at), ("closed_at", .null), ("merged_at", .null),
            ("assignees", []), ("requested_reviewers", []),
            ("requested_teams", []), ("labels", []), ("milestone", .null), ("draft", false),
        ]
        if !request.wantsNewestGitHub { pairs += [("merge_commit_sha", .null), ("assignee", .null)] }
        pairs += pullLinks.map { ($0.key, .string("\(home)/pulls/\(number)\($0.path)")) }
        let links: ValueObject = [
            "self": ["href": .string("\(home)/pulls/\(number)")], "html": ["href": .string(page)],
            "issue": ["href": .string("\(home)/issues/\(number)")],
            "comments": ["href": .string("\(home)/issues/\(number)/comments")],
            "review_comments": ["href": .string("\(home)/pulls/\(number)/comments")],
            "review_comment": ["href": .string("\(home)/pulls/comments{/number}")],
            "commits": ["href": .string("\(home)/pulls/\(number)/commits")],
            "statuses": ["href": .string("\(home)/statuses/6dcb09b5b57875f334f61aebed695e2e4193db5e")],
        ]
        pairs += [
            ("comments_url", .string("\(home)/issues/\(number)/comments")),
            ("statuses_url", .string("\(home)/statuses/6dcb09b5b57875f334f61aebed695e2e4193db5e")),
            ("head", side("change-\(number)")), ("base", side(repository.defaultBranch)), ("_links", .object(links)),
            ("author_association", "MEMBER"), ("auto_merge", .null), ("active_lock_reason", .null),
        ]
        return .object(ValueObject(distinct: pairs))
    }

    static func memberJSON(_ number: Int, _ request: ForgeRequest) -> Value {
        accountJSON(login: "member-\(number)", id: Int64(number + 1), isUser: true, request)
    }
}
