internal import AsyncHTTPClient
internal import InsightsPlugin
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// A whole answer, before anything is made of it.
struct RawAnswer: Sendable {
    var status: Int
    var headers: HTTP.Headers
    var body: [UInt8]
}

/// Collects an answer up to a number of bytes.
final class AnswerCollector: HTTPClientResponseDelegate {
    typealias Response = RawAnswer

    /// Headers that speak of the body as it was on the wire.
    private static let wireHeaders: Set<String> = ["content-length", "content-encoding", "transfer-encoding"]

    private let sizeLimit: Int
    private let hasBody: Bool
    private let answer = Mutex(RawAnswer(status: 0, headers: [:], body: []))
    /// Whether the head tells of no bytes.
    private let isEmpty = Mutex(false)

    /// - Parameter hasBody: Whether the method's answers have one: of `HEAD` the length is another's.
    init(sizeLimit: Int, hasBody: Bool) {
        self.sizeLimit = sizeLimit
        self.hasBody = hasBody
    }

    func didReceiveHead(task: HTTPClient.Task<RawAnswer>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        var headers = HTTP.Headers()
        var isPacked = false
        var length: Int?
        for (name, value) in head.headers {
            let lower = name.lowercased()
            guard AnswerCollector.wireHeaders.contains(lower) else {
                headers.append(name, value)
                continue
            }
            if lower == "content-encoding" { isPacked = true }
            if lower == "content-length" { length = Int(value) }
        }
        isEmpty.withLock { $0 = length == 0 }
        answer.withLock { answer in
            answer.status = Int(head.status.code)
            answer.headers = headers
            if hasBody, !isPacked, let length, length <= sizeLimit { answer.body.reserveCapacity(length) }
        }
        if hasBody, !isPacked, let length, length > sizeLimit { return task.eventLoop.makeFailedFuture(tooLarge) }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<RawAnswer>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let fits = answer.withLock { answer in
            guard answer.body.count + buffer.readableBytes <= sizeLimit else {
                answer.body = []
                return false
            }
            answer.body.append(contentsOf: buffer.readableBytesView)
            return true
        }
        return fits ? task.eventLoop.makeSucceededVoidFuture() : task.eventLoop.makeFailedFuture(tooLarge)
    }

    /// The answer, if its head is there and no body was to follow; of such the unpacking says that it misses one.
    var bodiless: RawAnswer? {
        answer.withLock { answer in
            let ends = !hasBody || answer.status == 204 || answer.status == 304 || isEmpty.withLock { $0 }
            return answer.status != 0 && answer.body.isEmpty && ends ? answer : nil
        }
    }

    func didFinishRequest(task: HTTPClient.Task<RawAnswer>) throws -> RawAnswer { answer.withLock { $0 } }

    private var tooLarge: WireFailure { WireFailure(.tooLarge, "the answer has more than \(sizeLimit) bytes") }
}
