import InsightsPlugin
import InsightsTesting
import Synchronization

@testable import InsightsForgeServer

/// A client that asks the simulated forge without a socket: for months of collecting in a moment.
///
/// It does what hosts do: conditional requests with a cache of its own, redirects within the origin, and a limit as a
/// failure that says when to come again. It waits for nothing.
final class DirectForge: HTTP.Client {
    private struct Kept {
        var tag: String
        var headers: HTTP.Headers
        var body: [UInt8]
    }

    typealias Fault = @Sendable (HTTP.Request) throws -> ScriptedHTTP.Answer?

    let forge: Forge
    private let kept = Mutex<[String: Kept]>([:])
    private let fault = Mutex<Fault?>(nil)

    init(_ forge: Forge) { self.forge = forge }

    /// Answers in the forge's place, or throws, until it is set anew; `nil` of the closure lets the forge answer.
    func meddle(_ fault: Fault?) { self.fault.withLock { $0 = fault } }

    func allowance(
        of budget: HTTP.Budget, at origin: HTTP.Origin, with credential: HTTP.Credential?
    ) async -> HTTP.Allowance { HTTP.Allowance() }

    func send(_ request: HTTP.Request) async throws -> HTTP.Response {
        try Task.checkCancellation()
        if let refusal = request.refusal { throw refusal }
        if let meddled = try fault.withLock({ $0 })?(request) {
            return HTTP.Response(
                status: meddled.status, headers: meddled.headers, body: meddled.body, url: request.url,
                depthLimit: request.depthLimit)
        }
        var url = request.url
        for _ in 0..<6 {
            let response = try ask(request, url)
            guard (301...308).contains(response.status), response.status != 304,
                let target = response.headers["location"]
            else { return response }
            url = try url.resolving(target)
            guard url.origin == request.url.origin else { break }
        }
        throw request.failure(HTTP.FailureCode.redirect, "redirects that lead nowhere", retryable: false)
    }

    private func ask(_ request: HTTP.Request, _ url: HTTP.URL) throws -> HTTP.Response {
        let key = "\(request.credential.map { $0.value } ?? "") \(url.text)"
        var headers = request.headers.map { ($0.name.lowercased(), $0.value) }
        headers += [("host", url.origin.authority), ("user-agent", "insights-tests")]
        if let credential = request.credential { headers.append((credential.header, credential.value)) }
        let known = request.isCached ? kept.withLock { $0[key] } : nil
        if let known { headers.append(("if-none-match", known.tag)) }
        let target = url.path + (url.query.map { "?" + $0 } ?? "")
        let sent = ForgeRequest(
            method: request.method.rawValue, target: target, headers: headers, body: request.body)
        let (answer, now) = forge.withState { state in
            let number = state.arrive(sent, connection: 0)
            let answer = state.answer(sent, number: number)
            state.leave(number, answer)
            return (answer, state.now)
        }
        var fields = HTTP.Headers(answer.headers.map { HTTP.Headers.Field($0.name, $0.value) })
        fields["date"] = now.httpDate
        if answer.status == 304, let known {
            // The newer answer's own headers count, its date among them (RFC 9111, 3.2).
            var merged = known.headers
            for field in fields { merged[field.name] = field.value }
            return HTTP.Response(status: 200, headers: merged, body: known.body, url: url, isFromCache: true)
        }
        if let limit = DirectForge.limit(answer, fields, now, request) { throw limit }
        if answer.status == 200, request.isCached, let tag = fields["etag"] {
            kept.withLock { $0[key] = Kept(tag: tag, headers: fields, body: answer.body) }
        }
        return HTTP.Response(
            status: answer.status, headers: fields, body: answer.body, url: url, depthLimit: request.depthLimit)
    }

    private static func limit(
        _ answer: ForgeAnswer, _ headers: HTTP.Headers, _ now: Instant, _ request: HTTP.Request
    ) -> RunFailure? {
        guard answer.status == 429 || answer.status == 403 else { return nil }
        let reset = headers["x-ratelimit-reset"].flatMap { Int64($0) }.map(Instant.init(seconds:))
        let isUsedUp = headers["x-ratelimit-remaining"] == "0"
        guard answer.status == 429 || isUsedUp || headers["retry-after"] != nil else { return nil }
        return request.failure(
            HTTP.FailureCode.rateLimited, "the limit is used up", retryable: true,
            retryAt: isUsedUp ? reset : now.advanced(by: .seconds(60)))
    }
}
