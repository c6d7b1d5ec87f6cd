import CLibYAML
import InsightsEngine

/// Builds the tree of a manifest from libyaml's events.
///
/// Finds what is wrong with the YAML itself: syntax, equal keys, keys that are no text, unknown aliases and
/// tags, a second document, and whatever is past a limit. Sizes with aliases expanded are counted as the
/// nodes come in and nothing is ever expanded, so a file that would grow a million times costs no more than
/// any other of its length.
struct TreeBuilder {
    /// A collection that is still being read.
    struct Frame {
        var node: NodeID
        /// Where its children begin in `pending`.
        var firstChild: Int
        /// Its tag, if that is one to tell of: at its end, when it is known how far it goes.
        var unknownTag: String?
    }

    private(set) var tree: NodeTree
    let sink: DiagnosticSink
    private let limits: TreeLimits
    private var open: [Frame] = []
    /// The children so far of the collections that are open, the innermost's last.
    private var pending: [NodeID] = []
    private var anchors: [String: NodeID] = [:]
    /// Nodes so far, with aliases expanded.
    private var expanded = 0
    private var cursor = Waypoint()
    private var documents = 0

    /// Reads a text that has no faults.
    static func build(_ source: SourceText, sink: DiagnosticSink, limits: TreeLimits = TreeLimits()) -> NodeTree {
        var builder = TreeBuilder(source: source, sink: sink, limits: limits)
        guard !source.bytes.isEmpty else { return builder.tree }
        source.bytes.withUnsafeBufferPointer { builder.read($0) }
        return builder.tree
    }

    private init(source: SourceText, sink: DiagnosticSink, limits: TreeLimits) {
        tree = NodeTree(source: source)
        self.sink = sink
        self.limits = limits
    }

    private mutating func read(_ text: UnsafeBufferPointer<UInt8>) {
        var events = EventStream(text)
        do throws(YAMLFailure) {
            while try take(events.next()) {}
        } catch {
            let failure = SyntaxFailure(failure: error, source: tree.source, bracket: openBracket)
            sink.error(.syntax, at: failure.place, failure.message, help: failure.help)
            // What was read last may be what went wrong, such as a plain text that swallowed the next line.
            if let last = tree.nodes.indices.last, tree.nodes[last].kind == .scalar {
                tree.nodes[last].flags.insert(.isUnknown)
            }
            stop()
        }
    }

    /// Where the innermost `{` or `[` stands, if the reading is within one.
    private var openBracket: Int? {
        guard let node = open.last.map({ tree[$0.node] }), node.style == .flow else { return nil }
        let start = tree.source.contentStart(from: Int(node.start))
        return start < tree.source.bytes.count ? start : nil
    }

    /// Closes what is open: the rest of the file cannot be read or is not wanted.
    private mutating func stop() {
        tree.isPartial = true
        while let frame = open.last {
            tree.nodes[Int(frame.node.index)].flags.insert(.isIncomplete)
            close(at: tree.nodes[Int(frame.node.index)].end)
        }
    }

    /// Takes in one event.
    ///
    /// - Returns: Whether to read on.
    private mutating func take(_ event: UnsafePointer<yaml_event_t>) -> Bool {
        switch event.pointee.type {
        case YAML_STREAM_END_EVENT: return false
        case YAML_DOCUMENT_START_EVENT: return startDocument(event.pointee)
        case YAML_SCALAR_EVENT: return addScalar(event.pointee)
        case YAML_SEQUENCE_START_EVENT:
            let data = event.pointee.data.sequence_start
            let style: Node.Style = data.style == YAML_FLOW_SEQUENCE_STYLE ? .flow : .block
            return openCollection(event.pointee, .sequence, style, anchor: data.anchor, tag: data.tag)
        case YAML_MAPPING_START_EVENT:
            let data = event.pointee.data.mapping_start
            let style: Node.Style = data.style == YAML_FLOW_MAPPING_STYLE ? .flow : .block
            return openCollection(event.pointee, .mapping, style, anchor: data.anchor, tag: data.tag)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            close(at: UInt32(offset(event.pointee.end_mark)))
            return true
        case YAML_ALIAS_EVENT: return addAlias(event.pointee)
        default: return true
        }
    }

    private mutating func startDocument(_ event: yaml_event_t) -> Bool {
        documents += 1
        guard documents > 1 else { return true }
        let start = offset(event.start_mark)
        let isExplicit = event.data.document_start.implicit == 0
        sink.error(
            .syntax, at: Place(start: start, end: start + (isExplicit ? 3 : 1)), "a second document begins here",
            help: "a manifest is one document: take out this line and what follows, or move it to another file")
        return false
    }

    /// The byte of one of libyaml's marks.
    private mutating func offset(_ mark: yaml_mark_t) -> Int {
        tree.source.offset(ofScalar: mark.index, near: &cursor)
    }

    /// Puts a node into the collection that is open, or at the root.
    ///
    /// - Returns: Whether it keeps the limits.
    private mutating func add(_ node: Node, at id: NodeID) -> Bool {
        if open.isEmpty { tree.root = id } else { pending.append(id) }
        expanded += Int(node.expanded)
        let depth = open.count + Int(node.height)
        let place = Place(start: Int(node.start), end: Int(node.end))
        if depth > limits.depth {
            tellLimit(place, "nested more than \(limits.depth) levels deep", "the limit is \(limits.depth) levels")
            return false
        }
        if expanded > limits.nodes {
            let count = "\(limits.nodes) nodes"
            tellLimit(place, "more than \(count) once aliases are expanded", "the limit is \(count)")
            return false
        }
        return true
    }

    private mutating func tellLimit(_ place: Place, _ message: String, _ help: String) {
        sink.error(.limit, at: place, message, help: help)
        tree.isOverLimit = true
        stop()
    }
}

// Scalars, collections and aliases.
extension TreeBuilder {
    private mutating func addScalar(_ event: yaml_event_t) -> Bool {
        let data = event.data.scalar
        let style: Node.Style
        switch data.style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE, YAML_DOUBLE_QUOTED_SCALAR_STYLE: style = .quoted
        case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: style = .block
        default: style = .plain
        }
        var node = node(event, .scalar, style, hasProperties: data.anchor != nil || data.tag != nil)
        if style == .block { node.end = UInt32(tree.source.blockHeaderEnd(from: Int(node.start))) }
        store(UnsafeBufferPointer(start: data.value, count: data.length), in: &node)
        let id = append(node, anchor: data.anchor)
        if let tag = unknownTag(data.tag, of: .scalar) { tellTag(tag, of: id) }
        return add(node, at: id)
    }

    /// Remembers a scalar's text: where it stands in the file, or a copy when it is not there as it is.
    private mutating func store(_ text: UnsafeBufferPointer<UInt8>, in node: inout Node) {
        node.count = UInt32(text.count)
        let skipped = node.style == .quoted ? 1 : 0
        let start = Int(node.start) + skipped
        if Int(node.end) - skipped - start == text.count,
            tree.source.bytes[start..<start + text.count].elementsEqual(text)
        {
            node.first = UInt32(start)
            node.flags.insert(.isVerbatim)
        } else {
            node.first = UInt32(tree.texts.count)
            tree.texts.append(contentsOf: text)
        }
    }

    private mutating func openCollection(
        _ event: yaml_event_t, _ kind: Node.Kind, _ style: Node.Style, anchor: UnsafeMutablePointer<UInt8>?,
        tag: UnsafeMutablePointer<UInt8>?
    ) -> Bool {
        var node = node(event, kind, style, hasProperties: anchor != nil || tag != nil)
        node.height = 1
        let id = append(node, anchor: anchor)
        guard add(node, at: id) else { return false }
        open.append(Frame(node: id, firstChild: pending.count, unknownTag: unknownTag(tag, of: kind)))
        return true
    }

    /// Ends the collection that is open and works out its sizes.
    private mutating func close(at end: UInt32) {
        let frame = open.removeLast()
        var node = tree[frame.node]
        if node.kind == .mapping, (pending.count - frame.firstChild) % 2 == 1 { pending.removeLast() }
        node.first = UInt32(tree.children.count)
        node.count = UInt32(pending.count - frame.firstChild)
        if node.style == .flow { node.end = end }
        for child in pending[frame.firstChild...] {
            node.expanded += tree[child].expanded
            node.height = max(node.height, tree[child].height + 1)
        }
        tree.children.append(contentsOf: pending[frame.firstChild...])
        pending.removeSubrange(frame.firstChild...)
        tree.nodes[Int(frame.node.index)] = node
        if let tag = frame.unknownTag { tellTag(tag, of: frame.node) }
        if node.kind == .mapping { tree.nodes[Int(frame.node.index)].flags.formUnion(checkKeys(of: frame.node)) }
    }

    private mutating func addAlias(_ event: yaml_event_t) -> Bool {
        let start = offset(event.start_mark)
        let end = offset(event.end_mark)
        let place = Place(start: start, end: end)
        let name = String(cString: event.data.alias.anchor)
        var node = Node(start: UInt32(start), end: UInt32(end), kind: .alias, style: .plain)
        if let target = anchors[name] {
            node.first = target.index
            node.expanded = tree[target].expanded
            node.height = tree[target].height
            if open.contains(where: { $0.node == target }) {
                tellLimit(
                    place, "alias \(Shown.quoted("*" + name)) stands inside what it names, which would never end",
                    "the limit is \(limits.depth) levels: name a finished value")
                return false
            }
        } else {
            let help = anchors.isEmpty ? "no anchor comes before it" : "write &\(name) before the value that it names"
            sink.error(.syntax, at: place, "unknown alias \(Shown.quoted("*" + name))", help: help)
            // An empty scalar in its place lets the rest be checked.
            node.kind = .scalar
            node.flags = .isUnknown
        }
        return add(node, at: append(node, anchor: nil))
    }

    private mutating func append(_ node: Node, anchor: UnsafeMutablePointer<UInt8>?) -> NodeID {
        let id = NodeID(index: UInt32(tree.nodes.count))
        tree.nodes.append(node)
        if let anchor {
            anchors[String(cString: anchor)] = id
            tree.nodes[Int(id.index)].flags.insert(.isShared)
        }
        return id
    }

    private mutating func node(
        _ event: yaml_event_t, _ kind: Node.Kind, _ style: Node.Style, hasProperties: Bool
    ) -> Node {
        var start = offset(event.start_mark)
        let end = max(offset(event.end_mark), start)
        let isNothing = kind == .scalar && style == .plain && event.data.scalar.length == 0
        if isNothing { start = end } else if hasProperties { start = tree.source.contentStart(from: start) }
        return Node(start: UInt32(start), end: UInt32(max(start, end)), kind: kind, style: style)
    }
}
