package import InsightsEngine
internal import InsightsPlugin

/// Moves everything that is stored from one store to another, of either kind.
///
/// Row by row with the same numbers, in batches, so that memory does not grow with the history. What is read is summed up
/// on the way; at the end the target is read anew, and both sums must agree, table by table.
package struct StoreCopy: Sendable {
    /// Where it is.
    package enum Step: Sendable, Hashable {
        case copying
        case verifying
    }

    /// A table that has arrived.
    package struct Table: Sendable, Hashable {
        package let name: String
        package let rows: Int
        /// SHA-256 of its rows in the order of their key, in a form that both kinds of store share.
        package let checksum: String
    }

    /// Told after each batch: the table, how many of its rows are done, and how many there are.
    package typealias Progress = @Sendable (_ step: Step, _ table: String, _ done: Int, _ all: Int) -> Void

    private static let batch = 2000

    private let from: StoreURL
    private let to: StoreURL
    private let progress: Progress

    package init(from: StoreURL, to: StoreURL, progress: @escaping Progress = { _, _, _, _ in }) {
        self.from = from
        self.to = to
        self.progress = progress
    }

    /// Copies, verifies, and only then lets others use the target.
    ///
    /// When it throws or is ended in the middle, the target is refused by every program until a copy into it has come
    /// to its end or it is dropped. Blocks while it opens the two.
    ///
    /// - Parameter node: Whose place a file's lock tells.
    /// - Returns: What has arrived, table by table.
    /// - Throws: ``StoreError``: `alreadyRunning` when a process runs tasks on either; `invalid` when the target holds
    ///   anything, or both are one; `CancellationError`.
    package func run(as node: NodeIdentity) async throws -> [Table] {
        guard from != to else { throw StoreError(.invalid, "both are the same store: there is nothing to copy") }
        let source = try CopySide.open(from, isTarget: false)
        do {
            let target = try CopySide.open(to, isTarget: true)
            do {
                let tables = try await run(source, target, node)
                await target.close()
                await source.close()
                return tables
            } catch {
                await target.close()
                throw error
            }
        } catch {
            await source.close()
            throw error
        }
    }

    private func run(_ source: CopySide, _ target: CopySide, _ node: NodeIdentity) async throws -> [Table] {
        let sourceNodes = try await source.takePlace(node)
        let targetNodes = try await target.takePlace(node)
        try await target.begin()
        var sums: [CopiedSum] = []
        for table in CopiedTable.all {
            let all = try await source.count(table)
            sums.append(
                try await sum(source, table, .copying, all) { (rows) async throws(StoreError) in
                    try await target.insert(rows, into: table)
                })
        }
        for (table, sum) in zip(CopiedTable.all, sums) {
            let arrived = try await self.sum(target, table, .verifying, sum.count)
            // What people may change meanwhile is little: pauses.
            let isSame = table.name == "tasks" ? try await self.sum(source, table, .verifying, sum.count) : sum
            guard arrived.count == sum.count, arrived.checksum == sum.checksum, isSame.checksum == sum.checksum else {
                throw StoreError(
                    .unavailable,
                    "\(table.name) of \(target.label) differ from those of \(source.label): \(arrived.count) rows with checksum "
                        + "\(arrived.checksum.prefix(12)), not \(isSame.count) with \(isSame.checksum.prefix(12))",
                    help: "something else wrote meanwhile: copy again")
            }
        }
        try await source.checkStill(sourceNodes)
        try await target.checkStill(targetNodes)
        try await target.end()
        return zip(CopiedTable.all, sums).map { Table(name: $0.name, rows: $1.count, checksum: $1.checksum) }
    }

    /// Reads a table in its key's order.
    private func sum(
        _ side: CopySide, _ table: CopiedTable, _ step: Step, _ all: Int,
        _ body: ([CopiedRow]) async throws(StoreError) -> Void = { (_) async throws(StoreError) in }
    ) async throws -> CopiedSum {
        var sum = CopiedSum()
        var last: CopiedRow?
        while true {
            try Task.checkCancellation()
            let rows = try await side.rows(of: table, after: last, limit: StoreCopy.batch)
            try await body(rows)
            sum.add(rows)
            progress(step, table.name, sum.count, all)
            guard rows.count == StoreCopy.batch else { return sum }
            last = rows.last
        }
    }
}
