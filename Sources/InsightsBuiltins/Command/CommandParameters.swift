internal import InsightsPlugin

/// What stands under `with:` of a `command.run`.
struct CommandParameters {
    static let schema: [Parameter] = [
        Parameter(
            "argv", .array(of: Parameter("", .string(), summary: "The program, then its arguments."), minItems: 1),
            required: true, examples: [["true"]], summary: "The program and its arguments; no shell reads them."),
        Parameter(
            "cwd", .string(minLength: 1, format: .path),
            summary: "The working directory; default: the manifest's folder."),
        Parameter(
            "environment", .map(of: Parameter("", .string(), summary: "The value.")), default: [:],
            summary: "Variables besides PATH HOME LANG LC_ALL TZ TMPDIR of the host; no others are passed on."),
        Parameter("stdin", .string(), default: "", summary: "What the program reads from its standard input."),
        Parameter(
            "samples", .enumeration(["none", "json"]), default: "none",
            summary: "json: each line of standard output is a subject or a sample."),
        Parameter(
            "success", .array(of: Parameter("", .integer(0...255), summary: "An exit code."), minItems: 1),
            default: [0],
            summary: "The exit codes that mean success."),
        Parameter(
            "output_limit", .integer(0...1_048_576), default: 1_048_576, unit: "bytes",
            summary: "How much of the output's beginning, as it comes, and of its end the run's log is given."),
    ]

    let arguments: [String]
    let workingDirectory: String?
    let environment: [String: String]
    let standardInput: String
    let readsSamples: Bool
    let success: Set<Int32>
    /// Bytes.
    let outputLimit: Int

    /// Reads parameters that fit the schema.
    ///
    /// - Throws: ``RunFailure`` `bad_command` without a program, which a host that checks lets nobody meet.
    init(_ parameters: Value) throws(RunFailure) {
        arguments = parameters["argv"]?.array?.compactMap(\.string) ?? []
        guard !arguments.isEmpty else { throw RunFailure("bad_command", "argv names no program", retryable: false) }
        workingDirectory = parameters["cwd"]?.string
        let variables = parameters["environment"]?.object ?? ValueObject()
        environment = Dictionary(variables.compactMap { pair in pair.value.string.map { (pair.key, $0) } }) { $1 }
        standardInput = parameters["stdin"]?.string ?? ""
        readsSamples = parameters["samples"]?.string == "json"
        success = Set(parameters["success"]?.array?.compactMap { $0.integer.map { Int32(clamping: $0) } } ?? [0])
        outputLimit = parameters["output_limit"]?.integer.map { Int($0) } ?? 1 << 20
    }

    /// What is wrong beyond the schema: what no program can be given.
    static func problems(in parameters: Value) -> [ParameterProblem] {
        var problems: [ParameterProblem] = []
        for (index, argument) in (parameters["argv"]?.array ?? []).enumerated() {
            let place: [ParameterProblem.Step] = [.key("argv"), .index(index)]
            if index == 0, argument.string == "" {
                problems.append(ParameterProblem(at: place, "the program's name is empty"))
            } else if argument.string?.utf8.contains(0) == true {
                problems.append(ParameterProblem(at: place, "an argument cannot hold NUL"))
            }
        }
        for (name, value) in parameters["environment"]?.object ?? ValueObject() {
            let place: [ParameterProblem.Step] = [.key("environment"), .key(name)]
            if name.isEmpty || name.utf8.contains(UInt8(ascii: "=")) || name.utf8.contains(0) {
                problems.append(
                    ParameterProblem(at: place, "a variable's name is not empty, and holds no \"=\" and no NUL"))
            } else if value.string?.utf8.contains(0) == true {
                problems.append(ParameterProblem(at: place, "a variable cannot hold NUL"))
            }
        }
        return problems
    }

    /// The program's name, for messages.
    var program: String { arguments[0] }

    /// What is asked of the command runner; the run's own variables win over the manifest's.
    func request(for context: RunContext) -> CommandRequest {
        let own = [
            "INSIGHTS_TASK": context.task, "INSIGHTS_RUN_ID": context.runID,
            "INSIGHTS_SCHEDULED_AT": context.scheduledAt.description, "INSIGHTS_ATTEMPT": String(context.attempt),
        ]
        return CommandRequest(
            arguments, workingDirectory: workingDirectory, environment: environment.merging(own) { $1 },
            standardInput: Array(standardInput.utf8))
    }
}
