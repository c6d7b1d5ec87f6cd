/// Work on many things, some at once.
enum ForgeWork {
    /// Does something with each item, at most so many at once.
    ///
    /// - Returns: The results in the items' order.
    /// - Throws: What the first `body` throws; the others are cancelled then.
    static func inOrder<Item: Sendable, Result: Sendable>(
        _ items: [Item], atOnce limit: Int, _ body: @escaping @Sendable (Item) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results = [Result?](repeating: nil, count: items.count)
            var next = 0
            func start() {
                guard next < items.count else { return }
                let (index, item) = (next, items[next])
                next += 1
                group.addTask { (index, try await body(item)) }
            }
            for _ in 0..<limit { start() }
            while let (index, result) = try await group.next() {
                results[index] = result
                start()
            }
            return results.compactMap { $0 }
        }
    }
}
