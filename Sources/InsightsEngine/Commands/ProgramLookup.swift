internal import Glibc
internal import InsightsPlugin

/// Finds the file that a program's name stands for.
enum ProgramLookup {
    /// Where programs are looked for when the host has no `PATH`, as in `execvp(3)`.
    static let defaultPath = "/usr/local/bin:/usr/bin:/bin"

    /// `path` itself when absolute, else below `directory`.
    static func absolute(_ path: String, in directory: String) -> String {
        path.utf8.first == UInt8(ascii: "/") ? path : directory + "/" + path
    }

    /// The absolute path of the program `name`.
    ///
    /// Done here and not by the system, because `posix_spawnp` searches by the daemon's own `PATH`, and goes
    /// on after a file without the run bit as if there were none. An empty entry of `path`, which means the
    /// working directory to a shell, is passed over.
    ///
    /// - Parameters:
    ///   - name: With a `/`: a path, relative ones from `directory`. Without: looked for along `path`.
    ///   - path: Folders, separated by `:`.
    /// - Throws: ``RunFailure`` `command_not_found` or `command_not_permitted`.
    static func find(_ name: String, in directory: String, path: String) throws(RunFailure) -> String {
        if name.utf8.contains(UInt8(ascii: "/")) {
            let file = absolute(name, in: directory)
            switch inspect(file) {
            case .program: return file
            case .missing: throw RunFailure("command_not_found", "there is no file \"\(file)\"", retryable: false)
            case .refused(let reason): throw notPermitted(file, reason)
            }
        }
        var refused: RunFailure?
        for folder in path.split(separator: ":") where !name.isEmpty {
            let file = absolute(String(folder), in: directory) + "/" + name
            switch inspect(file) {
            case .program: return file
            case .missing: continue
            case .refused(let reason): refused = refused ?? notPermitted(file, reason)
            }
        }
        throw refused
            ?? RunFailure(
                "command_not_found",
                "there is no program \"\(name)\" in PATH (\(path)); install it or give its full path",
                retryable: false)
    }

    private enum Finding {
        case program
        case missing
        case refused(String)
    }

    private static func inspect(_ file: String) -> Finding {
        var info = stat()
        guard stat(file, &info) == 0 else {
            return errno == EACCES ? .refused("a folder on the way may not be entered") : .missing
        }
        if info.st_mode & S_IFMT == S_IFDIR { return .refused("it is a folder") }
        guard info.st_mode & S_IFMT == S_IFREG else { return .refused("it is no ordinary file") }
        return access(file, X_OK) == 0 ? .program : .refused("it may not be executed; chmod +x makes it a program")
    }

    private static func notPermitted(_ file: String, _ reason: String) -> RunFailure {
        RunFailure("command_not_permitted", "\"\(file)\" cannot be run: \(reason)", retryable: false)
    }
}
