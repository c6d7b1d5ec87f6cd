internal import Foundation
internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// A stored value that is not of the type its column has: the file is damaged, or another program wrote to it.
struct UnreadableValue: Error {
    let column: String
    let value: String
}

/// Reads columns by position and throws where GRDB's own subscripts would end the process: a daemon must outlive a
/// damaged file.
extension Row {
    func integer(_ index: Int) throws -> Int64 {
        guard let value = try optionalInteger(index) else { throw unreadable(index) }
        return value
    }

    func optionalInteger(_ index: Int) throws -> Int64? {
        let value: DatabaseValue = self[index]
        switch value.storage {
        case .null: return nil
        case .int64(let number): return number
        default: throw unreadable(index)
        }
    }

    func int(_ index: Int) throws -> Int { Int(try integer(index)) }

    func bool(_ index: Int) throws -> Bool { try integer(index) != 0 }

    func instant(_ index: Int) throws -> Instant { Instant(milliseconds: try integer(index)) }

    func optionalInstant(_ index: Int) throws -> Instant? {
        try optionalInteger(index).map { Instant(milliseconds: $0) }
    }

    func optionalDuration(_ index: Int) throws -> Duration? { try optionalInteger(index).map { .nanoseconds($0) } }

    func number(_ index: Int) throws -> Double {
        guard let value = try optionalNumber(index) else { throw unreadable(index) }
        return value
    }

    func optionalNumber(_ index: Int) throws -> Double? {
        let value: DatabaseValue = self[index]
        switch value.storage {
        case .null: return nil
        case .int64(let number): return Double(number)
        case .double(let number) where number.isFinite: return number
        default: throw unreadable(index)
        }
    }

    /// Invalid UTF-8 becomes U+FFFD.
    func text(_ index: Int) throws -> String {
        guard let value = try optionalText(index) else { throw unreadable(index) }
        return value
    }

    func optionalText(_ index: Int) throws -> String? {
        let value: DatabaseValue = self[index]
        switch value.storage {
        case .null: return nil
        case .string(let text): return text
        default: throw unreadable(index)
        }
    }

    func runID(_ index: Int) throws -> RunID {
        guard let value = try optionalRunID(index) else { throw unreadable(index) }
        return value
    }

    func optionalRunID(_ index: Int) throws -> RunID? {
        let value: DatabaseValue = self[index]
        switch value.storage {
        case .null: return nil
        case .blob(let bytes) where bytes.count == 16:
            func word(_ slice: Data) -> UInt64 { slice.reduce(0) { $0 << 8 | UInt64($1) } }
            return RunID(high: word(bytes.prefix(8)), low: word(bytes.suffix(8)))
        default: throw unreadable(index)
        }
    }

    /// The element of a list in ``StoredCodes`` that a code stands for.
    func code<Element>(_ index: Int, in list: [Element]) throws -> Element {
        let code = try integer(index)
        guard code >= 0, code < list.count else { throw unreadable(index) }
        return list[Int(code)]
    }

    private func unreadable(_ index: Int) -> UnreadableValue {
        let value: DatabaseValue = self[index]
        let names = Array(columnNames)
        return UnreadableValue(
            column: index < names.count ? names[index] : String(index), value: String(value.description.prefix(80)))
    }
}

extension RunID {
    /// The 16 bytes, as rows keep them.
    var stored: DatabaseValue {
        var bytes = Data(capacity: 16)
        for word in [high, low] { withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) } }
        return bytes.databaseValue
    }
}
