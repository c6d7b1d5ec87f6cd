internal import AsyncHTTPClient
internal import Glibc
internal import InsightsPlugin
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOPosix
internal import NIOSSL

/// Why a request had no answer that can be used; in words that say nothing of its query or its credential.
struct WireFailure: Error, Equatable {
    enum Kind: Equatable {
        /// The request never left: it may be sent again whatever it is.
        case notConnected
        /// It may have arrived.
        case broken
        case timedOut
        case untrusted
        case tooLarge
        case malformed
        case refused
    }

    var kind: Kind
    var reason: String

    init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// Whether sending it again can help and does no harm.
    func allowsRepeating(_ request: HTTP.Request) -> Bool {
        kind == .notConnected || (kind == .broken && request.isIdempotent)
    }

    /// As a module meets it.
    func failure(of request: HTTP.Request, at url: HTTP.URL) -> RunFailure {
        let (code, isRetryable): (String, Bool) =
            switch kind {
            case .notConnected, .broken: (HTTP.FailureCode.unreachable, true)
            case .timedOut: (HTTP.FailureCode.timeout, true)
            case .untrusted: (HTTP.FailureCode.tls, false)
            case .tooLarge: (HTTP.FailureCode.tooLarge, false)
            case .malformed: (HTTP.FailureCode.badAnswer, true)
            case .refused: (HTTP.FailureCode.refused, false)
            }
        var hop = request
        hop.url = url
        return hop.failure(code, reason, retryable: isRetryable)
    }
}

// MARK: Reading the errors of the libraries below

extension WireFailure {
    /// What an error of AsyncHTTPClient, SwiftNIO or BoringSSL means.
    init(_ error: any Error, host: String) {
        switch error {
        case let error as WireFailure: self = error
        case let error as HTTPClientError: self = WireFailure.reading(error)
        case let error as NIOConnectionError: self = WireFailure.reading(error, host)
        case let error as IOError: self = WireFailure.reading(error.errnoCode)
        case HTTPParserError.invalidEOFState: self = WireFailure.cutShort
        case is HTTPParserError: self = WireFailure(.malformed, "the answer is not HTTP")
        case NIOHTTPDecompression.DecompressionError.limit:
            self = WireFailure(.tooLarge, "the answer unpacks to more than a program should read")
        case is NIOHTTPDecompression.DecompressionError, is NIOHTTPDecompression.ExtraDecompressionError:
            self = WireFailure(.malformed, "the answer's packing is broken")
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: self = WireFailure.reading(tls: error)
        case ChannelError.connectTimeout: self = WireFailure(.timedOut, "no connection within its time")
        case is ChannelError: self = WireFailure(.broken, "the connection broke")
        default: self = WireFailure(.broken, "the connection broke (\(type(of: error)))")
        }
    }

    private static let cutShort = WireFailure(
        .broken, "the server closed the connection before its answer was whole")

    private static func reading(_ error: HTTPClientError) -> WireFailure {
        switch error {
        case .deadlineExceeded, .readTimeout, .writeTimeout:
            WireFailure(.timedOut, "no whole answer within its time")
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
            WireFailure(.timedOut, "no connection within its time")
        case .remoteConnectionClosed, .uncleanShutdown, .requestStreamCancelled: cutShort
        case .alreadyShutdown: WireFailure(.broken, "the program is ending")
        case .invalidURL, .emptyHost, .emptyScheme: WireFailure(.refused, "the URL cannot be used")
        default: WireFailure(.broken, "the connection broke (\(error.shortDescription))")
        }
    }

    private static func reading(_ error: NIOConnectionError, _ host: String) -> WireFailure {
        if error.connectionErrors.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil {
            return WireFailure(.notConnected, "the name \(host) cannot be resolved")
        }
        for failure in error.connectionErrors {
            if case ChannelError.connectTimeout = failure.error {
                return WireFailure(.timedOut, "no connection within its time")
            }
        }
        let code = error.connectionErrors.lazy.compactMap { ($0.error as? IOError)?.errnoCode }.first
        return WireFailure(.notConnected, code.map { reading($0).reason } ?? "no connection")
    }

    /// Of an address that is known, `connect` fails by itself; what it fails with, no connection that is there does.
    private static func reading(_ code: CInt) -> WireFailure {
        switch code {
        case ECONNREFUSED: WireFailure(.notConnected, "the connection was refused: nothing listens there")
        case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN, EADDRNOTAVAIL:
            WireFailure(.notConnected, "there is no way to it: \(String(cString: strerror(code)))")
        case ECONNRESET, EPIPE: WireFailure(.broken, "the server reset the connection")
        default: WireFailure(.broken, "the connection broke: \(String(cString: strerror(code)))")
        }
    }

    /// A certificate that does not prove the server's name will not do so at once; any other end of a handshake may be
    /// a server that was just restarted.
    private static func reading(tls error: any Error) -> WireFailure {
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("ValidateHostname")
            || text.contains("unableToValidateCertificate") || text.contains("failedToValidate")
        {
            return WireFailure(.untrusted, "its certificate is not trusted: expired, of another name, or self-signed")
        }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            return WireFailure(.untrusted, "the server does not speak TLS at this port")
        }
        return WireFailure(.notConnected, "the TLS handshake failed")
    }
}
