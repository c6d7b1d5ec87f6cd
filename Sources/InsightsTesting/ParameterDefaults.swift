internal import InsightsPlugin

extension [Parameter] {
    /// `value` with the defaults of what it does not name, also within maps and lists, as the host fills them in.
    func filled(_ value: Value) -> Value {
        guard var object = value.object else { return value }
        for parameter in self {
            if let given = object[parameter.name] {
                object[parameter.name] = parameter.filled(given)
            } else if let defaultValue = parameter.defaultValue {
                object[parameter.name] = defaultValue
            }
        }
        return .object(object)
    }
}

extension Parameter {
    fileprivate func filled(_ value: Value) -> Value {
        switch (type, value) {
        case (.object(let members, _), .object): members.filled(value)
        case (.array(let item, _, _), .array(let items)): .array(items.map(item.filled))
        case (.map(let item), .object(let object)):
            .object(ValueObject(distinct: object.map { ($0.key, item.filled($0.value)) }))
        default: value
        }
    }
}
