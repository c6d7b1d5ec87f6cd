internal import InsightsPlugin

/// GitHub's GraphQL, as far as counters of repositories go.
///
/// - SeeAlso: <https://docs.github.com/graphql>
enum GraphQLAPI {
    /// GitHub takes no more node ids, and answers no more nodes of one kind, in one query.
    static let mostNodes = 100

    static func answer(
        _ request: ForgeRequest, _ caller: ForgeState.Caller, state: inout ForgeState
    ) -> ForgeAnswer {
        guard caller.token != nil else {
            var answer = GitHubAPI.problem(401, "This endpoint requires you to be authenticated.")
            answer.cost = 0
            return answer
        }
        // What is wrong with the text of the request is no secret, but GitHub says no more than that something is.
        guard request.method == "POST", let body = try? Value(json: request.body), let query = body["query"]?.string
        else {
            return GitHubAPI.problem(400, "Problems parsing JSON")
        }
        let document: GraphQLDocument
        do throws(GraphQLError) {
            document = try GraphQLDocument(query, variables: body["variables"]?.object ?? [:])
        } catch {
            return ForgeAnswer(
                status: 200,
                json: ["errors": [["message": .string(error.message), "locations": [place(error.line, error.column)]]]])
        }
        var run = GraphQLRun(document: document, request: request, caller: caller, state: state)
        var answer = run.answer(budget: state.budget(of: caller, .graphql))
        if let most = state.settings.largestGraphQLBatch, run.repositories > most {
            answer = ForgeAnswer(
                status: 502,
                json: [
                    "data": .null,
                    "errors": [
                        [
                            "message":
                                "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug."
                        ]
                    ],
                ])
            // A query that ran into the deadline costs more than one that did not.
            answer.cost = run.cost + 1
            return answer
        }
        answer.cost = run.cost
        return answer
    }

    /// A used-up budget is an answer like any other, but for what it says.
    static func exhausted(_ message: String, _ state: ForgeState) -> ForgeAnswer {
        ForgeAnswer(
            status: 200,
            json: [
                "errors": [
                    [
                        "type": .string(state.settings.limits.graphQLErrorType), "code": "graphql_rate_limit",
                        "message": .string(message),
                    ]
                ]
            ])
    }

    static func place(_ line: Int, _ column: Int) -> Value {
        ["line": .integer(Int64(line)), "column": .integer(Int64(column))]
    }
}

/// One query being answered.
struct GraphQLRun {
    let document: GraphQLDocument
    let request: ForgeRequest
    let caller: ForgeState.Caller
    let state: ForgeState
    private(set) var errors: [Value] = []
    /// How many repositories were asked for, found or not.
    private(set) var repositories = 0
    /// Whether it asks for what is not there: then nothing of it is answered.
    private var isInvalid = false
    /// Lists asked for with `first` or `last`, each of which GitHub counts as one request.
    private var lists = 0
    private var budget: Budget?

    init(document: GraphQLDocument, request: ForgeRequest, caller: ForgeState.Caller, state: ForgeState) {
        self.document = document
        self.request = request
        self.caller = caller
        self.state = state
    }

    /// GitHub's points: a hundredth of the requests that the lists stand for, at least one.
    var cost: Int { max(1, (lists + 50) / 100) }

    mutating func answer(budget: Budget?) -> ForgeAnswer {
        self.budget = budget
        var data: ValueObject? = [:]
        let fields = document.fields(of: document.selection, on: "Query")
        // `rateLimit` tells what the rest of the query costs.
        for field in fields.filter({ $0.name != "rateLimit" }) + fields.filter({ $0.name == "rateLimit" }) {
            guard let value = top(field) else {
                data = nil
                break
            }
            data?[field.key] = value
        }
        var body: ValueObject = [:]
        // An error that concerns the whole query leaves no data.
        if let data, !isInvalid { body["data"] = .object(data) }
        if !errors.isEmpty { body["errors"] = .array(errors) }
        return ForgeAnswer(status: 200, json: .object(body))
    }

    /// - Returns: `nil` when the whole query fails.
    private mutating func top(_ field: GraphQLField) -> Value? {
        switch field.name {
        case "__typename": return "Query"
        case "rateLimit": return rateLimit(field)
        case "viewer":
            let login = Value.string(caller.token?.user ?? "ghost")
            return .object(scalars(field, on: "User") { $0 == "login" ? login : nil })
        case "repository": return repositoryByName(field)
        case "node": return nodes(field, [field.arguments["id"] ?? .null])?.first
        case "nodes":
            let ids = field.arguments["ids"]?.array ?? []
            return nodes(field, ids).map { .array($0) }
        default:
            refuse(field, on: "Query")
            return nil
        }
    }

    private mutating func repositoryByName(_ field: GraphQLField) -> Value {
        repositories += 1
        let owner = field.arguments["owner"]?.string ?? ""
        let name = field.arguments["name"]?.string ?? ""
        let follows = field.arguments["followRenames"]?.bool ?? true
        switch state.find("\(owner)/\(name)") {
        case .here(let repository) where isSeen(repository): return read(repository, field)
        case .moved(let repository) where follows && isSeen(repository): return read(repository, field)
        default:
            fail(
                field, "NOT_FOUND", "Could not resolve to a Repository with the name '\(owner)/\(name)'.",
                path: [.string(field.key)])
            return .null
        }
    }

    private mutating func nodes(_ field: GraphQLField, _ ids: [Value]) -> [Value]? {
        guard ids.count <= GraphQLAPI.mostNodes else {
            fail(
                field, "ARGUMENT_LIMIT",
                "You may not provide more than \(GraphQLAPI.mostNodes) node ids; you provided \(ids.count).",
                path: [.string(field.key)])
            return nil
        }
        return ids.enumerated().map { index, id in
            repositories += 1
            let text = id.string ?? ""
            let found = GitHubAPI.repositoryID(ofNode: text).flatMap { state.repositories[$0] }
            if let found, isSeen(found) { return read(found, field) }
            fail(
                field, "NOT_FOUND", "Could not resolve to a node with the global id of '\(text)'",
                path: field.name == "node" ? [.string(field.key)] : [.string(field.key), .integer(Int64(index))])
            return .null
        }
    }

    private func isSeen(_ repository: ForgeRepository) -> Bool {
        !repository.isPrivate || caller.token?.readsPrivate == true
    }

    private mutating func read(_ repository: ForgeRepository, _ field: GraphQLField) -> Value {
        var object: ValueObject = [:]
        for inner in document.fields(of: field.selection, on: "Repository") {
            if inner.arguments["first"] != nil || inner.arguments["last"] != nil { lists += 1 }
            object[inner.key] = value(of: inner, repository)
        }
        return .object(object)
    }

    private mutating func value(of field: GraphQLField, _ repository: ForgeRepository) -> Value {
        func total(_ count: Int) -> Value {
            .object(scalars(field, on: "Connection") { $0 == "totalCount" ? .integer(Int64(count)) : nil })
        }
        let states = field.arguments["states"].map { $0.array ?? [$0] }
        let isOpen = states.map { $0.contains("OPEN") } ?? true
        switch field.name {
        case "__typename": return "Repository"
        case "id": return .string(GitHubAPI.nodeID(of: repository))
        case "databaseId": return .integer(repository.id)
        case "name": return .string(repository.name)
        case "nameWithOwner": return .string(state.fullName(repository))
        case "url": return .string("\(request.root)/\(state.fullName(repository))")
        case "stargazerCount": return .integer(Int64(repository.stars))
        case "forkCount": return .integer(Int64(repository.forks))
        case "diskUsage": return .integer(Int64(repository.sizeKiB))
        case "isArchived": return .bool(repository.isArchived)
        case "isFork": return .bool(repository.isFork)
        case "isPrivate": return .bool(repository.isPrivate)
        case "createdAt": return .string(repository.createdAt.stamp)
        case "visibility": return repository.isPrivate ? "PRIVATE" : "PUBLIC"
        case "watchers": return total(repository.watchers)
        case "stargazers": return total(repository.stars)
        case "forks": return total(repository.forks)
        case "issues": return total(isOpen ? repository.openIssues : 0)
        case "pullRequests": return total(isOpen ? repository.openPullRequests : 0)
        case "releases":
            let seen = repository.releases.filter { !$0.isDraft || caller.token?.readsTraffic == true }
            return total(seen.count)
        case "defaultBranchRef":
            return .object(scalars(field, on: "Ref") { $0 == "name" ? .string(repository.defaultBranch) : nil })
        case "owner":
            let account = state.accounts[repository.ownerID]
            return .object(
                scalars(field, on: account?.kind == .user ? "User" : "Organization") {
                    switch $0 {
                    case "login": account.map { .string($0.path) }
                    case "databaseId": account.map { .integer($0.id) }
                    default: nil
                    }
                })
        default:
            refuse(field, on: "Repository")
            return .null
        }
    }

    private mutating func rateLimit(_ field: GraphQLField) -> Value {
        guard let budget else { return .null }
        let cost = self.cost
        let nodeCount = repositories
        return .object(
            scalars(field, on: "RateLimit") {
                switch $0 {
                case "cost": .integer(Int64(cost))
                case "limit": .integer(Int64(budget.limit))
                case "used": .integer(Int64(min(budget.limit, budget.used + cost)))
                case "remaining": .integer(Int64(max(0, budget.remaining - cost)))
                case "resetAt": .string(budget.resetsAt.stamp)
                case "nodeCount": .integer(Int64(nodeCount))
                default: nil
                }
            })
    }

    /// The fields of an object that has none but scalars.
    private mutating func scalars(_ field: GraphQLField, on type: String, _ value: (String) -> Value?) -> ValueObject {
        var object: ValueObject = [:]
        for inner in document.fields(of: field.selection, on: type) {
            if let value = value(inner.name) {
                object[inner.key] = value
            } else {
                refuse(inner, on: type)
            }
        }
        return object
    }

    private mutating func refuse(_ field: GraphQLField, on type: String) {
        isInvalid = true
        errors.append([
            "path": ["query", .string(field.key)],
            "extensions": [
                "code": "undefinedField", "typeName": .string(type), "fieldName": .string(field.name),
            ],
            "locations": [GraphQLAPI.place(field.line, field.column)],
            "message": .string("Field '\(field.name)' doesn't exist on type '\(type)'"),
        ])
    }

    private mutating func fail(_ field: GraphQLField, _ type: String, _ message: String, path: [Value] = []) {
        var error: ValueObject = ["type": .string(type)]
        if !path.isEmpty { error["path"] = .array(path) }
        error["locations"] = [GraphQLAPI.place(field.line, field.column)]
        error["message"] = .string(message)
        errors.append(.object(error))
    }
}
