internal import InsightsPlugin

extension GitLabAPI {
    static func projects(
        of owners: Set<Int64>, _ home: String, _ request: ForgeRequest, _ caller: ForgeState.Caller,
        _ state: ForgeState
    ) -> ForgeAnswer {
        var found = state.repositories(of: owners, for: caller.token)
        if let wanted = request.flag("archived") { found.removeAll { $0.isArchived != wanted } }
        if let wanted = request.parameter("visibility") { found.removeAll { $0.isPrivate != (wanted != "public") } }
        if request.parameter("sort") != "asc" { found.reverse() }
        let json = { projectJSON($0, request, caller, state) }
        guard request.parameter("pagination") == "keyset" else { return page(found, home, request, state, json) }
        guard request.parameter("order_by") == "id" else {
            return ForgeAnswer(
                status: 405, json: ["error": "Keyset pagination is not yet available for this type of request"])
        }
        return keysetPage(found, home, request, json)
    }

    /// One page by number, with `Link` and GitLab's own headers.
    static func page<Element>(
        _ elements: [Element], _ home: String, _ request: ForgeRequest, _ state: ForgeState,
        _ json: (Element) -> Value
    ) -> ForgeAnswer {
        let page = Pagination(request, standard: 20)
        var answer = ForgeAnswer(status: 200, json: .array(page.slice(elements).map(json)))
        let last = page.pages(of: elements.count)
        answer.headers += [
            ("X-Page", String(page.page)), ("X-Per-Page", String(page.size)),
            ("X-Next-Page", page.page < last ? String(page.page + 1) : ""),
            ("X-Prev-Page", page.page > 1 ? String(page.page - 1) : ""),
        ]
        if !state.settings.omitsTotals {
            answer.headers += [("X-Total", String(elements.count)), ("X-Total-Pages", String(last))]
        }
        if let links = page.links(of: elements.count, at: "\(prefix)/\(home)", in: request) {
            let kept = links.split(separator: ",").filter {
                !state.settings.omitsTotals || !$0.contains("rel=\"last\"")
            }
            answer.headers.append(("Link", kept.joined(separator: ",")))
        }
        return answer
    }

    /// One page by the last id seen: no numbers, no totals, only `Link` to the next.
    private static func keysetPage(
        _ found: [ForgeRepository], _ home: String, _ request: ForgeRequest, _ json: (ForgeRepository) -> Value
    ) -> ForgeAnswer {
        let isAscending = request.parameter("sort") == "asc"
        let bound = isAscending ? "id_after" : "id_before"
        let edge = request.parameter(bound).flatMap { Int64($0) }
        let left = found.filter { repository in
            edge.map { isAscending ? repository.id > $0 : repository.id < $0 } ?? true
        }
        let size = Pagination(request, standard: 20).size
        let shown = left.prefix(size)
        var answer = ForgeAnswer(status: 200, json: .array(shown.map(json)))
        if left.count > size, let last = shown.last {
            let next = request.address("\(prefix)/\(home)", changing: [(bound, String(last.id))])
            answer.headers.append(("Link", "<\(next)>; rel=\"next\""))
        }
        return answer
    }

    static func isParent(_ group: ForgeAccount, of other: ForgeAccount) -> Bool {
        guard other.kind == .group, let slash = other.path.lastIndex(of: "/") else { return false }
        return other.path[..<slash].lowercased() == group.path.lowercased()
    }
}
