import Dispatch
import Glibc

/// Something on a port that greets as a PostgreSQL server of a given version does, and takes nothing else: to meet
/// servers that cannot be installed.
///
/// - SeeAlso: <https://www.postgresql.org/docs/current/protocol-message-formats.html>
final class FakeServer: Sendable {
    let port: Int
    private let descriptor: Int32

    init(version: String) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7f00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listening = descriptor
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(listening, address, length) == 0, listen(listening, 8) == 0 else { return Int32(-1) }
                return getsockname(listening, address, &length)
            }
        }
        guard code == 0 else { throw Unexpected("no port: \(errno)") }
        port = Int(UInt16(bigEndian: address.sin_port))
        let greeting = FakeServer.greeting(version)
        DispatchQueue(label: "fake server").async {
            while true {
                let client = accept(listening, nil, nil)
                guard client >= 0 else { return }
                var buffer = [UInt8](repeating: 0, count: 4096)
                // The startup packet; with sslmode=disable nothing comes before it.
                if read(client, &buffer, buffer.count) > 0 { _ = write(client, greeting, greeting.count) }
                while read(client, &buffer, buffer.count) > 0 {}
                close(client)
            }
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    private static func greeting(_ version: String) -> [UInt8] {
        func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
            let length = UInt32(body.count + 4).bigEndian
            return [type.asciiValue ?? 0] + withUnsafeBytes(of: length) { Array($0) } + body
        }
        let parameter = Array("server_version".utf8) + [0] + Array(version.utf8) + [0]
        return message("R", [0, 0, 0, 0]) + message("S", parameter) + message("Z", [UInt8(ascii: "I")])
    }
}

/// Runs what blocks on a thread of its own.
func onAThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Swift.Result { try body() }) }
    }
}
