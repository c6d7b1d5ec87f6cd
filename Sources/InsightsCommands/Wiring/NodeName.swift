internal import Glibc

/// How a process names itself to the store: unique per start, and telling `serve` from `run`.
enum NodeName {
    /// Ends the name of a process that runs what it was told and takes no requests.
    private static let oneshot = "/run"

    /// A new name, such as `host-1234-5f3a`.
    static func make(isServe: Bool) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        // POSIX does not promise the final NUL of a name that was cut.
        let host = gethostname(&buffer, buffer.count - 1) == 0 ? text(buffer) : "localhost"
        let mark = String(UInt16.random(in: 0x1000...0xFFFF), radix: 16)
        return "\(host)-\(getpid())-\(mark)" + (isServe ? "" : oneshot)
    }

    /// Whether the process of that name is a `serve`.
    static func isServe(_ name: String) -> Bool { !name.hasSuffix(oneshot) }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
