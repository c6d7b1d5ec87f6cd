internal import Glibc

/// What is left of a process group after its leader was reaped.
enum ProcessGroup {
    /// Whether a process of the group still runs; reaps those that became children of this process.
    ///
    /// A number that is a living group's is not given to a new process, so `group` names the same processes
    /// as long as this is true.
    static func lives(_ group: pid_t) -> Bool {
        while waitpid(-group, nil, WNOHANG) > 0 {}
        guard kill(-group, 0) == 0 || errno == EPERM else { return false }
        // Dead ones whose parent does not reap them, as an init that is none does not, answer to signals too.
        return hasRunningMember(group) ?? true
    }

    /// Looks through `/proc`; `nil` when there is none.
    private static func hasRunningMember(_ group: pid_t) -> Bool? {
        guard let folder = opendir("/proc") else { return nil }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if pid_t(name) != nil, isRunning(process: name, in: group) { return true }
        }
        return false
    }

    private static func isRunning(process: String, in group: pid_t) -> Bool {
        let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(file, &bytes, bytes.count)
        guard count > 0, let end = bytes[..<count].lastIndex(of: UInt8(ascii: ")")) else { return false }
        // proc_pid_stat(5): after the name in parentheses come state, parent and group.
        let fields = bytes[(end + 1)..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > 2, String(decoding: fields[2], as: UTF8.self) == String(group) else { return false }
        return fields[0] != [UInt8(ascii: "Z")] && fields[0] != [UInt8(ascii: "X")]
    }
}
