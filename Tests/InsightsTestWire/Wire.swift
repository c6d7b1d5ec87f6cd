import Glibc

/// Why a test's own socket failed.
package struct WireError: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// A blocking HTTP/1.1 client on a raw socket, kept alive, so that a test can send what no other client would.
///
/// Every wait ends after ``patience``: a server that never answers fails its test.
package final class Wire: @unchecked Sendable {  // one thread at a time uses it; closed with the last reference
    /// How long a wait may take, in seconds: far more than it takes, as a test may be one of many on a busy machine.
    private static let patience = 120

    private let descriptor: Int32
    private var pending: ArraySlice<UInt8> = []
    private var isAtEnd = false
    /// Whether the other side ended by a reset.
    package private(set) var wasReset = false

    /// Takes over a connected socket.
    package init(descriptor: Int32) {
        self.descriptor = descriptor
        var timeout = timeval(tv_sec: Wire.patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Connects to a port of this machine.
    ///
    /// - Parameter receiveBuffer: The size of the system's buffer, for readers that are to be slow.
    package convenience init(port: Int, receiveBuffer: Int32? = nil) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw WireError(description: "no socket: errno \(errno)") }
        self.init(descriptor: descriptor)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
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

    // MARK: Sending

    package func write(_ text: String) throws { try write(Array(text.utf8)) }

    package func write(_ bytes: [UInt8]) throws {
        let sent = flood(bytes, atMost: bytes.count)
        guard sent == bytes.count else {
            throw WireError(description: "cannot send after \(sent) bytes: errno \(errno)")
        }
    }

    /// Sends the same again and again until the server takes no more.
    ///
    /// - Returns: How many bytes it took.
    package func flood(_ chunk: [UInt8], atMost limit: Int) -> Int {
        var sent = 0
        while sent < limit {
            let count = chunk[(sent % chunk.count)...].withUnsafeBytes { bytes in
                Wire.uninterrupted { Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
            }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    /// Sends a request without reading the answer.
    package func send(_ method: String, _ target: String, _ headers: [String] = [], body: String = "") throws {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: forge.test", "User-Agent: test"] + headers
        if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
        try write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// Sends a request and reads the answer.
    package func request(
        _ method: String, _ target: String, _ headers: [String] = [], body: String = ""
    ) throws -> WireResponse {
        try send(method, target, headers, body: body)
        return try response(to: method)
    }

    /// Closes the writing side.
    package func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    // MARK: Receiving

    /// Whether something has come that was not read yet.
    package var hasAnswer: Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    /// Waits until the server has cut the connection, without reading from it.
    ///
    /// - Throws: When that does not happen in time.
    package func awaitReset() throws {
        var poll = pollfd(fd: descriptor, events: 0, revents: 0)
        guard Wire.uninterrupted({ Int(Glibc.poll(&poll, 1, Int32(Wire.patience) * 1000)) }) == 1,
            poll.revents & Int16(POLLHUP | POLLERR) != 0
        else { throw WireError(description: "the server did not cut the connection") }
    }

    /// Reads one response, as long as its `Content-Length` says; of one to `HEAD` the headers alone.
    package func response(to method: String = "GET") throws -> WireResponse {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            if pending.isEmpty { try refill() }
            head.append(pending.removeFirst())
        }
        var response = try WireResponse(head: head)
        let length = method == "HEAD" ? 0 : Int(response["content-length"] ?? "0") ?? 0
        while response.body.count < length {
            if pending.isEmpty { try refill() }
            let count = min(length - response.body.count, pending.count)
            response.body += pending.prefix(count)
            pending.removeFirst(count)
        }
        return response
    }

    /// Everything that still comes until the server closes, or resets: ``wasReset``.
    ///
    /// - Throws: When it does not close in time.
    package func rest() throws -> [UInt8] {
        var bytes = Array(pending)
        pending = []
        while let more = try receive() { bytes += more }
        return bytes
    }

    private func refill() throws {
        guard let more = try receive() else { throw WireError(description: "the connection ended too early") }
        pending = more
    }

    /// - Returns: `nil` at the end, also of a connection that was reset.
    private func receive() throws -> ArraySlice<UInt8>? {
        if isAtEnd { return nil }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = Wire.uninterrupted { recv(descriptor, &buffer, buffer.count, 0) }
        if count > 0 { return buffer[..<count] }
        if count < 0, errno != ECONNRESET { throw WireError(description: "cannot receive: errno \(errno)") }
        wasReset = count < 0
        isAtEnd = true
        return nil
    }

    /// A call on a socket with a timeout is not begun anew by itself when its process was stopped and goes on.
    ///
    /// - SeeAlso: `signal(7)`, "Interruption of system calls and library functions by stop signals".
    private static func uninterrupted(_ call: () -> Int) -> Int {
        while true {
            let count = call()
            if count >= 0 || errno != EINTR { return count }
        }
    }
}
