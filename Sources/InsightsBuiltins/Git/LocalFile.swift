internal import Glibc

/// Small files and links of this machine, by plain system calls: a run reads a handful of them.
enum LocalFile {
    /// What a path names.
    enum Kind: Equatable {
        case file
        case folder
        case missing
        /// It may not be looked at.
        case forbidden
    }

    /// What `path` names, links followed.
    static func kind(_ path: String) -> Kind {
        var info = stat()
        guard stat(path, &info) == 0 else { return errno == EACCES || errno == EPERM ? .forbidden : .missing }
        return info.st_mode & S_IFMT == S_IFDIR ? .folder : .file
    }

    /// The contents of a file, at most `limit` bytes of it; `nil` when it cannot be read.
    static func read(_ path: String, limit: Int = 16 << 20) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < limit {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    /// Writes a new file that only its owner can read.
    ///
    /// - Returns: Whether all of it was written.
    static func write(_ path: String, _ text: String) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        let bytes = Array(text.utf8)
        return Glibc.write(file, bytes, bytes.count) == bytes.count
    }

    /// Where a symbolic link leads; `nil` when `path` is none.
    static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    /// Makes a folder and those above it, for its owner alone.
    ///
    /// - Returns: `nil`, or why there is none, for people.
    static func makeFolder(_ path: String) -> String? {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/" + part
            if mkdir(prefix, 0o700) != 0, errno != EEXIST { return "\(prefix): \(String(cString: strerror(errno)))" }
        }
        return kind(path) == .folder ? nil : "\(path) is no folder"
    }

    /// A first line without the white space around it.
    static func firstLine(_ bytes: [UInt8]) -> String {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        let text = String(decoding: line, as: UTF8.self)
        return String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
