/// How tasks are spread over the nodes: evenly, by count, without any node telling another.
enum Shares {
    enum Step: Hashable, Sendable {
        case nothing
        /// So many more at most.
        case take(Int)
        /// So many too many.
        case give(Int)
    }

    /// How many tasks a node may hold: rounded up, so that the shares of all cover all.
    ///
    /// - Parameter nodes: Living ones with the same manifest, this one included.
    static func share(of tasks: Int, among nodes: Int) -> Int {
        let nodes = max(1, nodes)
        return tasks / nodes + (tasks % nodes > 0 ? 1 : 0)
    }

    static func step(tasks: Int, nodes: Int, held: Int) -> Step {
        let share = share(of: tasks, among: nodes)
        if held < share { return .take(share - held) }
        return held > share ? .give(held - share) : .nothing
    }
}
