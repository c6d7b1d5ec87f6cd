internal import InsightsPlugin

extension GitLabAPI {
    static func projectJSON(
        _ repository: ForgeRepository, _ request: ForgeRequest, _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> Value {
        let name = state.fullName(repository)
        let address = "\(request.root)/\(name)"
        let owner = state.accounts[repository.ownerID]
        var pairs: [(key: String, value: Value)] = [
            ("id", .integer(repository.id)), ("description", .null), ("name", .string(repository.name)),
            ("name_with_namespace", .string(name.split(separator: "/").joined(separator: " / "))),
            ("path", .string(repository.name)), ("path_with_namespace", .string(name)),
            ("created_at", .string(repository.createdAt.description)),
            ("default_branch", .string(repository.defaultBranch)), ("topics", []),
            ("http_url_to_repo", .string(address + ".git")), ("web_url", .string(address)),
            ("forks_count", .integer(Int64(repository.forks))), ("star_count", .integer(Int64(repository.stars))),
            ("last_activity_at", .string(repository.createdAt.description)),
            (
                "namespace",
                [
                    "id": .integer(repository.ownerID), "name": Value(owner?.name), "path": Value(owner?.path),
                    "kind": owner?.kind == .user ? "user" : "group", "full_path": Value(owner?.path),
                ]
            ),
            ("empty_repo", false), ("archived", .bool(repository.isArchived)),
            ("visibility", .string(repository.isPrivate ? "private" : "public")), ("issues_enabled", true),
            ("open_issues_count", .integer(Int64(repository.openIssues))),
        ]
        if let owner, owner.kind == .user {
            // A group's project has none.
            pairs.append(
                ("owner", ["id": .integer(owner.id), "username": .string(owner.path), "name": .string(owner.name)]))
        }
        if repository.isFork { pairs.append(("forked_from_project", ["id": 1, "path_with_namespace": "origin/it"])) }
        if request.flag("statistics") == true, caller.token?.readsTraffic == true {
            let bytes = Value.integer(Int64(repository.sizeKiB) * 1024)
            pairs.append(
                (
                    "statistics",
                    [
                        "commit_count": .integer(Int64(repository.commits)), "storage_size": bytes,
                        "repository_size": bytes, "wiki_size": 0, "lfs_objects_size": 0, "job_artifacts_size": 0,
                    ]
                ))
        }
        return .object(ValueObject(distinct: pairs))
    }

    static func groupJSON(_ group: ForgeAccount, _ request: ForgeRequest, _ state: ForgeState) -> Value {
        let parent = state.accounts.values.first { isParent($0, of: group) }
        return [
            "id": .integer(group.id), "name": .string(group.name),
            "path": .string(String(group.path.split(separator: "/").last ?? "")), "full_path": .string(group.path),
            "web_url": .string("\(request.root)/groups/\(group.path)"), "visibility": "public",
            "parent_id": parent.map { .integer($0.id) } ?? .null, "created_at": .string(group.createdAt.description),
        ]
    }

    static func userJSON(_ user: ForgeAccount, _ request: ForgeRequest, isWhole: Bool = false) -> Value {
        var object: ValueObject = [
            "id": .integer(user.id), "username": .string(user.path), "name": .string(user.name), "state": "active",
            "web_url": .string("\(request.root)/\(user.path)"),
        ]
        if isWhole {
            object["followers"] = .integer(Int64(user.followers))
            object["created_at"] = .string(user.createdAt.description)
        }
        return .object(object)
    }
}
