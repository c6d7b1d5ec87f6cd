internal import CSpawn
internal import Glibc
internal import InsightsPlugin

/// Everything `posix_spawn` is told of a program.
struct ProgramLaunch: Sendable {
    /// The program and its arguments, as the program sees them.
    let arguments: [String]
    /// Absolute.
    let workingDirectory: String
    /// The program's whole environment.
    let environment: [String: String]
    /// Where the program is looked for.
    let path: String

    /// The program's name, for messages.
    var name: String { arguments.first ?? "" }

    /// Starts the program as the leader of a new process group.
    ///
    /// - Parameters:
    ///   - input: Becomes its descriptor 0; like the others above 2.
    ///   - output: Becomes its descriptor 1.
    ///   - error: Becomes its descriptor 2.
    /// - Returns: The process id, which is the group's as well.
    /// - Throws: ``RunFailure`` as ``ProcessRunner/run(_:onOutput:)`` says.
    func spawn(input: Descriptor, output: Descriptor, error: Descriptor) throws(RunFailure) -> pid_t {
        try check()
        let file = try ProgramLookup.find(name, in: workingDirectory, path: path)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input.number, 0)
        posix_spawn_file_actions_adddup2(&actions, output.number, 1)
        posix_spawn_file_actions_adddup2(&actions, error.number, 2)
        posix_spawn_file_actions_addchdir_np(&actions, workingDirectory)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        ProgramLaunch.prepare(&attributes)
        let variables = environment.map { "\($0.key)=\($0.value)" }.sorted()
        var pid = pid_t()
        let code = withExtendedLifetime((input, output, error)) {
            withCStrings(arguments) { arguments in
                withCStrings(variables) { posix_spawn(&pid, file, &actions, &attributes, arguments, $0) }
            }
        }
        guard code == 0 else { throw failure(code, file) }
        return pid
    }

    /// A group of its own, no blocked signal, and every signal at its default: the daemon ignores SIGPIPE.
    private static func prepare(_ attributes: inout posix_spawnattr_t) {
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = POSIX_SPAWN_SETPGROUP | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))
    }

    /// C strings end at NUL and a variable's name at `=`: what holds them would arrive as something else.
    private func check() throws(RunFailure) {
        func bad(_ message: String) -> RunFailure { RunFailure("bad_command", message, retryable: false) }
        guard !name.isEmpty else { throw bad("a command needs a program to run") }
        if arguments.contains(where: { $0.utf8.contains(0) }) { throw bad("an argument of \"\(name)\" holds NUL") }
        for (key, value) in environment {
            guard !key.isEmpty, !key.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "=") }),
                !value.utf8.contains(0)
            else { throw bad("the variable \"\(key)\" cannot be passed: an empty name, a \"=\" in it, or NUL") }
        }
        var info = stat()
        guard stat(workingDirectory, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
            throw RunFailure(
                "bad_working_directory", "\"\(name)\" cannot start in \"\(workingDirectory)\": there is no such folder",
                retryable: false)
        }
    }

    private func failure(_ code: Int32, _ file: String) -> RunFailure {
        let reason = String(cString: strerror(code))
        return switch code {
        case ENOENT, ENOTDIR:
            RunFailure(
                "command_not_found", "\"\(file)\" is there, but the interpreter that its first line names is not",
                retryable: false)
        case ENOEXEC:
            RunFailure(
                "command_not_permitted", "\"\(file)\" is neither a program nor a script that begins with #!",
                retryable: false)
        case EACCES, EPERM:
            RunFailure("command_not_permitted", "\"\(file)\" cannot be run: \(reason)", retryable: false)
        case E2BIG:
            RunFailure("bad_command", "the arguments of \"\(name)\" are too long for the system", retryable: false)
        default: .notStarted(name, code)
        }
    }
}

/// Calls `body` with a NULL-terminated array of C strings, valid during the call.
private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let pointers = strings.map { strdup($0) }
    defer { pointers.forEach { free($0) } }
    return body(pointers + [nil])
}
