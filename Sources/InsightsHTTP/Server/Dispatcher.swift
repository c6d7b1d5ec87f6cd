internal import HTTPTypes
internal import HummingbirdCore
internal import InsightsEngine
internal import InsightsPlugin
internal import Logging
internal import NIOCore

/// A request as the server hands it over; the engine has a `Request` of its own.
typealias Incoming = HummingbirdCore.Request

/// Answers requests: authenticates, finds the route, checks its parameters, lets its handler answer.
struct Dispatcher: Sendable {
    let router: Router
    let daemon: any Daemon
    let gate: AdminGate
    let site: Site
    let limits: HTTPLimits
    let logger: Logger
    /// The wall clock, for `Date`.
    let now: @Sendable () -> Instant

    /// Reads one request and writes its answer.
    ///
    /// - Throws: When the connection is gone.
    func respond(to request: Incoming, writer: consuming ResponseWriter, channel: any Channel) async throws {
        let start = ContinuousClock.now
        let id = RequestID.choose(request.headers[.requestID])
        let turn = Turn()
        channel.triggerUserOutboundEvent(turn, promise: nil)
        let (route, reply) = await answer(request, id: id, channel: channel, writer: writer)
        // What the guard has answered, it has counted.
        if !turn.isCut {
            tell(
                reply.status.code, id: id, method: request.method.rawValue, route: route,
                after: ContinuousClock.now - start)
        }
        let head = head(of: reply, id: id)
        guard request.method != .head, !reply.body.isEmpty else { return try await writer.writeResponse(head) }
        try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(string: reply.body)))
    }

    /// Counts an answer, and logs it for those who look closely.
    func tell(_ status: Int, id: String, method: String, route: Route?, after duration: Duration) {
        site.metrics.record(method: method, route: route?.template, status: status, duration: duration)
        logger.debug(
            "answered",
            metadata: [
                "request_id": .string(id), "method": .string(method), "route": .string(route?.template ?? "other"),
                "status": .stringConvertible(status), "duration_seconds": .stringConvertible(duration.inSeconds),
            ])
    }

    /// The headers that every answer has, and the answer's own.
    func head(of reply: Reply, id: String) -> HTTPResponse {
        var fields = reply.fields
        fields[.requestID] = id
        fields[.date] = now().httpDate
        fields[.contentLength] = String(reply.body.utf8.count)
        fields[.contentTypeOptions] = "nosniff"
        if !fields.contains(.cacheControl) { fields[.cacheControl] = "no-store" }
        return HTTPResponse(status: reply.status, headerFields: fields)
    }

    /// The answer, and the route that gave it, if one did.
    private func answer(
        _ request: Incoming, id: String, channel: any Channel, writer: borrowing ResponseWriter
    ) async -> (Route?, Reply) {
        var route: Route?
        let text = request.head.path ?? ""
        let path = RequestTarget.path(of: text)
        do {
            if RequestTarget.isAdmin(text),
                let refusal = try await gate.refusal(of: request.headers, from: channel.remoteAddress)
            {
                return (known(request.method.rawValue, text), Reply(refusal, instance: path, requestID: id))
            }
            let target = try RequestTarget(text)
            let match = router.match(request.method.rawValue, target.segments)
            guard case .route(let found, let captures) = match else { throw refusal(match, request) }
            route = found
            try await drain(request, writer: writer)
            var logger = logger
            logger[metadataKey: "request_id"] = .string(id)
            let call = try Call(
                route: found, captures: captures, query: target.query(), daemon: daemon, site: site, logger: logger,
                accept: request.headers[.accept], patience: Patience(channel))
            return (found, try await found.handler(call))
        } catch {
            let problem = problem(for: error)
            note(problem, error, id: id, path: path)
            return (route, Reply(problem, instance: path, requestID: id))
        }
    }

    /// The route as a bounded label, also of a request that was refused before it was looked at.
    func known(_ method: String, _ target: String) -> Route? {
        guard let target = try? RequestTarget(target),  // a malformed one has no route
            case .route(let route, _) = router.match(method, target.segments)
        else { return nil }
        return route
    }

    private func refusal(_ match: Router.Match, _ request: Incoming) -> Problem {
        if case .wrongMethod(let allowed) = match {
            return Problem(
                code: .methodNotAllowed, status: .methodNotAllowed,
                detail: "this path does not take \(request.method.rawValue)",
                fields: [.allow: allowed.joined(separator: ", ")])
        }
        return .notFound("there is nothing at this path; /openapi.json describes what there is")
    }

    /// Reads the body and drops it: no route takes one.
    ///
    /// - Throws: ``Problem`` 413 as soon as it is known to be too large; nothing is read on then.
    private func drain(_ request: Incoming, writer: borrowing ResponseWriter) async throws {
        guard announcedLength(of: request) <= limits.body else { throw Problem.bodyTooLarge }
        if request.headers[.expect]?.lowercased() == "100-continue" {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        var length = 0
        for try await part in request.body {
            length += part.readableBytes
            guard length <= limits.body else { throw Problem.bodyTooLarge }
        }
    }

    private func announcedLength(of request: Incoming) -> Int {
        request.headers[.contentLength].map { Int($0) ?? .max } ?? 0
    }

    private func problem(for error: any Error) -> Problem {
        switch error {
        case let problem as Problem: problem
        case let error as RequestTarget.Malformed:
            Problem(code: .malformed, status: .badRequest, detail: error.detail)
        case let error as StoreError: Problem(error)
        case is CancellationError: .stopping
        default:
            Problem(
                code: .internal, status: .internalServerError,
                detail: "something went wrong here; the log has it under this request_id")
        }
    }

    /// Logs what the operator has to know, once; what clients get wrong is their own affair.
    func note(_ problem: Problem, _ error: any Error, id: String, path: String?) {
        let isForOperator = ![.stopping, .runsFailed, .busy].contains(problem.code)
        guard problem.status.code >= 500, isForOperator else { return }
        logger.error(
            "a request failed",
            metadata: [
                "request_id": .string(id), "path": .string(path ?? ""),
                "status": .stringConvertible(problem.status.code),
                "error": .string(error is Problem ? problem.detail : String(describing: error)),
            ])
    }
}
