internal import AsyncHTTPClient
internal import InsightsPlugin
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOSSL
internal import Synchronization

/// AsyncHTTPClient, as far as it is used: one request, one answer.
///
/// Made at the first request, so that a program that asks nobody starts no threads for it. HTTP/1.1 alone: the requests
/// at once are few and counted by budgets, and each connection's failure is then one request's.
final class Wire: Sendable {
    private enum State {
        case unused
        case open(HTTPClient)
        case closed
    }

    private let connectTimeout: Duration
    private let trustRoots: NIOSSLTrustRoots
    private let state = Mutex(State.unused)

    init(connectTimeout: Duration, trustRoots: NIOSSLTrustRoots) {
        self.connectTimeout = connectTimeout
        self.trustRoots = trustRoots
    }

    deinit {
        // A program that ended by an error has nobody left to await this.
        if case .open(let client) = state.withLock({ $0 }) { client.shutdown { _ in } }
    }

    /// Sends a request and collects its answer.
    ///
    /// - Parameter timeout: For the whole answer.
    /// - Throws: ``WireFailure``; `CancellationError`.
    func send(
        _ method: HTTP.Method, _ url: HTTP.URL, headers: HTTP.Headers, body: [UInt8], timeout: Duration, sizeLimit: Int
    ) async throws -> RawAnswer {
        let task: HTTPClient.Task<RawAnswer>
        let collector = AnswerCollector(sizeLimit: sizeLimit, hasBody: method != .head)
        do {
            var fields = HTTPHeaders()
            for field in headers { fields.add(name: field.name, value: field.value) }
            let request = try HTTPClient.Request(
                url: url.text, method: HTTPMethod(rawValue: method.rawValue), headers: fields,
                body: body.isEmpty ? nil : .bytes(body))
            task = try client().execute(
                request: request, delegate: collector, deadline: .now() + .milliseconds(timeout.wholeMilliseconds))
        } catch {
            throw WireFailure(error, host: url.origin.host)
        }
        do {
            return try await withTaskCancellationHandler {
                try await task.get()
            } onCancel: {
                task.cancel()
            }
        } catch {
            if Task.isCancelled { throw CancellationError() }
            if let error = error as? NIOHTTPDecompression.ExtraDecompressionError, error == .truncatedData,
                let answer = collector.bodiless
            {
                return answer
            }
            throw WireFailure(error, host: url.origin.host)
        }
    }

    /// Ends what is on its way, and closes every connection.
    func shutdown() async {
        let client: HTTPClient? = state.withLock { state in
            defer { state = .closed }
            return if case .open(let client) = state { client } else { nil }
        }
        // It can only say that it was ended before.
        try? await client?.shutdown()
    }

    private func client() throws -> HTTPClient {
        try state.withLock { state in
            switch state {
            case .open(let client): return client
            case .closed: throw HTTPClientError.alreadyShutdown
            case .unused:
                let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
                state = .open(client)
                return client
            }
        }
    }

    private var configuration: HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = trustRoots
        var pool = HTTPClient.Configuration.ConnectionPool(idleTimeout: .seconds(50))
        // How many at once is for budgets to say.
        pool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        // Tries are ours to count, on a clock that tests move.
        pool.retryConnectionEstablishment = false
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .milliseconds(connectTimeout.wholeMilliseconds)), connectionPool: pool,
            // Of one packet already a thousandfold may come, before an answer's own limit is looked at.
            decompression: .enabled(limit: .size(AsyncHTTPAccess.sizeLimit)))
        configuration.httpVersion = .http1Only
        return configuration
    }
}
