private import Glibc
internal import NIOCore
internal import NIOHTTP1

/// One connection: requests in, bytes out. It writes the bytes itself, so that it can also write wrong ones.
final class ForgeConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let forge: Forge
    private let number: Int
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// Requests that came while another was being answered (pipelining).
    private var queue: CircularBuffer<Job> = []
    private var current: Job?

    private struct Job {
        let number: Int
        let request: ForgeRequest
        let keepsAlive: Bool
    }

    init(forge: Forge) {
        self.forge = forge
        number = forge.withState { $0.takeConnection() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part): body += part.readableBytesView
        case .end:
            guard let head else { return }
            let request = ForgeRequest(
                method: head.method.rawValue, target: head.uri,
                headers: head.headers.map { ($0.name.lowercased(), $0.value) }, body: body)
            let arrival = forge.withState { [number] in $0.arrive(request, connection: number) }
            queue.append(Job(number: arrival, request: request, keepsAlive: head.isKeepAlive))
            serveNext(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for job in [current].compactMap({ $0 }) + queue { forge.withState { $0.leave(job.number, nil) } }
        current = nil
        queue = []
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func serveNext(_ context: ChannelHandlerContext) {
        guard current == nil, let job = queue.popFirst() else { return }
        current = job
        let (answer, now) = forge.withState { state in (state.answer(job.request, number: job.number), state.now) }
        guard !answer.delivery.hangs else { return }
        let bytes = answer.bytes(at: now, keepsAlive: job.keepsAlive, hasBody: job.request.method != "HEAD")
        let send = { self.send(bytes[...], of: answer, to: job, context) }
        if answer.delivery.delay > .zero {
            context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(answer.delivery.delay), send)
        } else {
            send()
        }
    }

    private func send(_ bytes: ArraySlice<UInt8>, of answer: ForgeAnswer, to job: Job, _ context: ChannelHandlerContext)
    {
        guard current?.number == job.number else { return }
        let cut = answer.delivery.resetAfter ?? answer.delivery.closeAfter
        var rest = cut.map { bytes.prefix(max(0, $0 - bytes.startIndex)) } ?? bytes
        if let drip = answer.delivery.drip, rest.count > drip.bytes {
            write(rest.prefix(drip.bytes), context)
            rest.removeFirst(drip.bytes)
            let later = rest
            context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(drip.pause)) {
                self.send(later, of: answer, to: job, context)
            }
            return
        }
        // What an answer says is in force from its last byte on; so it is noted before that can be read.
        current = nil
        forge.withState { $0.leave(job.number, answer) }
        let written = write(rest, context)
        if answer.delivery.resetAfter != nil {
            written.assumeIsolated().whenComplete { _ in self.reset(context) }
        } else if answer.endsConnection || !job.keepsAlive {
            written.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        } else {
            serveNext(context)
        }
    }

    @discardableResult
    private func write(_ bytes: ArraySlice<UInt8>, _ context: ChannelHandlerContext) -> EventLoopFuture<Void> {
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)))
    }

    /// Closes so that the other side is told of an error (RST), not of an end: SO_LINGER of 0, socket(7).
    private func reset(_ context: ChannelHandlerContext) {
        guard let options = context.channel as? any SocketOptionProvider else { return context.close(promise: nil) }
        options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }
}
