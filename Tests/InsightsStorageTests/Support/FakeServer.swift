import Dispatch
import Glibc
import InsightsTestWire

/// Something on a port that greets as a PostgreSQL server of a given version does, and takes nothing else: to meet
/// servers that cannot be installed.
///
/// - SeeAlso: <https://www.postgresql.org/docs/current/protocol-message-formats.html>
final class FakeServer: Sendable {
    let port: Int
    private let descriptor: Int32

    init(version: String) throws {
        let (listening, port) = try Loopback.listen()
        (descriptor, self.port) = (listening, port)
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
