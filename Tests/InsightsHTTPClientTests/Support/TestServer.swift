import Foundation
import InsightsPlugin
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A request as it came over the wire.
struct SeenRequest: Sendable {
    var method: String
    var target: String
    /// In lower case; the last one of a name.
    var headers: [String: String]
    var body: String
}

/// What the server does with a request.
enum Reply: Sendable {
    case answer(Int, [String: String] = [:], String = "")
    /// An answer whose body is these bytes.
    case bytes(Int, [String: String], [UInt8])
    /// As it is, and then the connection is closed.
    case raw(String)
    /// As it is, and nothing more; the connection stays.
    case stall(String)
    /// Closed without a word, by RST.
    case reset
}

/// A small HTTP/1.1 server on 127.0.0.1 that can also do what no server should.
final class TestServer: Sendable {
    let port: Int
    private let channel: any Channel
    private let book: Book

    private final class Book: Sendable {
        let seen = Mutex<[SeenRequest]>([])
        let most = Mutex<(now: Int, most: Int)>((0, 0))
        let closed = Mutex(0)
        let script: @Sendable (SeenRequest, Int) async -> Reply

        init(_ script: @escaping @Sendable (SeenRequest, Int) async -> Reply) { self.script = script }
    }

    /// - Parameters:
    ///   - greeting: Said to each connection before it says anything.
    ///   - script: Asked for each request, with its number from 0.
    init(
        tls: NIOSSLContext? = nil, greeting: String? = nil,
        _ script: @escaping @Sendable (SeenRequest, Int) async -> Reply
    ) async throws {
        let book = Book(script)
        self.book = book
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(Conversation(book, greeting))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    var origin: HTTP.Origin {
        get throws { try HTTP.Origin("http://127.0.0.1:\(port)") }
    }

    func url(_ path: String...) throws -> HTTP.URL { try origin.url(path) }

    var requests: [SeenRequest] { book.seen.withLock { $0 } }
    /// Most requests at once.
    var mostAtOnce: Int { book.most.withLock { $0.most } }
    /// Connections that clients have closed.
    var closedConnections: Int { book.closed.withLock { $0 } }

    func shutdown() async { try? await channel.close() }

    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let book: Book
        private let greeting: String?
        private var pending: [UInt8] = []

        init(_ book: Book, _ greeting: String?) {
            self.book = book
            self.greeting = greeting
        }

        func channelActive(context: ChannelHandlerContext) {
            guard let greeting else { return }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: greeting)), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            pending += unwrapInboundIn(data).readableBytesView
            while let request = takeRequest() { answer(request, context) }
        }

        func channelInactive(context: ChannelHandlerContext) { book.closed.withLock { $0 += 1 } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func takeRequest() -> SeenRequest? {
            let text = String(decoding: pending, as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { return nil }
            let lines = text[..<end.lowerBound].split(separator: "\r\n")
            let first = lines[0].split(separator: " ")
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let pair = line.split(separator: ":", maxSplits: 1)
                headers[pair[0].lowercased()] = String(pair[1].drop { $0 == " " })
            }
            let length = headers["content-length"].flatMap { Int($0) } ?? 0
            let rest = Array(text[end.upperBound...].utf8)
            guard rest.count >= length else { return nil }
            pending = Array(rest.dropFirst(length))
            return SeenRequest(
                method: String(first[0]), target: String(first[1]), headers: headers,
                body: String(decoding: rest.prefix(length), as: UTF8.self))
        }

        private func answer(_ request: SeenRequest, _ context: ChannelHandlerContext) {
            let book = book
            let number = book.seen.withLock { seen in
                seen.append(request)
                return seen.count - 1
            }
            book.most.withLock { count in
                count.now += 1
                count.most = max(count.most, count.now)
            }
            let channel = context.channel
            channel.eventLoop.makeFutureWithTask { await book.script(request, number) }.whenSuccess { reply in
                book.most.withLock { $0.now -= 1 }
                Self.send(reply, to: channel, isHead: request.method == "HEAD")
            }
        }

        private static func send(_ reply: Reply, to channel: any Channel, isHead: Bool) {
            switch reply {
            case .answer(let status, let headers, let body):
                send(.bytes(status, headers, Array(body.utf8)), to: channel, isHead: isHead)
            case .bytes(let status, let headers, let body):
                var head = "HTTP/1.1 \(status) Word\r\n"
                for (name, value) in headers { head += "\(name): \(value)\r\n" }
                if headers["Content-Length"] == nil, status != 304 { head += "Content-Length: \(body.count)\r\n" }
                write(Array((head + "\r\n").utf8) + (isHead ? [] : body), to: channel)
            case .raw(let text):
                channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
            case .stall(let text): write(Array(text.utf8), to: channel)
            case .reset:
                guard let provider = channel as? any SocketOptionProvider else { return }
                provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
            }
        }

        private static func write(_ bytes: [UInt8], to channel: any Channel) {
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        }
    }
}

/// A gate that requests wait at until it is opened.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// A port that is taken, so that no other test gets it, and at which nothing listens.
final class DeafPort: Sendable {
    let number: Int
    private let socket: CInt

    init() throws {
        socket = Foundation.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = socket
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, size) == 0 && getsockname(descriptor, address, &size) == 0
            }
        }
        number = Int(UInt16(bigEndian: address.sin_port))
        guard isBound else { throw CocoaError(.fileReadUnknown) }
    }

    deinit { close(socket) }
}
