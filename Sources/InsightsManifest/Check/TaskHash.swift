import InsightsEngine
import InsightsPlugin

/// FNV-1a, 64 bits, over a canonical form of what a task resolves to.
///
/// Not for security: equal hashes tell an unchanged task, on this node and on others, whatever version of
/// Swift they run; hence not `Hasher`. Every part is written with its length or a mark of its kind, so that
/// no two forms run together.
///
/// - SeeAlso: draft-eastlake-fnv.
struct TaskHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    init() {}

    /// Goes on from where another hash ended.
    init(after value: UInt64) { self.value = value }

    mutating func combine(byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

    mutating func combine(_ number: Int64) {
        var rest = UInt64(bitPattern: number)
        for _ in 0..<8 {
            combine(byte: UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    mutating func combine(_ text: String) {
        combine(Int64(text.utf8.count))
        for byte in text.utf8 { combine(byte: byte) }
    }

    mutating func combine(_ duration: Duration?) { combine(duration?.wholeMilliseconds ?? -1) }

    mutating func combine(_ policy: Policy) {
        for word in [policy.onStart.rawValue, policy.catchUp.rawValue, policy.overlap.rawValue, policy.onLost.rawValue]
        {
            combine(word)
        }
        for number in [policy.catchUpLimit, policy.priority, policy.retry.attempts, policy.isBlocking ? 1 : 0] {
            combine(Int64(number))
        }
        for duration in [policy.jitter, policy.timeout, policy.keep, policy.retry.delay, policy.retry.maxDelay] {
            combine(duration)
        }
        combine(policy.retention)
        combine(Int64(bitPattern: policy.retry.factor.bitPattern))
        combine(byte: policy.group == nil ? 0 : 1)
        combine(policy.group ?? "")
    }

    mutating func combine(_ cadence: Cadence) {
        switch cadence {
        case .every(let milliseconds, let starting):
            combine(byte: 1)
            combine(milliseconds)
            combine(byte: starting == nil ? 0 : 1)
            combine(starting?.milliseconds ?? 0)
        case .cron(let schedule):
            combine(byte: 2)
            combine(schedule.text)
            combine(schedule.zone.identifier)
        case .after(let names):
            combine(byte: 3)
            combine(Int64(names.count))
            for name in names { combine(name) }
        }
    }

    /// Takes in parameters without the values of secret ones.
    mutating func combine(_ value: Value, _ type: ParameterType, isSecret: Bool = false) {
        if isSecret { return combine(byte: 9) }
        switch value {
        case .null: combine(byte: 0)
        case .bool(let value): combine(byte: value ? 2 : 1)
        case .integer(let value):
            combine(byte: 3)
            combine(value)
        case .number(let value):
            combine(byte: 4)
            combine(Int64(bitPattern: value.bitPattern))
        case .string(let value):
            combine(byte: 5)
            combine(value)
        case .array(let items):
            combine(byte: 6)
            combine(Int64(items.count))
            var item: Parameter?
            if case .array(let declared, _, _) = type { item = declared }
            for value in items { combine(value, item?.type ?? .any, isSecret: item?.isSecret ?? false) }
        case .object(let object): combine(object, type)
        }
    }

    /// Takes in the parameters of a module without the values of secret ones.
    mutating func combine(_ value: Value, members parameters: [Parameter]) {
        combine(value, .object(parameters))
    }

    /// Keys in the order of their bytes: a map has no order of its own.
    private mutating func combine(_ object: ValueObject, _ type: ParameterType) {
        combine(byte: 7)
        combine(Int64(object.count))
        for (key, value) in object.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            combine(key)
            switch type {
            case .object(let parameters, _):
                let declared = parameters.first { $0.name == key }
                combine(value, declared?.type ?? .any, isSecret: declared?.isSecret ?? false)
            case .map(let item): combine(value, item.type, isSecret: item.isSecret)
            default: combine(value, .any)
            }
        }
    }
}
