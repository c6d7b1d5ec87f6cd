package import InsightsPlugin
package import Logging

/// Log fields between a logger's metadata and JSON: numbers and truth stay what they are.
extension Value {
    /// A field as a logger was given it.
    package init(_ metadata: Logger.MetadataValue) {
        switch metadata {
        case .string(let text): self = .string(text)
        case .stringConvertible(let value): self = Value(logged: value)
        case .array(let items): self = .array(items.map { Value($0) })
        case .dictionary(let items):
            let pairs = items.sorted { $0.key < $1.key }.map { (key: $0.key, value: Value($0.value)) }
            self = .object(ValueObject(distinct: pairs))
        }
    }

    /// The field as a logger takes it.
    package var metadata: Logger.MetadataValue {
        switch self {
        case .null: .string("null")
        case .bool(let value): .stringConvertible(value)
        case .integer(let value): .stringConvertible(value)
        case .number(let value): .stringConvertible(value)
        case .string(let text): .string(text)
        case .array(let items): .array(items.map(\.metadata))
        case .object(let object): .dictionary(Dictionary(object.map { ($0.key, $0.value.metadata) }) { $1 })
        }
    }

    private init(logged value: any CustomStringConvertible & Sendable) {
        switch value {
        case let value as Bool: self = .bool(value)
        case let value as any BinaryInteger: self = Int64(exactly: value).map(Value.integer) ?? .string("\(value)")
        case let value as Double where value.isFinite: self = .number(value)
        case let value as Float where value.isFinite: self = .number(Double(value))
        default: self = .string(value.description)
        }
    }
}
