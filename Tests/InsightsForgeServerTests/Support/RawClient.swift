import Foundation
import Glibc
import InsightsForgeServer
import InsightsPlugin

/// Why a test's own socket failed.
struct RawError: Error, CustomStringConvertible {
    let description: String
}

/// An answer as it came over the wire.
struct RawAnswer: Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The body as JSON; `null` when it is none.
    var json: Value { (try? Value(json: body)) ?? .null }

    /// The address of `Link`'s relation.
    func link(_ relation: String) -> String? {
        (self["link"] ?? "").split(separator: ",").first { $0.contains("rel=\"\(relation)\"") }
            .map { String($0.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" }) }
    }
}

/// A blocking HTTP/1.1 client on a raw socket, kept alive; every wait ends after 20 s.
final class RawClient: @unchecked Sendable {  // one thread at a time uses it
    private let descriptor: Int32
    private var pending: ArraySlice<UInt8> = []

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw RawError(description: "cannot connect: errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// Sends a request without reading the answer.
    func send(_ method: String, _ target: String, _ headers: [String] = [], body: String = "") throws {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: forge.test", "User-Agent: test"] + headers
        if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
        try send(bytes: Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8))
    }

    /// Sends whatever it is given.
    func send(bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw RawError(description: "cannot send: errno \(errno)")
        }
    }

    /// Sends a request and reads the answer.
    func request(
        _ method: String, _ target: String, _ headers: [String] = [], body: String = ""
    ) throws -> RawAnswer {
        try send(method, target, headers, body: body)
        return try answer(hasBody: method != "HEAD")
    }

    /// Reads one answer, as long as its `Content-Length` says.
    func answer(hasBody: Bool = true) throws -> RawAnswer {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) { head.append(try byte()) }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var answer = RawAnswer(status: Int(lines[0].split(separator: " ")[1]) ?? 0, headers: [], body: [])
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            answer.headers.append((parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces)))
        }
        let length = hasBody ? Int(answer["content-length"] ?? "0") ?? 0 : 0
        while answer.body.count < length {
            if pending.isEmpty { try receive() }
            let count = min(length - answer.body.count, pending.count)
            answer.body += pending.prefix(count)
            pending.removeFirst(count)
        }
        return answer
    }

    /// Everything that still comes, and how it ended: `true` for a reset.
    func rest() -> (bytes: [UInt8], wasReset: Bool) {
        var bytes = Array(pending)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = receive(&buffer)
            guard count > 0 else { return (bytes, count < 0 && errno == ECONNRESET) }
            bytes += buffer[..<count]
        }
    }

    /// A socket with a timeout is interrupted when its process is stopped and goes on: signal(7).
    private func receive(_ buffer: inout [UInt8]) -> Int {
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count >= 0 || errno != EINTR { return count }
        }
    }

    private func byte() throws -> UInt8 {
        if pending.isEmpty { try receive() }
        return pending.removeFirst()
    }

    private func receive() throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = receive(&buffer)
        guard count > 0 else { throw RawError(description: "the connection ended: \(count), errno \(errno)") }
        pending = buffer[..<count]
    }
}

/// Runs blocking code on a thread of its own: the cooperative pool is for the tests.
///
/// It stays part of the calling task, so that what it expects is told of the right test.
func offPool<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(ThreadPerJob()) { try work() }
}

private final class ThreadPerJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        Thread.detachNewThread { job.runSynchronously(on: executor) }
    }
}

/// Runs blocking `work` against a server for `forge`, with a connection to it.
func withClient<Result: Sendable>(
    _ forge: Forge, _ work: @escaping @Sendable (RawClient) throws -> Result
) async throws -> Result {
    try await ForgeServer.run(forge) { server in
        let port = server.port
        return try await offPool { try work(RawClient(port: port)) }
    }
}
