internal import InsightsEngine
internal import InsightsPlugin

/// The HTTP client of one attempt: what is sent when, where it leads, and what is made of the answer.
struct AttemptClient: HTTP.Client {
    /// An answer, where it came from, and what it says about limits.
    private struct Arrival {
        var answer: RawAnswer
        var url: HTTP.URL
        var reading: LimitReading
    }

    /// A failure on the way, and where it was met.
    private struct Lost: Error {
        var failure: WireFailure
        var url: HTTP.URL
    }

    private static let redirectLimit = 5
    /// A server that says "later" so often to one request means "no".
    private static let refusalLimit = 10

    let access: AsyncHTTPAccess
    let run: RunID
    let deadline: Instant
    let onWait: @Sendable (String?) -> Void

    func allowance(
        of budget: HTTP.Budget, at origin: HTTP.Origin, with credential: HTTP.Credential?
    ) async -> HTTP.Allowance {
        access.budgets.allowance(
            LaneKey(origin: origin, credential: CredentialDigest.full(credential)), budget.resource)
    }

    func send(_ request: HTTP.Request) async throws -> HTTP.Response {
        try Task.checkCancellation()
        if let refusal = request.refusal { throw refusal }
        let credential = CredentialDigest.full(request.credential)
        let cacheKey = cacheKey(of: request, credential)
        var kept: KeptAnswer?
        if let cacheKey { kept = await access.cache?.answer(for: cacheKey) }
        var (tries, refusals) = (0, 0)
        while true {
            tries += 1
            let arrival: Arrival
            do {
                arrival = try await follow(request, credential, kept)
            } catch let lost as Lost {
                if lost.failure.allowsRepeating(request), tries < request.tries, try await waits(after: tries) {
                    continue
                }
                throw lost.failure.failure(of: request, at: lost.url)
            }
            if arrival.reading.refusal == .limit {
                refusals += 1
                tries -= 1
                guard refusals < AttemptClient.refusalLimit else { throw limited(request, refusals) }
                continue
            }
            if [502, 503, 504].contains(arrival.answer.status), request.isIdempotent, tries < request.tries,
                try await waits(after: tries)
            {
                continue
            }
            return await response(to: request, arrival, kept, cacheKey)
        }
    }

    // MARK: One try

    /// Sends a request and follows where it is sent on to.
    private func follow(_ request: HTTP.Request, _ credential: String, _ kept: KeptAnswer?) async throws -> Arrival {
        var hop = request
        var seen: Set<HTTP.URL> = [request.url]
        var left = request.timeout
        while true {
            let arrival = try await exchange(hop, credential, kept, &left)
            guard [301, 302, 303, 307, 308].contains(arrival.answer.status),
                let location = arrival.answer.headers.values(of: "location").first
            else { return arrival }
            let isReading = hop.method == .get || hop.method == .head
            // What is to be changed by a 301 or 302 is the module's to decide: clients differ (RFC 9110, 15.4).
            if !isReading, [301, 302].contains(arrival.answer.status) { return arrival }
            if !isReading, arrival.answer.status == 303 {
                hop.method = .get
                hop.body = []
            }
            hop.url = try target(location, of: hop)
            guard seen.insert(hop.url).inserted else { throw astray(hop, "it is sent on in a circle") }
            guard seen.count <= AttemptClient.redirectLimit + 1 else {
                throw astray(hop, "it is sent on more than \(AttemptClient.redirectLimit) times")
            }
        }
    }

    private func target(_ location: String, of hop: HTTP.Request) throws -> HTTP.URL {
        let target: HTTP.URL
        do throws(RunFailure) {
            target = try hop.url.resolving(location)
        } catch {
            throw astray(hop, "it is sent on to what is no URL")
        }
        guard target.origin == hop.url.origin else {
            throw astray(hop, "it is sent on to \(target.origin), and no request leaves its scheme, host and port")
        }
        return target
    }

    /// Waits for the budget, sends, and tells the budget what came of it.
    private func exchange(
        _ hop: HTTP.Request, _ credential: String, _ kept: KeptAnswer?, _ left: inout Duration
    ) async throws -> Arrival {
        let ticket = try await ticket(for: hop, credential)
        var reading: LimitReading?
        defer { access.budgets.finish(ticket, reading) }
        let start = access.clock.moment
        let timeout = min(left, deadline.since(start.wall), .seconds(86_400))
        guard timeout > .zero else { throw Lost(failure: WireFailure(.timedOut, "no time is left"), url: hop.url) }
        let answer: RawAnswer
        do {
            answer = try await access.wire.send(
                hop.method, hop.url, headers: headers(of: hop, kept), body: hop.body, timeout: timeout,
                sizeLimit: min(hop.sizeLimit, AsyncHTTPAccess.sizeLimit))
        } catch let failure as WireFailure {
            throw Lost(failure: failure, url: hop.url)
        }
        let now = access.clock.moment
        left -= .milliseconds(now.uptime - start.uptime)
        let told = LimitReading(status: answer.status, headers: answer.headers, body: answer.body, now: now.wall)
        reading = told
        return Arrival(answer: answer, url: hop.url, reading: told)
    }

    private func ticket(for hop: HTTP.Request, _ credential: String) async throws -> Budgets.Ticket {
        let key = LaneKey(origin: hop.url.origin, credential: credential)
        let patience = hop.longestWait.map { access.clock.now.advanced(by: min($0, .seconds(86_400))) }
        do {
            return try await access.budgets.enter(
                key, hop.budget, run: run, deadline: min(deadline, patience ?? deadline), onWait: onWait)
        } catch let held as HeldTooLong {
            let reason = held.until > deadline ? "after this attempt's deadline" : "longer than it is to wait"
            throw hop.failure(
                HTTP.FailureCode.rateLimited,
                "\(hop.url.origin.authority) is at its limit (\(hop.budget.resource)) until \(held.until), \(reason)",
                retryable: true, retryAt: held.until)
        }
    }

    private func headers(of hop: HTTP.Request, _ kept: KeptAnswer?) -> HTTP.Headers {
        var headers = hop.headers
        if headers["user-agent"] == nil { headers.append("User-Agent", access.userAgent) }
        headers.append("Accept-Encoding", "gzip")
        if let credential = hop.credential { headers.append(credential.header, credential.value) }
        for question in kept?.questions ?? [:] { headers.append(question.name, question.value) }
        return headers
    }

    // MARK: What comes of it

    private func response(
        to request: HTTP.Request, _ arrival: Arrival, _ kept: KeptAnswer?, _ cacheKey: String?
    ) async -> HTTP.Response {
        var response = HTTP.Response(
            status: arrival.answer.status, headers: arrival.answer.headers, body: arrival.answer.body,
            url: arrival.url, depthLimit: request.depthLimit)
        if let kept, arrival.answer.status == 304 {
            response.status = 200
            response.headers = kept.headers(freshenedBy: arrival.answer.headers)
            response.body = kept.body
            response.isFromCache = true
        } else if let cacheKey, let cache = access.cache,
            let answer = KeptAnswer(
                status: response.status, headers: response.headers, body: response.body,
                credential: request.credential)
        {
            await cache.keep(answer, for: cacheKey)
        }
        return response
    }

    /// Where an answer is kept; `nil` where none is.
    ///
    /// All headers that the module set are part of it: what the answer depends on is theirs to say.
    private func cacheKey(of request: HTTP.Request, _ credential: String) -> String? {
        guard request.isCached, request.method == .get, request.headers["if-none-match"] == nil,
            request.headers["if-modified-since"] == nil, request.headers["range"] == nil
        else { return nil }
        let headers = request.headers.map { "\($0.name.lowercased()):\($0.value)" }.sorted()
        return CredentialDigest.digest(["answer", credential, request.url.text] + headers)
    }

    /// Waits before another try.
    ///
    /// - Returns: Whether the attempt lasts that long.
    private func waits(after tries: Int) async throws -> Bool {
        var random = SystemRandomNumberGenerator()
        let delay = RetryDelay.delay(after: tries, using: &random)
        guard access.clock.now.advanced(by: delay) < deadline else { return false }
        try await access.clock.sleep(for: delay)
        return true
    }

    private func limited(_ request: HTTP.Request, _ refusals: Int) -> RunFailure {
        let budget = LaneKey(origin: request.url.origin, credential: CredentialDigest.full(request.credential))
        let until = access.budgets.allowance(budget, request.budget.resource).pausedUntil
        return request.failure(
            HTTP.FailureCode.rateLimited,
            "\(request.url.origin.authority) refused it \(refusals) times for a limit, whatever was waited",
            retryable: true, retryAt: until)
    }

    private func astray(_ hop: HTTP.Request, _ reason: String) -> RunFailure {
        hop.failure(HTTP.FailureCode.redirect, reason, retryable: false)
    }
}
