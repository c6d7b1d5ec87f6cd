internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin

/// An answer that says what went wrong, as RFC 9457 shapes it.
struct Problem: Error {
    /// What a program tells problems by: the last word of `type`.
    enum Code: String, CaseIterable {
        case badRequest = "bad-request"
        case malformed = "malformed-request"
        case unauthorized
        case adminDisabled = "admin-disabled"
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case timeout
        case overlap
        case finished = "run-finished"
        case bodyTooLarge = "body-too-large"
        case headersTooLarge = "headers-too-large"
        case invalidManifest = "invalid-manifest"
        case runsFailed = "runs-failed"
        case store
        case unavailable
        case busy
        case stopping
        case `internal`
    }

    var code: Code
    var status: HTTPResponse.Status
    /// For people: what is wrong here, and the way out.
    var detail: String
    /// Further members, after the standard ones.
    var members: [(String, Value)] = []
    /// Further header fields.
    var fields: HTTPFields = [:]

    /// `{"type","title","status","detail","instance","request_id"}` and what ``members`` adds.
    ///
    /// - Parameter instance: The path that was asked for.
    func json(instance: String?, requestID: String) -> Value {
        var object: ValueObject = [
            "type": .string("urn:insights:problem:" + code.rawValue), "title": .string(status.reasonPhrase),
            "status": .integer(Int64(status.code)), "detail": .string(detail),
        ]
        object["instance"] = instance.map(Value.string)
        object["request_id"] = .string(requestID)
        for (name, value) in members { object[name] = value }
        return .object(object)
    }
}

extension Problem {
    /// A value or a name that the request got wrong.
    static func badParameter(_ name: String, _ message: String) -> Problem {
        Problem(
            code: .badRequest, status: .badRequest, detail: name.isEmpty ? message : "\(name): \(message)",
            members: [("parameter", .string(name))])
    }

    static func notFound(_ detail: String) -> Problem {
        Problem(code: .notFound, status: .notFound, detail: detail)
    }

    /// What the store could not do.
    init(_ error: StoreError) {
        switch error.kind {
        case .unavailable, .alreadyRunning, .leaseLost:
            self.init(
                code: .unavailable, status: .serviceUnavailable, detail: error.description, fields: [.retryAfter: "5"])
        case .damaged, .schemaTooNew:
            self.init(code: .store, status: .internalServerError, detail: error.description)
        case .invalid:
            self.init(code: .badRequest, status: .badRequest, detail: error.description)
        }
    }

    static let bodyTooLarge = Problem(
        code: .bodyTooLarge, status: .contentTooLarge,
        detail: "the body is too large; no route here needs one, and at most 1 MiB is read")

    /// The store takes no writes, so nothing can be started.
    static let storeUnavailable = Problem(
        code: .unavailable, status: .serviceUnavailable,
        detail: "the store takes no writes at the moment, so nothing was started; `/ready` tells why",
        fields: [.retryAfter: "5"])

    static let stopping = Problem(
        code: .stopping, status: .serviceUnavailable, detail: "the server is shutting down and starts nothing new",
        fields: [.retryAfter: "5"])
}
