internal import Foundation
internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// Reads columns by position and throws where GRDB's own subscripts would end the process: a daemon must outlive a
/// damaged file.
extension Row: StoredRow {
    func optionalInteger(_ index: Int) throws -> Int64? {
        let value: DatabaseValue = self[index]
        switch value.storage {
        case .null: return nil
        case .int64(let number): return number
        default: throw unreadable(index)
        }
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

    func optionalText(_ index: Int) throws -> String? {
        let value: DatabaseValue = self[index]
        switch value.storage {
        case .null: return nil
        case .string(let text): return text
        default: throw unreadable(index)
        }
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

    func unreadable(_ index: Int) -> UnreadableValue {
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
