internal import InsightsEngine
internal import InsightsPlugin

/// A statement of one connection that is compiled once, of whichever database.
///
/// The rules by which runs, subjects and samples are written are the same on every store; they are written down once,
/// over this. Its SQL is what the databases have in common, with parameters `?1`, `?2` … that ``StatementSource``
/// brings into each one's own form. Used on its connection's queue only.
protocol PreparedStatement: AnyObject {
    /// The highest number of a parameter.
    var parameterCount: Int32 { get }

    // Parameters, from 1. They stay bound until they are bound anew.
    func bind(_ index: Int32, _ value: Int64)
    func bindNull(_ index: Int32)
    func bind(_ index: Int32, number: Double)
    func bind(_ index: Int32, _ text: String)
    func bind(_ index: Int32, _ id: RunID)

    /// Runs to the next row.
    ///
    /// - Returns: `false` when there are no more; the statement is reset then.
    /// - Throws: The database's error; the statement is reset then.
    func step() throws -> Bool

    /// Runs a statement that returns no rows.
    ///
    /// - Returns: How many rows it inserted, updated or deleted.
    @discardableResult
    func run() throws -> Int

    /// Runs a statement that returns no rows, and may leave its outcome on the way: an error is then told by whatever
    /// waits next on the connection, at the latest by the end of the transaction.
    ///
    /// - Parameter isCounted: Whether ``settle()`` tells how many rows it changed.
    func post(isCounted: Bool) throws

    /// How many rows each counted ``post(isCounted:)`` since the last call has changed, in order.
    func settle() throws -> [Int]

    /// Makes ready for the next use; parameters stay bound.
    func reset()

    // Columns, from 0; of NULL, zero or empty.
    func isNull(_ column: Int32) -> Bool
    func integer(_ column: Int32) -> Int64
    func number(_ column: Int32) -> Double
    /// - Throws: ``UnreadableValue`` for what is neither a finite number nor NULL.
    func optionalFinite(_ column: Int32) throws -> Double?
    func text(_ column: Int32) -> String
    /// - Throws: ``UnreadableValue`` for what is no id.
    func runID(_ column: Int32) throws -> RunID
    func name(of column: Int32) -> String
}

extension PreparedStatement {
    func post() throws { try post(isCounted: false) }

    func bind(_ index: Int32, _ value: Int64?) {
        if let value { bind(index, value) } else { bindNull(index) }
    }

    func bind(_ index: Int32, _ value: Bool) { bind(index, value ? 1 as Int64 : 0) }

    func bind(_ index: Int32, _ text: String?) {
        if let text { bind(index, text) } else { bindNull(index) }
    }

    /// The first row, read by `body`, or `nil` when there is none.
    func first<Result>(_ body: (any PreparedStatement) throws -> Result) throws -> Result? {
        guard try step() else { return nil }
        defer { reset() }
        return try body(self)
    }

    /// Every row, read by `body`.
    func all<Result>(_ body: (any PreparedStatement) throws -> Result) throws -> [Result] {
        defer { reset() }
        var results: [Result] = []
        while try step() { results.append(try body(self)) }
        return results
    }

    func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    /// The element of a list in ``StoredCodes`` that a code stands for.
    func code<Element>(_ column: Int32, in list: [Element]) throws -> Element {
        let code = integer(column)
        guard code >= 0, code < list.count else { throw UnreadableValue(column: name(of: column), value: String(code)) }
        return list[Int(code)]
    }
}
