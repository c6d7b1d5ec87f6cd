import InsightsEngine

/// What YAML allows and a manifest does not.
extension TreeBuilder {
    /// The tag as people write it if it asks for something else than what a manifest gives.
    ///
    /// YAML's own tags change nothing, as the key decides on a value's type; any other, such as `!include` or
    /// `!vault`, means something that would silently not happen.
    func unknownTag(_ tag: UnsafeMutablePointer<UInt8>?, of kind: Node.Kind) -> String? {
        guard let tag else { return nil }
        let text = String(cString: tag)
        let prefix = "tag:yaml.org,2002:"
        let allowed: Set<String>
        switch kind {
        case .scalar, .alias: allowed = ["str", "int", "float", "bool", "null", "timestamp"]
        case .sequence: allowed = ["seq"]
        case .mapping: allowed = ["map"]
        }
        if text == "!" { return nil }
        guard text.hasPrefix(prefix) else { return text }
        let name = String(text.dropFirst(prefix.count))
        return allowed.contains(name) ? nil : "!!" + name
    }

    func tellTag(_ tag: String, of id: NodeID) {
        sink.error(
            .type, at: tree.place(id), "unknown tag \(Shown.quoted(tag))",
            help: "take the tag out: the key decides how its value is read")
    }

    /// Tells of equal keys, keys that are no text and merges of what is no map.
    ///
    /// - Returns: What the mapping's flags gain.
    func checkKeys(of mapping: NodeID) -> Node.Flags {
        var flags: Node.Flags = []
        var seen = KeyIndex(tree)
        let parts = tree.children(of: mapping)
        var index = parts.startIndex
        while index < parts.endIndex {
            let key = tree.resolved(parts[index])
            let value = parts[index + 1]
            index += 2
            guard tree[key].kind == .scalar else {
                sink.error(
                    .type, at: tree.place(parts[index - 2]), "a key must be text",
                    help: "take out the brackets, or the \"?\" before the key")
                continue
            }
            if tree.isMergeKey(key) {
                flags.insert(.hasMerge)
                checkMerge(value)
            }
            if let first = seen.insert(key, at: parts[index - 2]) {
                flags.insert(.hasDuplicates)
                tellDuplicate(parts[index - 2], of: first)
            }
        }
        return flags
    }

    private func tellDuplicate(_ key: NodeID, of first: NodeID) {
        let (line, column) = tree.source.position(of: tree.place(first).start)
        sink.error(
            .duplicateKey, at: tree.place(key),
            "duplicate key \(Shown.quoted(tree.text(tree.resolved(key)))), first given at \(line):\(column)",
            help: "keep one of the two")
    }

    private func checkMerge(_ value: NodeID) {
        let target = tree.resolved(value)
        switch tree[target].kind {
        case .mapping: return
        case .sequence:
            for item in tree.children(of: target) where tree[tree.resolved(item)].kind != .mapping {
                if !tree[tree.resolved(item)].flags.contains(.isUnknown) { tellMerge(item) }
            }
        case .scalar, .alias: if !tree[target].flags.contains(.isUnknown) { tellMerge(value) }
        }
    }

    private func tellMerge(_ value: NodeID) {
        sink.error(
            .type, at: tree.place(value), "\"<<\" takes a map or a list of maps",
            help: "write << followed by an alias, such as <<: *base")
    }
}

/// The keys of one mapping so far.
///
/// Most mappings have a handful of keys, for which comparing is quicker than hashing; and a manifest has as
/// many mappings as tasks.
private struct KeyIndex {
    private let tree: NodeTree
    private var few: [(key: NodeID, written: NodeID)] = []
    private var many: [String: NodeID] = [:]
    /// Whether all are ASCII, where equal text is equal bytes.
    private var isPlain = true

    init(_ tree: NodeTree) { self.tree = tree }

    /// Takes in a key.
    ///
    /// - Returns: Where an equal one was written before.
    mutating func insert(_ key: NodeID, at written: NodeID) -> NodeID? {
        isPlain = isPlain && tree.withBytes(of: key) { bytes in bytes.allSatisfy { $0 < 0x80 } }
        if many.isEmpty {
            if let equal = few.first(where: { isEqual($0.key, key) }) { return equal.written }
            few.append((key, written))
            if few.count > 16 { many = Dictionary(few.map { (tree.text($0.key), $0.written) }) { first, _ in first } }
            return nil
        }
        let text = tree.text(key)
        if let equal = many[text] { return equal }
        many[text] = written
        return nil
    }

    /// As text, as everything after this compares keys: `é` in one scalar or in two is one key.
    private func isEqual(_ left: NodeID, _ right: NodeID) -> Bool {
        guard isPlain else { return tree.text(left) == tree.text(right) }
        guard tree[left].count == tree[right].count else { return false }
        return tree.withBytes(of: left) { first in tree.withBytes(of: right) { first.elementsEqual($0) } }
    }
}

extension SourceText {
    /// Where a node's content begins, its anchor and tag left out.
    ///
    /// - Parameter start: Where libyaml says that the node begins: at its anchor or tag.
    func contentStart(from start: Int) -> Int {
        var index = start
        var properties: [UInt8] = [UInt8(ascii: "&"), UInt8(ascii: "!")]
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            case UInt8(ascii: "#"): index = lineEnd(from: index, limit: bytes.count)
            case let byte where properties.contains(byte):
                properties.removeAll { $0 == byte }
                while index < bytes.count, !isEndOfProperty(bytes[index]) { index += 1 }
            default: return index
            }
        }
        return index
    }

    /// Where the header of a block scalar ends: `|` or `>` with its signs.
    func blockHeaderEnd(from start: Int) -> Int {
        var end = start + 1
        while end < bytes.count, bytes[end] > 0x20 { end += 1 }
        return end
    }

    private func isEndOfProperty(_ byte: UInt8) -> Bool {
        // libyaml wants white space after an anchor or tag; the brackets end one where it is lenient.
        byte <= 0x20 || byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "\"")
    }
}
