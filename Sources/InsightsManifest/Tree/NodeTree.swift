/// A YAML document as nodes in a few flat arrays; aliases stay references.
struct NodeTree {
    let source: SourceText
    var nodes: [Node] = []
    /// The children of each collection, one after the other; a mapping's are key, value, key, value, …
    var children: [NodeID] = []
    /// The texts of scalars that do not stand in the file as they are: escaped, or over several lines.
    var texts: [UInt8] = []
    /// `nil` when the file holds nothing but white space and comments.
    var root: NodeID?
    /// Whether a syntax error ended the reading: what is missing may have been to come.
    var isPartial = false
    /// Whether a limit ended the reading: such a tree is not to be walked with its aliases followed.
    var isOverLimit = false

    init(source: SourceText) { self.source = source }

    subscript(id: NodeID) -> Node { nodes[Int(id.index)] }

    /// The node that `id` stands for: itself, unless it is an alias.
    func resolved(_ id: NodeID) -> NodeID {
        let node = self[id]
        return node.kind == .alias ? NodeID(index: node.first) : id
    }

    /// Whether an anchor stands before a node, so that aliases can stand for it.
    func isShared(_ id: NodeID) -> Bool { self[id].flags.contains(.isShared) }

    /// The items of a sequence, or keys and values of a mapping.
    func children(of id: NodeID) -> ArraySlice<NodeID> {
        let node = self[id]
        return children[Int(node.first)..<Int(node.first + node.count)]
    }

    /// The text of a scalar, escapes and line folding resolved.
    func text(_ id: NodeID) -> String {
        withBytes(of: id) { String(decoding: $0, as: UTF8.self) }
    }

    /// Calls `body` with the bytes of a scalar's text, which are UTF-8.
    func withBytes<Result>(of id: NodeID, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let node = self[id]
        let range = Int(node.first)..<Int(node.first + node.count)
        return (node.flags.contains(.isVerbatim) ? source.bytes : texts).withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[range]))
        }
    }

    /// Whether a scalar is written as nothing at all: `timeout:`.
    func isAbsent(_ id: NodeID) -> Bool {
        let node = self[id]
        return node.kind == .scalar && node.style == .plain && node.count == 0
    }

    /// Whether a scalar is YAML's null: nothing, `~` or `null`, without quotes.
    func isNull(_ id: NodeID) -> Bool {
        let node = self[id]
        guard node.kind == .scalar, node.style == .plain else { return false }
        return node.count == 0 || node.count <= 4 && ["~", "null", "Null", "NULL"].contains(text(id))
    }

    /// Where a node is shown: its own text, but of a block collection only what stands on its first line.
    func place(_ id: NodeID) -> Place {
        let node = self[id]
        guard node.kind == .sequence || node.kind == .mapping, node.style == .block else {
            return Place(start: Int(node.start), end: Int(node.end))
        }
        return Place(start: Int(node.start), end: endOnFirstLine(id))
    }

    private func endOnFirstLine(_ id: NodeID) -> Int {
        var end = Int(self[id].start)
        var next: NodeID? = id
        while let current = next {
            next = nil
            let node = self[current]
            guard node.kind == .sequence || node.kind == .mapping, node.style == .block else {
                return Int(node.end)
            }
            // The key of a map or the dash of a list, then what follows it on the same line.
            let parts = children(of: current)
            if node.kind == .mapping, let key = parts.first { end = Int(self[key].end) }
            if node.kind == .sequence { end = Int(node.start) + 1 }
            guard let inner = node.kind == .mapping ? parts.dropFirst().first : parts.first else { break }
            let start = Int(self[inner].start)
            if start > end, !isAbsent(inner), source.lineEnd(from: end, limit: start - end) == start { next = inner }
        }
        return end
    }
}
