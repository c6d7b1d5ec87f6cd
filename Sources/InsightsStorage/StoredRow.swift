internal import InsightsEngine
internal import InsightsPlugin

/// A stored value that is not of the type its column has: the database is damaged, or another program wrote to it.
struct UnreadableValue: Error {
    let column: String
    let value: String
}

/// A row of a result, of whichever database: columns by position, from 0.
protocol StoredRow {
    func optionalInteger(_ index: Int) throws -> Int64?
    func optionalNumber(_ index: Int) throws -> Double?
    /// Invalid UTF-8 becomes U+FFFD.
    func optionalText(_ index: Int) throws -> String?
    func optionalRunID(_ index: Int) throws -> RunID?
    /// What is wrong with a column that holds no such value.
    func unreadable(_ index: Int) -> UnreadableValue
}

extension StoredRow {
    func integer(_ index: Int) throws -> Int64 { try present(index, optionalInteger(index)) }

    func int(_ index: Int) throws -> Int { Int(try integer(index)) }

    func bool(_ index: Int) throws -> Bool { try integer(index) != 0 }

    func instant(_ index: Int) throws -> Instant { Instant(milliseconds: try integer(index)) }

    func optionalInstant(_ index: Int) throws -> Instant? {
        try optionalInteger(index).map { Instant(milliseconds: $0) }
    }

    func optionalDuration(_ index: Int) throws -> Duration? { try optionalInteger(index).map { .nanoseconds($0) } }

    func number(_ index: Int) throws -> Double { try present(index, optionalNumber(index)) }

    func text(_ index: Int) throws -> String { try present(index, optionalText(index)) }

    func runID(_ index: Int) throws -> RunID { try present(index, optionalRunID(index)) }

    /// The element of a list in ``StoredCodes`` that a code stands for.
    func code<Element>(_ index: Int, in list: [Element]) throws -> Element {
        let code = try integer(index)
        guard code >= 0, code < list.count else { throw unreadable(index) }
        return list[Int(code)]
    }

    private func present<Value>(_ index: Int, _ value: Value?) throws -> Value {
        guard let value else { throw unreadable(index) }
        return value
    }
}
