import InsightsEngine
import InsightsPlugin

/// Checks all tasks: each by itself, then what they say of each other.
struct TaskListChecker {
    let values: ValueReader
    /// In the order of the file.
    let tasks: [Field]
    /// Each task's place in `tasks`.
    let index: [String: Int]

    init(values: ValueReader, tasks: [Field]) {
        self.values = values
        self.tasks = tasks
        index = Dictionary(zip(tasks.lazy.map(\.name), tasks.indices)) { first, _ in first }
    }

    /// The resolved tasks, sorted by name; those with errors are left out.
    func check(_ checker: TaskChecker) -> [TaskDefinition] {
        var checker = checker
        var definitions: [TaskDefinition] = []
        definitions.reserveCapacity(tasks.count)
        var isDisabled: [Bool] = []
        isDisabled.reserveCapacity(tasks.count)
        var waiting: [Int: (key: Place, upstream: [Upstream])] = [:]
        for (number, task) in tasks.enumerated() {
            let checked = checker.check(task)
            isDisabled.append(!checked.isEnabled)
            waiting[number] = checked.after
            if let definition = checked.definition { definitions.append(definition) }
        }
        assert(values.sink.hasErrors || definitions.count == tasks.count, "a task was left out without a word")
        if !waiting.isEmpty { checkAfter(waiting, isDisabled) }
        return definitions.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private func checkAfter(_ waiting: [Int: (key: Place, upstream: [Upstream])], _ isDisabled: [Bool]) {
        var upstream = [[Int]](repeating: [], count: tasks.count)
        let names = tasks.map(\.name)
        for number in waiting.keys.sorted() {
            for other in waiting[number]?.upstream ?? [] {
                if let found = index[other.name] { upstream[number].append(found) } else { tellUnknown(other, names) }
            }
        }
        let graph = AfterGraph(upstream: upstream)
        for cycle in graph.cycles() {
            guard let place = waiting[cycle[0]]?.key else { continue }
            values.sink.error(
                .cycle, at: place, "tasks wait for each other: \(path(of: cycle))",
                help: "take one of them out of the \"after\" that closes the circle")
        }
        let isStuck = graph.neverStarting(disabled: isDisabled)
        for number in waiting.keys.sorted() where isStuck[number] {
            let cause = waiting[number]?.upstream.first { other in
                index[other.name].map { isDisabled[$0] || isStuck[$0] } ?? false
            }
            if let cause { warnStuck(number, cause, isDisabled: index[cause.name].map { isDisabled[$0] } ?? false) }
        }
    }

    private func tellUnknown(_ upstream: Upstream, _ names: [String]) {
        // The task may stand in what could not be read.
        if values.tree.isPartial { return }
        values.sink.error(
            .unknownTask, at: upstream.place, "unknown task \(Shown.quoted(upstream.name))",
            help: values.suggestions.help(for: upstream.name, among: names, kind: "tasks"))
    }

    private func warnStuck(_ number: Int, _ cause: Upstream, isDisabled: Bool) {
        let name = Shown.quoted(tasks[number].name)
        let upstream = Shown.quoted(cause.name)
        let reason = isDisabled ? "is disabled" : "never starts"
        values.sink.warning(
            .neverStarts, at: cause.place, "\(name) never starts: it waits for \(upstream), which \(reason)",
            help: isDisabled ? "enable \(upstream), or disable \(name) as well" : nil)
    }

    /// `a → b → a`; the middle of a long one is left out.
    private func path(of cycle: [Int]) -> String {
        var names = cycle.map { tasks[$0].name }
        if names.count > 12 {
            let left = names.count - 9
            names.replaceSubrange(6..<names.count - 3, with: ["… (\(left) more)"])
        }
        return (names + [tasks[cycle[0]].name]).joined(separator: " → ")
    }
}
