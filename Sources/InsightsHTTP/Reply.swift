internal import HTTPTypes
internal import InsightsPlugin

/// An answer, before it is written.
struct Reply: Sendable {
    var status: HTTPResponse.Status
    var fields: HTTPFields
    var body: String

    init(status: HTTPResponse.Status = .ok, type: MediaType, fields: HTTPFields = [:], body: String) {
        self.status = status
        self.fields = fields
        self.fields[.contentType] = type.rawValue
        self.body = body
    }

    /// A JSON answer.
    static func json(_ value: Value, status: HTTPResponse.Status = .ok, fields: HTTPFields = [:]) -> Reply {
        Reply(status: status, type: .json, fields: fields, body: value.json)
    }

    /// The problem, as `application/problem+json`.
    init(_ problem: Problem, instance: String?, requestID: String) {
        self.init(
            status: problem.status, type: .problem, fields: problem.fields,
            body: problem.json(instance: instance, requestID: requestID).json)
    }
}

/// What a body is.
enum MediaType: String, Sendable {
    case json = "application/json"
    case problem = "application/problem+json"
    case lines = "application/x-ndjson"
    case html = "text/html; charset=utf-8"
    case openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    case prometheus = "text/plain; version=0.0.4; charset=utf-8"

    /// Without its parameters.
    var essence: String { String(rawValue.prefix { $0 != ";" }) }
}

extension HTTPField.Name {
    /// Every answer carries one; a sane one of the client's is kept.
    static let requestID = HTTPField.Name(known: "X-Request-ID")
    static let contentTypeOptions = HTTPField.Name(known: "X-Content-Type-Options")
    static let referrerPolicy = HTTPField.Name(known: "Referrer-Policy")

    /// A name that is written here and known to be a token.
    private init(known name: String) {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is no header's name") }
        self = field
    }
}
