import InsightsEngine
import InsightsPlugin

/// Modules that declare one of everything, so that the tests do not depend on what the built-in ones declare.
struct DemoModule: TaskModule {
    var declaration: ModuleDeclaration
    var found: @Sendable (Value) -> [ParameterProblem] = { _ in [] }

    func problems(in parameters: Value) -> [ParameterProblem] { found(parameters) }
    func run(_ context: RunContext) async throws -> String? { nil }
}

enum Demo {
    /// `demo.echo` takes parameters of every type, `demo.command` requires one, `demo.keeper` has wishes of its own.
    static let plugin = Plugin(name: "demo", version: "1", modules: [echo, command, keeper, faulty])

    static let echo = DemoModule(
        declaration: ModuleDeclaration(
            id: "echo", summary: "Says it again.",
            parameters: [
                Parameter("text", .string(), summary: "What to say."),
                Parameter("count", .integer(1...10), default: 3, summary: "How often."),
                Parameter("ratio", .number(0...1), summary: "How much of it."),
                Parameter("loud", .boolean, default: false, summary: "Whether to shout."),
                Parameter("mood", .enumeration(["happy", "sad"]), summary: "How it sounds."),
                Parameter("wait", .string(format: .duration), default: "1m", summary: "How long to wait before."),
                Parameter("at", .string(format: .instant), summary: "When."),
                Parameter("file", .string(format: .path), default: ".", summary: "Where to."),
                Parameter("word", .string(minLength: 2, maxLength: 5, pattern: "^[a-z]+$"), summary: "A word."),
                Parameter("token", .string(maxLength: 12), secret: true, summary: "Who is asking."),
                Parameter(
                    "names", .array(of: Parameter("", .string(), summary: ""), minItems: 1, maxItems: 3),
                    summary: "Of whom."),
                Parameter(
                    "tokens", .array(of: Parameter("", .string(), secret: true, summary: "")), summary: "More of them."),
                Parameter(
                    "options",
                    .object([
                        Parameter("depth", .integer(), required: true, summary: "How deep."),
                        Parameter("label", .string(), default: "none", summary: "A name."),
                        Parameter("pin", .integer(), secret: true, summary: "A number that nobody knows."),
                    ]), summary: "Further wishes."),
                Parameter(
                    "open", .object([Parameter("size", .integer(), summary: "")], additional: true),
                    summary: "Anything more."),
                Parameter("environment", .map(of: Parameter("", .string(), summary: "")), summary: "Names and values."),
                Parameter(
                    "limits", .map(of: Parameter("", .integer(0...9), summary: "")), summary: "Names and numbers."),
                Parameter("anything", .any, summary: "Whatever."),
            ]))

    /// Two equal words are a problem of its own, told at the second.
    static let command = DemoModule(
        declaration: ModuleDeclaration(
            id: "command", summary: "Runs something.",
            parameters: [
                Parameter(
                    "argv", .array(of: Parameter("", .string(), summary: ""), minItems: 1), required: true,
                    examples: [["true"]], summary: "The program and its arguments."),
                Parameter("token", .string(), secret: true, summary: "Who is asking."),
            ]),
        found: { parameters in
            let words = parameters["argv"]?.array ?? []
            if words.first == "leak" {
                return [ParameterProblem(at: [.key("token")], "cannot use \(parameters["token"]?.string ?? "")")]
            }
            if words.first == "lost" {
                return [ParameterProblem(at: [.key("nowhere"), .index(3)], "something is amiss")]
            }
            return words.indices.filter { words[..<$0].contains(words[$0]) }.map {
                ParameterProblem(at: [.key("argv"), .index($0)], "said twice", help: "say it once")
            }
        })

    static let keeper = DemoModule(
        declaration: ModuleDeclaration(
            id: "keeper", summary: "Reads what is soon gone.", retention: .seconds(14 * 86_400), blocking: true,
            timeout: .seconds(300)))

    static let faulty = DemoModule(
        declaration: ModuleDeclaration(
            id: "faulty", summary: "Declares a pattern that is none.",
            parameters: [Parameter("text", .string(pattern: "["), summary: "")]))

    static func registry() throws -> Registry { try Registry([plugin]) }
}
