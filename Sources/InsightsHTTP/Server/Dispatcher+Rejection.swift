internal import HTTPTypes
internal import InsightsPlugin
internal import NIOCore
internal import NIOHTTP1

extension Dispatcher {
    /// Words what a connection's guard refuses, counts it, and logs what the operator has to know.
    ///
    /// - Parameter request: The one that it is about, if its headers came.
    func words(of rejection: Rejection, to request: GuardedRequest?) -> (HTTPResponseHead, ByteBuffer) {
        let id = RequestID.choose(request?.head.headers.first(name: HTTPField.Name.requestID.rawName))
        let problem = problem(for: rejection)
        let path = request.map { RequestTarget.path(of: $0.head.uri) }
        let reply = Reply(problem, instance: path, requestID: id)
        let method = request?.head.method.rawValue ?? "other"
        tell(
            reply.status.code, id: id, method: method,
            route: request.flatMap { known(method, $0.head.uri) },
            after: request.map { .nanoseconds((NIODeadline.now() - $0.since).nanoseconds) } ?? .zero)
        note(problem, problem, id: id, path: path)
        var headers = HTTPHeaders()
        for field in head(of: reply, id: id).headerFields { headers.add(name: field.name.rawName, value: field.value) }
        headers.replaceOrAdd(name: "Connection", value: "close")
        let status = HTTPResponseStatus(statusCode: reply.status.code, reasonPhrase: reply.status.reasonPhrase)
        return (HTTPResponseHead(version: .http1_1, status: status, headers: headers), ByteBuffer(string: reply.body))
    }

    private func problem(for rejection: Rejection) -> Problem {
        switch rejection {
        case .headersLate:
            Problem(
                code: .timeout, status: .requestTimeout,
                detail: "the headers did not come within \(limits.headers.inSeconds) seconds")
        case .requestLate:
            Problem(
                code: .timeout, status: .requestTimeout,
                detail: "the request did not come within \(limits.request.inSeconds) seconds")
        case .answerLate:
            Problem(
                code: .timeout, status: .serviceUnavailable,
                detail: "there was no answer within \(limits.request.inSeconds) seconds")
        case .malformed(let detail):
            Problem(code: .malformed, status: .badRequest, detail: "this is no HTTP/1.1 request: \(detail)")
        case .headersTooLarge:
            Problem(
                code: .headersTooLarge, status: .requestHeaderFieldsTooLarge,
                detail: "a header or the request line exceeds \(limits.headerBytes) bytes, or all headers together "
                    + "\(limits.headerListBytes) bytes or \(limits.headerCount) fields")
        case .tooManyConnections:
            Problem(
                code: .busy, status: .serviceUnavailable,
                detail: "there are already \(limits.connections) connections; try again", fields: [.retryAfter: "1"])
        }
    }
}
