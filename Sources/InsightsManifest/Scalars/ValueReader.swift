import InsightsEngine
import InsightsPlugin

/// A value with the key it stands under, or an item of a list.
struct Field {
    /// As it is called in messages.
    var name: String
    /// `nil` for an item of a list.
    var key: NodeID?
    /// As written: may be an alias.
    var value: NodeID
    var isMerged = false
}

/// The variables without a value that one part of a manifest names.
///
/// A class, as copies of a reader report to the same place. One check, one thread.
final class UnsetNames {
    /// Each once, in the order in which they were met.
    private(set) var names: [String] = []

    func insert(_ name: String) {
        if !names.contains(name) { names.append(name) }
    }
}

/// Reads values as the types that their keys ask for, and tells what is wrong with them.
///
/// Each method returns `nil` after it told of a problem, and then the caller goes on as if the key were not
/// there: a bad value is told once and leads to no second complaint.
struct ValueReader {
    let tree: NodeTree
    let sink: DiagnosticSink
    let environment: [String: String]
    let cache = ReadingCache()
    let suggestions = Suggestions()
    /// How grave a variable without a value is: in a disabled task it is a warning.
    var unsetSeverity = Diagnostic.Severity.error
    /// Takes in the names of such variables, where somebody needs them.
    var unset: UnsetNames?

    init(tree: NodeTree, sink: DiagnosticSink, environment: [String: String]) {
        self.tree = tree
        self.sink = sink
        self.environment = environment
    }

    // MARK: Places

    /// Where a problem with the whole of a value is told: the value, or its key when there is nothing.
    func place(_ field: Field) -> Place {
        let target = tree.resolved(field.value)
        if tree.isAbsent(target), let key = field.key { return tree.place(key) }
        // What is wrong with a text is mended where the text stands; that it is no list, where it is used.
        return tree.place(tree[target].kind == .scalar ? target : field.value)
    }

    /// Where something that a value lacks is told: the name of what lacks it, or the item of a list.
    func namePlace(_ field: Field) -> Place { tree.place(field.key ?? field.value) }

    /// What a value is, for messages.
    func describe(_ field: Field) -> String {
        let target = tree.resolved(field.value)
        switch tree[target].kind {
        case .mapping: return "a map"
        case .sequence: return "a list"
        case .scalar, .alias: return tree.isAbsent(target) ? "empty" : Shown.quoted(tree.text(target))
        }
    }

    // MARK: Text

    /// The text of a scalar with its variables replaced.
    ///
    /// - Parameters:
    ///   - expected: What the key takes, such as `a duration`.
    ///   - code: What a list or a map is told as.
    /// - Returns: `nil` when it is no scalar, or has a variable without a value.
    func text(_ field: Field, expected: String = "text", code: DiagnosticCode = .type) -> ExpandedText? {
        let target = tree.resolved(field.value)
        guard tree[target].kind == .scalar else {
            tellType(field, expected, code)
            return nil
        }
        return expanded(target)
    }

    /// The text of a scalar node with its variables replaced; `nil` after telling what cannot be.
    func expanded(_ target: NodeID) -> ExpandedText? {
        if isUnknown(target) { return nil }
        guard tree.withBytes(of: target, VariableExpansion.isNeeded) else {
            return ExpandedText(text: tree.text(target))
        }
        do throws(VariableSyntaxError) {
            let result = try VariableExpansion.expand(tree.text(target), environment: environment)
            for name in result.unset { tellUnset(name, at: target) }
            return result.unset.isEmpty ? result : nil
        } catch {
            sink.error(
                .syntax, at: tree.place(target), error.message,
                help: "write ${NAME} or ${NAME:-default}, and $${ for a literal ${")
            return nil
        }
    }

    private func tellUnset(_ name: String, at node: NodeID) {
        unset?.insert(name)
        sink.add(
            unsetSeverity, .unsetVariable, at: tree.place(node), "variable \(Shown.quoted(name)) is not set",
            help: "set it in the environment or in .env, or give a default: ${\(name):-…}")
    }

    /// Whether what a node was meant to be cannot be known, for a reason that was told: an alias that names
    /// nothing, or a syntax error within.
    func isUnknown(_ target: NodeID) -> Bool { !tree[target].flags.isDisjoint(with: [.isUnknown, .isIncomplete]) }

    /// Tells that a value is not what its key takes.
    func tellType(_ field: Field, _ expected: String, _ code: DiagnosticCode = .type, help: String? = nil) {
        if isUnknown(tree.resolved(field.value)) { return }
        let subject = Shown.quoted(field.name)
        sink.error(code, at: place(field), "\(subject) must be \(expected), not \(describe(field))", help: help)
    }

    /// Tells of a key that means nothing where it stands, and looks at what is below it all the same.
    ///
    /// - Parameter owner: Where it stands: `a task`, `"retry"`.
    func tellUnknownKey(_ field: Field, in owner: String, known keys: [String]) {
        guard isNews(field) else { return }
        sink.error(
            .unknownKey, at: namePlace(field), "unknown key \(Shown.quoted(field.name)) in \(owner)",
            help: suggestions.help(for: field.name, among: keys, kind: "keys"))
        checkVariables(field.value)
    }

    /// Whether an unknown key is to be told: one that `<<` brings into many maps is the same in each, and looking at
    /// all that is below it every time would be quadratic.
    func isNews(_ field: Field) -> Bool {
        guard field.isMerged, let key = field.key else { return true }
        return cache.isNews(key, unsetSeverity)
    }

    /// Tells of a key that is required and not there; not when the rest of the map could not be read.
    func tellMissingKey(_ key: String, in owner: String, of map: NodeID?, at place: Place, help: String? = nil) {
        if let map, tree[tree.resolved(map)].flags.contains(.isIncomplete) { return }
        sink.error(.missingKey, at: place, "\(owner) has no \(Shown.quoted(key))", help: help)
    }

    // MARK: Collections

    /// The entries of a map; nothing at all counts as an empty one.
    func entries(_ field: Field, expected: String = "a map") -> [Entry]? {
        let target = tree.resolved(field.value)
        if tree[target].kind == .mapping { return tree.entries(of: target) }
        if tree.isNull(target), !isUnknown(target) { return [] }
        tellType(field, expected)
        return nil
    }

    /// The items of a list; nothing at all counts as an empty one.
    func items(_ field: Field, expected: String = "a list") -> [Field]? {
        let target = tree.resolved(field.value)
        if tree[target].kind == .sequence {
            return tree.children(of: target).map { Field(name: field.name, key: nil, value: $0) }
        }
        if tree.isNull(target), !isUnknown(target) { return [] }
        tellType(field, expected)
        return nil
    }

    func field(_ entry: Entry) -> Field {
        Field(name: tree.text(tree.resolved(entry.key)), key: entry.key, value: entry.value, isMerged: entry.isMerged)
    }

    /// Tells of variables without a value in everything below a node whose meaning is not known.
    func checkVariables(_ node: NodeID) {
        var rest = [node]
        while let next = rest.popLast() {
            let target = tree[next].kind == .alias ? nil : Optional(next)
            // What an alias stands for is checked where it stands.
            guard let target else { continue }
            switch tree[target].kind {
            case .scalar: _ = expanded(target)
            case .sequence: rest += tree.children(of: target)
            case .mapping: rest += tree.children(of: target).enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            case .alias: break
            }
        }
    }
}
