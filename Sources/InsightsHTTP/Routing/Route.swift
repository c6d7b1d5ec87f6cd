internal import HTTPTypes
internal import InsightsPlugin

/// One route, as data: the router, the check of parameters and the description of the API all follow from it.
struct Route: Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    let method: Method
    /// For example `/api/tasks/{name}`.
    let template: String
    /// The operation's name in the description; unique.
    let id: String
    let summary: String
    let parameters: [ParameterSpec]
    let answers: [Answer]
    let handler: @Sendable (Call) async throws -> Reply
    let segments: [Segment]

    enum Segment: Sendable, Equatable {
        case literal(String)
        case capture(String)
    }

    init(
        _ method: Method, _ template: String, id: String, _ summary: String, parameters: [ParameterSpec] = [],
        answers: [Answer], handler: @escaping @Sendable (Call) async throws -> Reply
    ) {
        self.method = method
        self.template = template
        self.id = id
        self.summary = summary
        self.parameters = parameters
        self.answers = answers
        self.handler = handler
        segments = template.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { word in
            word.hasPrefix("{") ? .capture(String(word.dropFirst().dropLast())) : .literal(String(word))
        }
    }

    var isAdmin: Bool { segments.first == .literal("admin") }

    /// The captured values when the path is this route's; a capture takes no empty segment.
    func match(_ path: [String]) -> [String: String]? {
        guard path.count == segments.count else { return nil }
        var values: [String: String] = [:]
        for (segment, text) in zip(segments, path) {
            switch segment {
            case .literal(let word): if word != text { return nil }
            case .capture(let name):
                if text.isEmpty { return nil }
                values[name] = text
            }
        }
        return values
    }
}

/// One answer that a route can give, for the description.
struct Answer: Sendable {
    let status: HTTPResponse.Status
    let summary: String
    /// By media type; empty for an answer without a described body.
    let content: [(type: String, schema: Value)]
    /// Beside those that every answer has.
    let fields: [Field]

    /// A header field of an answer, by its name.
    enum Field: String, Sendable {
        case allow = "Allow"
        case authenticate = "WWW-Authenticate"
        case location = "Location"
        case retryAfter = "Retry-After"
    }

    init(
        _ status: HTTPResponse.Status, _ summary: String, content: [(type: String, schema: Value)],
        fields: [Field] = []
    ) {
        self.status = status
        self.summary = summary
        self.content = content
        self.fields = fields
    }

    /// A JSON body of this shape.
    init(_ status: HTTPResponse.Status, _ summary: String, _ schema: Value, fields: [Field] = []) {
        self.init(status, summary, content: [(MediaType.json.rawValue, schema)], fields: fields)
    }

    /// A problem, perhaps with members of its own.
    static func problem(
        _ status: HTTPResponse.Status, _ summary: String, _ schema: Schema = .problem, fields: [Field] = []
    ) -> Answer {
        Answer(status, summary, content: [(MediaType.problem.rawValue, schema.reference)], fields: fields)
    }
}

/// Finds the route of a request.
struct Router: Sendable {
    let routes: [Route]

    enum Match {
        case route(Route, [String: String])
        /// The path is known, the method is not: what `Allow` says.
        case wrongMethod(allowed: [String])
        case unknown
    }

    /// - Parameter method: The method's name; `HEAD` is answered wherever `GET` is.
    func match(_ method: String, _ path: [String]) -> Match {
        let wanted = method == "HEAD" ? "GET" : method
        var allowed: [String] = []
        for route in routes {
            guard let values = route.match(path) else { continue }
            if route.method.rawValue == wanted { return .route(route, values) }
            allowed += route.method == .get ? ["GET", "HEAD"] : [route.method.rawValue]
        }
        return allowed.isEmpty ? .unknown : .wrongMethod(allowed: allowed)
    }
}
