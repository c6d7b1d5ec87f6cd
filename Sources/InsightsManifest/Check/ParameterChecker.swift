import InsightsEngine
import InsightsPlugin

/// Parameters that fit what a module declares.
struct CheckedParameters {
    /// With defaults filled in, paths made absolute and durations turned into seconds.
    var value = Value.object([:])
    /// Every value under a secret parameter, as text; none is empty.
    var secrets: [String] = []
    /// Whether a module can be asked about them: nothing is wrong and no variable lacks a value.
    var isComplete = true
    /// Variables of a disabled task that have no value.
    var unset: [String] = []
}

/// Checks `with:` against what a module declares; whatever is wrong there has the code `parameter`.
struct ParameterChecker {
    let values: ValueReader
    let module: RegisteredModule
    /// The manifest's folder, absolute.
    let folder: String
    let patterns: PatternCache
    var checked = CheckedParameters()
    /// Whether a variable without a value left an empty text, of which no module is to judge.
    var hasStandIn = false
    private var secretsSeen: Set<String> = []

    init(values: ValueReader, module: RegisteredModule, folder: String, patterns: PatternCache) {
        self.values = values
        self.module = module
        self.folder = folder
        self.patterns = patterns
    }

    /// Checks the parameters of one task, and then asks the module about them.
    ///
    /// - Parameters:
    ///   - with: The task's `with`, if it has one.
    ///   - task: Its name, where missing parameters are told when there is no `with`.
    mutating func check(_ with: Field?, of task: Place) -> CheckedParameters {
        let parameters = module.declaration.parameters
        let lacking = with.map(values.namePlace) ?? task
        var written: [Entry] = []
        if let with {
            guard let entries = entries(with, isSecret: false) else { return checked }
            written = entries
        }
        let map = with.map { values.tree.resolved($0.value) }
        checked.value = .object(object(written, parameters, isOpen: false, in: map, lacking: lacking, isSecret: false))
        if !hasStandIn { askModule(with, task) }
        return checked
    }

    /// Tells what the module finds in what fits the schema, so that all problems are told at once.
    private func askModule(_ with: Field?, _ task: Place) {
        for problem in module.module.problems(in: checked.value) {
            // Of what was left out, and of what lacks it, the reason is told already.
            if !checked.isComplete, !isThere(problem.path) { continue }
            let place = with.map { self.place(of: problem.path[...], in: $0) } ?? task
            values.sink.error(.parameter, at: place, masked(problem.message), help: problem.help.map(masked))
        }
    }

    /// Whether a path leads to something that a module was given.
    private func isThere(_ path: [ParameterProblem.Step]) -> Bool {
        var value = checked.value
        for step in path {
            let inner: Value? =
                switch step {
                case .key(let name): value[name]
                case .index(let index):
                    value.array.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                }
            guard let inner, inner != .null else { return false }
            value = inner
        }
        return !path.isEmpty
    }

    /// A module's words without the secrets that it was given; the longest first, as one can be part of another.
    private func masked(_ text: String) -> String {
        checked.secrets.sorted { $0.utf8.count > $1.utf8.count }.reduce(text) { $0.replacing($1, with: "***") }
    }

    /// Where a step-by-step path into the parameters leads, as far as it was written.
    private func place(of path: ArraySlice<ParameterProblem.Step>, in field: Field) -> Place {
        let target = values.tree.resolved(field.value)
        switch path.first {
        case .key(let name):
            guard values.tree[target].kind == .mapping else { break }
            let inner = values.tree.entries(of: target).lazy.map(values.field).first { $0.name == name }
            if let inner { return place(of: path.dropFirst(), in: inner) }
        case .index(let index):
            guard values.tree[target].kind == .sequence else { break }
            let items = values.tree.children(of: target)
            if index >= 0, index < items.count {
                let item = Field(name: field.name, key: nil, value: items[items.startIndex + index])
                return place(of: path.dropFirst(), in: item)
            }
        case nil: break
        }
        // What is missing is told at the name of what lacks it.
        return path.isEmpty ? values.place(field) : values.namePlace(field)
    }

    mutating func tell(_ place: Place, _ message: String, help: String? = nil) {
        checked.isComplete = false
        values.sink.error(.parameter, at: place, message, help: help)
    }

    /// Tells that a value is not what its parameter takes; a secret one is not quoted.
    mutating func tell(_ field: Field, must expected: String, isSecret: Bool, help: String? = nil) {
        checked.isComplete = false
        if values.isUnknown(values.tree.resolved(field.value)) { return }
        let actual = isSecret ? "" : ", not \(values.describe(field))"
        tell(values.place(field), "\(subject(field)) must be \(expected)\(actual)", help: help)
    }

    /// How a message names what stands there: by its key, or as an item of the list under that key.
    func subject(_ field: Field) -> String { (field.key == nil ? "each of " : "") + Shown.quoted(field.name) }

    /// Reads a value.
    ///
    /// - Returns: It, or `nil` when anything in it is wrong.
    private mutating func sound(_ field: Field, _ type: ParameterType, isSecret: Bool) -> Value? {
        let wasComplete = checked.isComplete
        checked.isComplete = true
        let value = value(field, type, isSecret: isSecret)
        let isSound = checked.isComplete
        checked.isComplete = wasComplete && isSound
        return isSound ? value : nil
    }
}

// MARK: Maps and lists

extension ParameterChecker {
    /// The entries of a map; nothing at all counts as an empty one.
    private mutating func entries(_ field: Field, isSecret: Bool) -> [Entry]? {
        let target = values.tree.resolved(field.value)
        if values.tree[target].kind == .mapping { return values.tree.entries(of: target) }
        if values.tree.isNull(target), !values.isUnknown(target) { return [] }
        tell(field, must: "a map", isSecret: isSecret)
        return nil
    }

    /// Checks the keys of a map with known parameters, in the order in which they are declared.
    ///
    /// - Parameters:
    ///   - map: The map itself, if it is written at all.
    ///   - lacking: The name of the map, where a missing parameter is told.
    private mutating func object(
        _ entries: [Entry], _ parameters: [Parameter], isOpen: Bool, in map: NodeID?, lacking: Place, isSecret: Bool
    ) -> ValueObject {
        var given: [String: Field] = [:]
        var further: [(key: String, value: Value)] = []
        for field in entries.map(values.field) {
            if parameters.contains(where: { $0.name == field.name }) {
                given[field.name] = field
            } else if isOpen {
                let value = value(field, .any, isSecret: isSecret)
                if let value { further.append((field.name, value)) }
            } else {
                tellUnknown(field, parameters)
            }
        }
        var pairs: [(key: String, value: Value)] = []
        for parameter in parameters {
            let value = member(parameter, given[parameter.name], in: map, lacking: lacking, isSecret: isSecret)
            if let value { pairs.append((parameter.name, value)) }
        }
        return ValueObject(distinct: pairs + further)
    }

    /// The value of a parameter: what was given, or else its default.
    private mutating func member(
        _ parameter: Parameter, _ field: Field?, in map: NodeID?, lacking: Place, isSecret: Bool
    ) -> Value? {
        let isSecret = isSecret || parameter.isSecret
        if let field, !isNothing(field, parameter.type) {
            switch parameter.type {
            case .object, .any: return sound(field, parameter.type, isSecret: isSecret)
            default: return value(field, parameter.type, isSecret: isSecret)
            }
        }
        if parameter.isRequired, !(map.map { values.tree[$0].flags.contains(.isIncomplete) } ?? false) {
            let place = field.map(values.namePlace) ?? lacking
            let what = field == nil ? "is missing" : "has no value"
            tell(
                place, "parameter \(Shown.quoted(parameter.name)) of \(module.id) \(what)",
                help: parameter.summary.isEmpty ? nil : parameter.summary)
        }
        return parameter.defaultValue.map { filled($0, parameter.type) }
    }

    /// Whether a key stands there without a value, which counts as if it did not stand there.
    private func isNothing(_ field: Field, _ type: ParameterType) -> Bool {
        let target = values.tree.resolved(field.value)
        if values.isUnknown(target) { return false }
        switch type {
        case .string, .any, .array, .object, .map: return values.tree.isAbsent(target)
        case .integer, .number, .boolean, .enumeration: return values.tree.isNull(target)
        }
    }

    private mutating func tellUnknown(_ field: Field, _ parameters: [Parameter]) {
        checked.isComplete = false
        guard values.isNews(field) else { return }
        let names = parameters.map(\.name)
        tell(
            values.namePlace(field), "unknown parameter \(Shown.quoted(field.name)) of \(module.id)",
            help: values.suggestions.help(for: field.name, among: names, kind: "parameters"))
        values.checkVariables(field.value)
    }

    /// The value of one parameter, or `nil` after its problems were told. Of a list or map what is sound is left, a list
    /// with `null` in place of the rest.
    mutating func value(_ field: Field, _ type: ParameterType, isSecret: Bool) -> Value? {
        switch type {
        case .array(let item, let fewest, let most):
            return list(field, of: item, fewest: fewest, most: most, isSecret: isSecret)
        case .object(let parameters, let isOpen):
            guard let entries = entries(field, isSecret: isSecret) else { return nil }
            let map = values.tree.resolved(field.value)
            let place = values.namePlace(field)
            return .object(
                object(entries, parameters, isOpen: isOpen, in: map, lacking: place, isSecret: isSecret))
        case .map(let item):
            guard let entries = entries(field, isSecret: isSecret || item.isSecret) else { return nil }
            var pairs: [(key: String, value: Value)] = []
            for inner in entries.map(values.field) {
                let value = sound(inner, item.type, isSecret: isSecret || item.isSecret)
                if let value { pairs.append((inner.name, value)) }
            }
            return .object(ValueObject(distinct: pairs))
        case .any: return anything(field, isSecret: isSecret)
        default: return scalar(field, type, isSecret: isSecret)
        }
    }

    private mutating func list(
        _ field: Field, of item: Parameter, fewest: Int?, most: Int?, isSecret: Bool
    ) -> Value? {
        let target = values.tree.resolved(field.value)
        guard values.tree[target].kind == .sequence || values.tree.isNull(target) && !values.isUnknown(target) else {
            tell(field, must: "a list", isSecret: isSecret || item.isSecret)
            return nil
        }
        let nodes = values.tree[target].kind == .sequence ? Array(values.tree.children(of: target)) : []
        let isCut = values.tree[target].flags.contains(.isIncomplete)
        if let fewest, nodes.count < fewest, !isCut { tellCount(field, nodes.count, "at least \(fewest)") }
        if let most, nodes.count > most { tellCount(field, nodes.count, "at most \(most)") }
        var items: [Value] = []
        for node in nodes {
            let inner = Field(name: field.name, key: nil, value: node)
            // The others keep their places.
            items.append(sound(inner, item.type, isSecret: isSecret || item.isSecret) ?? .null)
        }
        return .array(items)
    }

    private mutating func tellCount(_ field: Field, _ count: Int, _ bound: String) {
        tell(values.place(field), "\(subject(field)) must have \(bound) items, not \(count)")
    }

    /// A value of no declared type, read by YAML's own rules; a quoted one is text.
    private mutating func anything(_ field: Field, isSecret: Bool) -> Value? {
        let target = values.tree.resolved(field.value)
        switch values.tree[target].kind {
        case .mapping:
            var pairs: [(key: String, value: Value)] = []
            for inner in values.tree.entries(of: target).map(values.field) {
                if let value = anything(inner, isSecret: isSecret) { pairs.append((inner.name, value)) }
            }
            return .object(ValueObject(distinct: pairs))
        case .sequence:
            let items = values.tree.children(of: target).map { Field(name: field.name, key: nil, value: $0) }
            return .array(items.compactMap { anything($0, isSecret: isSecret) })
        case .scalar, .alias:
            guard let text = values.expanded(target) else {
                checked.isComplete = false
                return nil
            }
            if isSecret { keep(secret: text.text) }
            let isTyped = values.tree[target].style == .plain && !text.isFromEnvironment
            return isTyped ? ScalarText.untyped(text.text) : .string(text.text)
        }
    }

    mutating func keep(secret text: String) {
        if !text.isEmpty, secretsSeen.insert(text).inserted { checked.secrets.append(text) }
    }
}
