public import InsightsPlugin

/// The exam that every task module has to pass, ours too: what it declares, and how it runs and ends.
///
/// ```swift
/// let points = await ModuleExam(MyModule()) { RecordingHost($0) }.points()
/// #expect(points.filter { !$0.passed } == [])
/// ```
public struct ModuleExam: Sendable {
    /// One point of the exam.
    public struct Point: Hashable, Sendable {
        /// What is asked for.
        public var name: String
        /// Whether it holds.
        public var passed: Bool
        /// Why not; empty when it does.
        public var detail: String
    }

    private let module: any TaskModule
    private let parameters: Value
    private let makeHost: @Sendable (ModuleDeclaration) -> RecordingHost

    /// Creates an exam.
    ///
    /// - Parameters:
    ///   - module: The module.
    ///   - parameters: What it is run with; by default the first example of each parameter that has one. The
    ///     rest are defaults.
    ///   - makeHost: Makes the host of one run, with the commands and clock that the module needs.
    public init(
        _ module: any TaskModule, with parameters: Value? = nil,
        host makeHost: @escaping @Sendable (ModuleDeclaration) -> RecordingHost
    ) {
        self.module = module
        self.makeHost = makeHost
        let examples = module.declaration.parameters.compactMap { parameter in
            parameter.examples.first.map { (parameter.name, $0) }
        }
        self.parameters = parameters ?? .object(ValueObject(examples))
    }

    /// Sits the exam, point by point; runs the module twice.
    public func points() async -> [Point] {
        let declaration = module.declaration
        return [
            point("says the same of itself at every call", declaration == module.declaration, "two calls differ"),
            point("has a name and a sentence", problem: ModuleExam.problem(nameOf: declaration)),
            point("declares each metric once, and whole", problem: ModuleExam.problem(metricsOf: declaration)),
            point("declares each parameter once, and whole", problem: ModuleExam.problem(in: declaration.parameters)),
            point("can be run with its examples", problem: problemWithParameters(declaration)),
            await runs(declaration),
            await endsWhenCancelled(declaration),
        ]
    }

    private func runs(_ declaration: ModuleDeclaration) async -> Point {
        let name = "succeeds with its examples"
        do {
            _ = try await makeHost(declaration).run(module, with: parameters)
            return point(name, problem: nil)
        } catch {
            return point(name, problem: "\(error)")
        }
    }

    /// A module may finish what takes no time; what it may not is to fail otherwise.
    private func endsWhenCancelled(_ declaration: ModuleDeclaration) async -> Point {
        let name = "ends with CancellationError, or at once, when it is cancelled"
        let (module, parameters) = (module, parameters)
        let host = makeHost(declaration)
        return await withTaskGroup(of: Point.self) { group in
            group.addTask {
                // Waits for the cancellation: the module is to meet it at its very first step.
                while !Task.isCancelled { await Task.yield() }
                do {
                    _ = try await host.run(module, with: parameters)
                    return point(name, problem: nil)
                } catch {
                    return point(name, error is CancellationError, "it threw \(error)")
                }
            }
            group.cancelAll()
            return await group.next() ?? point(name, problem: "it never ended")
        }
    }

    private func problemWithParameters(_ declaration: ModuleDeclaration) -> String? {
        guard let object = declaration.parameters.filled(parameters).object else { return "parameters are a map" }
        return declaration.parameters.problem(with: object)
            ?? module.problems(in: .object(object)).first.map { "it refuses them: \($0.message)" }
    }

    private static func problem(nameOf declaration: ModuleDeclaration) -> String? {
        guard declaration.id.wholeMatch(of: /[a-z0-9]([a-z0-9_-]*[a-z0-9])?/) != nil else {
            return "the id \"\(declaration.id)\" is not [a-z0-9]([a-z0-9_-]*[a-z0-9])?"
        }
        return declaration.summary.isEmpty ? "the summary is empty" : nil
    }

    private static func problem(metricsOf declaration: ModuleDeclaration) -> String? {
        var names: Set<String> = []
        for metric in declaration.metrics {
            if !MetricDeclaration.isValid(name: metric.name) { return "\"\(metric.name)\" is not [a-z][a-z0-9_]*" }
            if !names.insert(metric.name).inserted { return "\(metric.name) is there twice" }
            if metric.unit.isEmpty || metric.summary.isEmpty { return "\(metric.name) lacks a unit or a sentence" }
            if metric.isRewritableForNothing { return "\(metric.name) is rewritable, which only a daily one can be" }
        }
        return nil
    }

    private static func problem(in parameters: [Parameter]) -> String? {
        var names: Set<String> = []
        for parameter in parameters {
            if !names.insert(parameter.name).inserted { return "\(parameter.name) is there twice" }
            if parameter.summary.isEmpty { return "\(parameter.name) lacks a sentence" }
            let values = parameter.examples + [parameter.defaultValue].compactMap { $0 }
            if let problem = values.lazy.compactMap(parameter.problem).first { return "\(parameter.name): \(problem)" }
            if case .object(let members, _) = parameter.type, let problem = problem(in: members) { return problem }
        }
        return nil
    }

    private func point(_ name: String, problem: String?) -> Point {
        Point(name: name, passed: problem == nil, detail: problem ?? "")
    }

    private func point(_ name: String, _ passed: Bool, _ detail: String) -> Point {
        point(name, problem: passed ? nil : detail)
    }
}

extension MetricDeclaration {
    fileprivate var isRewritableForNothing: Bool { rewritable && shape != .daily }
}
