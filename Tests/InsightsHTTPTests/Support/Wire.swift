import Foundation
import Glibc

/// Why a test's own socket failed.
struct WireError: Error, CustomStringConvertible {
    let description: String
}

/// A blocking client on a raw socket, so that a test can send what no HTTP client would.
///
/// Every call fails after 30 s: a server that never answers fails its test.
final class Wire: @unchecked Sendable {  // one thread at a time uses it; closed with the last reference
    private let descriptor: Int32
    private var pending: ArraySlice<UInt8> = []
    private var isAtEnd = false

    /// - Parameter receiveBuffer: The size of the system's buffer, for readers that are to be slow.
    init(port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw WireError(description: "no socket: errno \(errno)") }
        var timeout = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw WireError(description: "cannot connect: errno \(errno)") }
    }

    deinit { close(descriptor) }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw WireError(description: "cannot send after \(sent) bytes: errno \(errno)") }
            sent += count
        }
    }

    /// Sends until the server takes no more.
    ///
    /// - Returns: How many bytes it took.
    func flood(_ chunk: [UInt8], atMost limit: Int) -> Int {
        var sent = 0
        while sent < limit {
            let count = chunk.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    /// Whether something has come that was not read yet.
    var hasAnswer: Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    /// Waits until the server has cut the connection, without reading from it.
    ///
    /// - Throws: When that does not happen in time.
    func awaitReset() throws {
        var poll = pollfd(fd: descriptor, events: 0, revents: 0)
        guard Glibc.poll(&poll, 1, 30_000) == 1, poll.revents & Int16(POLLHUP | POLLERR) != 0 else {
            throw WireError(description: "the server did not cut the connection")
        }
    }

    /// Closes the writing side.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Reads one response; of one to `HEAD` the headers alone.
    func response(to method: String = "GET") throws -> WireResponse {
        var head: [UInt8] = []
        while !head.ends(with: "\r\n\r\n") { head.append(try byte()) }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        guard let first = lines.first, let status = Int(first.split(separator: " ")[1]) else {
            throw WireError(description: "no status line: \(lines)")
        }
        var response = WireResponse(status: status, fields: [], body: [])
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            response.fields.append((parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces)))
        }
        let length = Int(response["content-length"] ?? "0") ?? 0
        while method != "HEAD", response.body.count < length {
            if pending.isEmpty { pending.append(try byte()) }
            let count = min(length - response.body.count, pending.count)
            response.body += pending.prefix(count)
            pending.removeFirst(count)
        }
        return response
    }

    /// Everything that still comes until the server closes.
    ///
    /// - Throws: When it does not close in time.
    func rest() throws -> [UInt8] {
        var bytes = Array(pending)
        pending = []
        while let more = try receive() { bytes += more }
        return bytes
    }

    private func byte() throws -> UInt8 {
        if pending.isEmpty {
            guard let more = try receive() else { throw WireError(description: "the connection ended too early") }
            pending = more[...]
        }
        return pending.removeFirst()
    }

    /// - Returns: `nil` at the end, also of a connection that was reset.
    private func receive() throws -> [UInt8]? {
        if isAtEnd { return nil }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { return Array(buffer[..<count]) }
        if count < 0, errno != ECONNRESET { throw WireError(description: "cannot receive: errno \(errno)") }
        isAtEnd = true
        return nil
    }
}

extension [UInt8] {
    fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}

/// Runs blocking code on a thread of its own: the cooperative pool is for the server.
func offPool<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: work)) }
    }
}
