internal import Glibc

/// The files of ``AnswerCache``: mode 0700 and 0600, replaced as a whole.
struct CacheFolder: Sendable {
    /// Why the folder cannot be used, for people.
    struct Problem: Error {
        var text: String
    }

    struct File {
        var name: String
        var size: Int
        /// Nanoseconds since the epoch.
        var usedAt: Int64
    }

    private static let temporary = ".new-"
    private static let block = 4096
    /// No answer is larger: see ``AsyncHTTPAccess/sizeLimit``, and headers.
    private static let fileLimit = 17 << 20

    let path: String

    static func sizeOnDisk(_ bytes: Int) -> Int { (bytes + block - 1) / block * block }

    /// Makes the folder if need be, and looks what is in it; half-written files of a program that died are removed.
    ///
    /// A folder of somebody else's, or one that others may write, is not used: what is read from it becomes numbers.
    func open() -> Result<[File], Problem> {
        if mkdir(path, 0o700) != 0, errno != EEXIST { return .failure(problem("made")) }
        var status = stat()
        guard lstat(path, &status) == 0 else { return .failure(problem("read")) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return .failure(Problem(text: "the HTTP cache \(path) is no folder"))
        }
        guard status.st_uid == geteuid() else {
            return .failure(Problem(text: "the HTTP cache \(path) belongs to another user"))
        }
        if status.st_mode & 0o077 != 0, chmod(path, 0o700) != 0 { return .failure(problem("made private")) }
        guard let folder = opendir(path) else { return .failure(problem("read")) }
        defer { closedir(folder) }
        var files: [File] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard lstat(place(name), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            if name.hasPrefix(CacheFolder.temporary) {
                // Another program's, if it is new.
                if status.st_mtim.tv_sec < time(nil) - 3600 { unlink(place(name)) }
            } else if name.utf8.count == 64 {
                let usedAt = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
                files.append(File(name: name, size: CacheFolder.sizeOnDisk(Int(status.st_size)), usedAt: usedAt))
            }
        }
        return .success(files)
    }

    /// A file's bytes; `nil` when it cannot be read.
    func read(_ name: String) -> [UInt8]? {
        let file = Glibc.open(place(name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size <= CacheFolder.fileLimit else { return nil }
        let size = Int(status.st_size)
        var isWhole = true
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = Glibc.read(file, buffer.baseAddress.map { $0 + count }, size - count)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    isWhole = false
                    return
                }
                count += got
            }
        }
        return isWhole ? bytes : nil
    }

    /// Writes a file as a whole: who reads meanwhile has the old one. A folder that was removed is made anew.
    ///
    /// Not forced to the disk: after a power cut its digest does not match, and it is asked for anew.
    ///
    /// - Returns: Why it could not be written.
    func write(_ bytes: [UInt8], as name: String) -> String? {
        let temporary = place(CacheFolder.temporary + String(UInt64.random(in: 0...UInt64.max), radix: 16))
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        var file = Glibc.open(temporary, flags, 0o600)
        if file < 0, errno == ENOENT, mkdir(path, 0o700) == 0 { file = Glibc.open(temporary, flags, 0o600) }
        guard file >= 0 else { return problem("written").text }
        var written = 0
        while written < bytes.count {
            let put = bytes.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else {
                let text = problem("written").text
                close(file)
                unlink(temporary)
                return text
            }
            written += put
        }
        guard close(file) == 0, rename(temporary, place(name)) == 0 else {
            let text = problem("written").text
            unlink(temporary)
            return text
        }
        return nil
    }

    func remove(_ name: String) { unlink(place(name)) }

    /// Remembers a use across restarts.
    func touch(_ name: String) { _ = utimensat(AT_FDCWD, place(name), nil, AT_SYMLINK_NOFOLLOW) }

    private func place(_ name: String) -> String { path + "/" + name }

    private func problem(_ verb: String) -> Problem {
        Problem(text: "the HTTP cache \(path) cannot be \(verb): \(String(cString: strerror(errno)))")
    }
}
