internal import HTTPTypes
internal import InsightsPlugin
internal import NIOCore
internal import NIOHTTP1

extension Dispatcher {
    /// Words what a connection's guard refuses, and counts it.
    func words(of rejection: Rejection) -> (HTTPResponseHead, ByteBuffer) {
        let id = RequestID.random()
        let problem = problem(for: rejection)
        let reply = Reply(problem, instance: nil, requestID: id)
        site.metrics.record(method: "other", route: nil, status: reply.status.code, duration: .zero)
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
