internal import InsightsPlugin

/// Asks one forge with one credential.
struct ForgeClient: Sendable {
    /// Most pages of a list: a list that is longer does not end.
    static let pageLimit = 2000
    /// Most pages in a row that bring nothing new: a list that goes on after them does not end either.
    static let barrenLimit = 5
    /// Most items on a page where the server sets no other bound.
    static let pageSize = 100
    /// GraphQL is waited for no longer, as REST tells the same under a limit of its own: through a secondary limit, which
    /// holds both, and not until its hour is over.
    private static let graphQLWait: Duration = .seconds(120)

    private(set) var entry: ForgeEntry
    private let http: any HTTP.Client
    private let clock: any RunClock
    private let root: HTTP.URL
    private let credential: HTTP.Credential?
    private let calendar = ForgeCalendar()

    /// - Throws: ``RunFailure`` when the address is none that can be asked.
    init(_ entry: ForgeEntry, http: any HTTP.Client, clock: any RunClock) throws(RunFailure) {
        self.entry = entry
        self.http = http
        self.clock = clock
        root = try HTTP.URL(entry.address.api(of: entry.platform))
        let origin = root.origin
        credential = entry.token.map { token in
            switch entry.platform {
            case .github: .bearer(token, at: origin)
            case .gitlab: HTTP.Credential(header: "PRIVATE-TOKEN", value: token, at: origin)
            case .forgejo, .gitea: HTTP.Credential(header: "authorization", value: "token \(token)", at: origin)
            }
        }
    }

    // MARK: Asking

    /// Asks for what lies under the API's root.
    ///
    /// - Returns: Whatever was answered, but for a refused credential.
    /// - Throws: ``RunFailure``: of the client, or `credential`; `CancellationError`.
    func get(_ segments: [String], _ query: [(name: String, value: String)] = []) async throws -> ForgeAnswer {
        try await get(root.appending(segments, query: query))
    }

    /// Asks for a URL that an answer named; it has to be of the forge itself.
    ///
    /// - Parameter isCached: Whether an answer that was kept may do when the server says that nothing changed.
    func get(_ url: HTTP.URL, isCached: Bool = true) async throws -> ForgeAnswer {
        guard url.origin == root.origin else {
            throw RunFailure(
                "bad_answer", "\(entry.address.key) names a further page on another server, which is not asked",
                retryable: false)
        }
        var request = HTTP.Request(.get, url, headers: headers, credential: credential, budget: budget("core"))
        request.isCached = isCached
        return try await send(request)
    }

    /// Asks GitHub by GraphQL: once, as a query that took too long is to be asked for less.
    func query(_ body: [UInt8]) async throws -> ForgeAnswer {
        var headers = headers
        headers["Content-Type"] = "application/json"
        var request = HTTP.Request(
            .post, try HTTP.URL(entry.address.graphQL), headers: headers, body: body, credential: credential,
            budget: budget("graphql"))
        request.tries = 2
        request.longestWait = ForgeClient.graphQLWait
        return try await send(request)
    }

    private func send(_ request: HTTP.Request) async throws -> ForgeAnswer {
        let sent = clock.now
        let response: HTTP.Response
        do { response = try await http.send(request) } catch let failure as RunFailure {
            // It names the place that the server sent us on to.
            throw entry.withoutToken(failure)
        }
        let elapsed = max(.zero, clock.now.since(sent))
        let answer = ForgeAnswer(
            response, of: entry, told: response.date ?? clock.now, built: min(elapsed, request.timeout))
        calendar.note(answer.told)
        // Without a token it only says that this one thing is not for everybody.
        if answer.status == 401, entry.token != nil { throw answer.failure(of: "anything", entry) }
        return answer
    }

    private var headers: HTTP.Headers {
        guard entry.platform == .github else { return ["Accept": "application/json"] }
        return ["Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"]
    }

    /// GitHub counts REST and GraphQL apart; the others have one limit.
    private func budget(_ resource: String) -> HTTP.Budget {
        HTTP.Budget(
            entry.platform == .github ? resource : "default", concurrency: entry.concurrency,
            requestsPerMinute: entry.requestsPerMinute)
    }

    /// What is left of the forge's limits.
    func allowance(of resource: String = "core") async -> HTTP.Allowance {
        await http.allowance(of: budget(resource), at: root.origin, with: credential)
    }

    /// The forge's time by its latest answer; `nil` before the first.
    var told: Instant? { calendar.now }

    /// The same, with accounts under the names that they have now.
    ///
    /// - Parameter names: By the manifest's name in lower case.
    func calling(_ names: [String: String]) -> ForgeClient {
        var client = self
        client.entry = entry.calling(names)
        return client
    }

    // MARK: Lists

    /// Reads a list page by page, by the forge's own links.
    ///
    /// - Parameters:
    ///   - size: Items on a page, at most; Forgejo and Gitea have 50.
    ///   - add: Takes one page's items.
    /// - Returns: The first answer that is no list: not there, or not to be read; `nil` when all was read.
    /// - Throws: ``RunFailure`` as ``get(_:_:)``, and for what does not end or is no list.
    func pages(
        _ segments: [String], _ query: [(name: String, value: String)] = [], size: Int = pageSize,
        add: ([Value]) throws -> Void
    ) async throws -> ForgeAnswer? {
        // Forgejo's own limit is 50, and it may be set lower.
        let size = hasLimit ? min(50, size) : size
        let sized = query + [(sizeName, String(size))]
        var url = root.appending(segments, query: sized)
        var seen: Set<HTTP.URL> = []
        var known: Set<String> = []
        var (count, barren) = (0, 0)
        while true {
            guard seen.insert(url).inserted, seen.count <= ForgeClient.pageLimit, barren < ForgeClient.barrenLimit
            else {
                throw RunFailure(
                    "bad_answer", "\(entry.withoutToken("\(url)")): the list does not end, after \(seen.count) pages",
                    retryable: false)
            }
            let answer = try await page(url, size: size)
            guard answer.status == 200 else { return answer }
            let items = try answer.list()
            try add(items)
            count += items.count
            var isBarren = true
            for item in items {
                // What has no identity to be known by counts as new; the limit of pages is left for it.
                if item["id"]?.identifier.map({ known.insert($0).inserted }) ?? true { isBarren = false }
            }
            barren = isBarren ? barren + 1 : 0
            if let next = try answer.link("next") {
                url = next
            } else if hasLimit, !items.isEmpty, let total = answer.total, count < total {
                // A Forgejo without links tells how many there are, and its pages are counted from 1.
                url = root.appending(segments, query: sized + [("page", String(seen.count + 1))])
            } else {
                return nil
            }
        }
    }

    /// One page; the last one only if that is sure.
    ///
    /// GitHub says that a page is as it was by a 304 without `Link`. A full one that had no other behind it may have one
    /// since, so it is asked for anew.
    private func page(_ url: HTTP.URL, size: Int) async throws -> ForgeAnswer {
        let answer = try await get(url)
        guard answer.isFromCache, answer.status == 200, try answer.link("next") == nil,
            try answer.list().count >= size
        else { return answer }
        return try await get(url, isCached: false)
    }

    /// How many items a list has, told by its first page of one.
    ///
    /// Asked for anew each time: that one item is as it was says nothing of the others.
    ///
    /// - Returns: The figure; absent with the reason when it may not be read or is not told.
    func count(_ segments: [String], _ query: [(name: String, value: String)] = [], _ what: String) async throws
        -> ForgeFigure
    {
        let answer = try await get(root.appending(segments, query: query + [(sizeName, "1")]), isCached: false)
        guard answer.status == 200 else { return .absent(try answer.reason(of: what, entry)) }
        if entry.platform != .github {
            // Above 10 000 GitLab leaves the total out.
            return answer.total.map { .number(Double($0)) } ?? .absent("the server does not say how many \(what)")
        }
        let items = try answer.list()
        guard let last = try answer.link("last") else {
            if try answer.link("next") != nil { return .absent("the server does not say how many \(what)") }
            return .number(Double(items.count))
        }
        guard last.origin == root.origin, let page = last.number(of: "page"), page > 0, !items.isEmpty else {
            return .absent("the last page of \(what) has no number")
        }
        if items.count == 1 { return .number(Double(page)) }
        // Sent on to another list, which is not asked for pages of one: all but the last one are as full as the first.
        let rest = try await get(last, isCached: false)
        guard rest.status == 200 else { return .absent(try rest.reason(of: what, entry)) }
        return .number(Double((page - 1) * Int64(items.count)) + Double(try rest.list().count))
    }

    /// Whether a page's size goes by `limit`, and its list by a total.
    private var hasLimit: Bool { entry.platform == .forgejo || entry.platform == .gitea }
    private var sizeName: String { hasLimit ? "limit" : "per_page" }
}

extension HTTP.URL {
    /// The whole number that a member of the query has.
    fileprivate func number(of name: String) -> Int64? {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == name { return Value.string(String(parts[1])).lenientCount }
        }
        return nil
    }
}
