/// Which tasks wait for which, by their numbers.
struct AfterGraph {
    /// For each task those that it waits for, each once.
    let upstream: [[Int]]

    /// Longest paths all together; a file made to have very many cycles is told the first of them.
    private static let pathBudget = 1_000_000

    /// Cycles such that without them nothing would wait for itself.
    ///
    /// - Returns: Each from its lowest number along what waits for what, that number not repeated.
    /// - Complexity: O(tasks + edges + length of the cycles); no recursion, as chains can be long.
    func cycles() -> [[Int]] {
        var found: [[Int]] = []
        var budget = AfterGraph.pathBudget
        // Where a task is on the way that is being followed; -1 before it was met, -2 when it is done with.
        var depth = [Int](repeating: -1, count: upstream.count)
        var path: [(task: Int, next: Int)] = []
        for root in upstream.indices where depth[root] == -1 {
            depth[root] = 0
            path.append((root, 0))
            while let (task, next) = path.last {
                guard next < upstream[task].count else {
                    depth[task] = -2
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let following = upstream[task][next]
                if depth[following] == -1 {
                    depth[following] = path.count
                    path.append((following, 0))
                } else if depth[following] >= 0, budget > 0 {
                    budget -= path.count - depth[following]
                    found.append(fromLowest(path[depth[following]...].map(\.task)))
                }
            }
        }
        return found
    }

    private func fromLowest(_ cycle: [Int]) -> [Int] {
        let start = cycle.indices.min { cycle[$0] < cycle[$1] } ?? 0
        return Array(cycle[start...] + cycle[..<start])
    }

    /// The tasks that nothing starts, as they wait, however indirectly, for one that is disabled.
    ///
    /// - Parameter disabled: Whether each task is; a disabled one is not among the result.
    /// - Complexity: O(tasks + edges).
    func neverStarting(disabled: [Bool]) -> [Bool] {
        var downstream = [[Int]](repeating: [], count: upstream.count)
        for (task, others) in upstream.enumerated() { for other in others { downstream[other].append(task) } }
        var isStuck = [Bool](repeating: false, count: upstream.count)
        var queue = disabled.indices.filter { disabled[$0] }
        while let task = queue.popLast() {
            for waiting in downstream[task] where !isStuck[waiting] && !disabled[waiting] {
                isStuck[waiting] = true
                queue.append(waiting)
            }
        }
        return isStuck
    }
}
