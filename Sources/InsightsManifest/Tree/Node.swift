/// A node's number in its ``NodeTree``.
struct NodeID: Hashable {
    var index: UInt32
}

/// One node of the YAML tree; 28 bytes, as a manifest may have millions.
struct Node {
    enum Kind: UInt8 {
        case scalar
        case sequence
        case mapping
        /// Stands for the node that its anchor names.
        case alias
    }

    /// How a scalar or collection is written.
    enum Style: UInt8 {
        /// A scalar without quotes.
        case plain
        /// A scalar in quotes of either kind.
        case quoted
        /// A scalar after `|` or `>`; a collection by indentation.
        case block
        /// A collection in brackets.
        case flow
    }

    struct Flags: OptionSet {
        let rawValue: UInt8
        /// The scalar's text stands in the file exactly as it is; `first` counts from the file's start.
        static let isVerbatim = Flags(rawValue: 1)
        /// A mapping with a `<<` of its own.
        static let hasMerge = Flags(rawValue: 2)
        /// A mapping with equal keys, which were told.
        static let hasDuplicates = Flags(rawValue: 4)
        /// A collection that a syntax error cut short: what it lacks may have been to come.
        static let isIncomplete = Flags(rawValue: 8)
        /// A scalar whose value cannot be known, for a reason that was told: it stands in the place of an alias
        /// that names nothing, or ran into a syntax error.
        static let isUnknown = Flags(rawValue: 16)
        /// A node with an anchor.
        static let isShared = Flags(rawValue: 32)
    }

    /// The first byte of the content, after anchor and tag; of an alias, its `*`.
    var start: UInt32
    /// One past the last byte. Of a block collection nothing follows from it.
    var end: UInt32
    /// Scalar: where its text begins. Collection: its first child. Alias: the node it stands for.
    var first: UInt32 = 0
    /// Scalar: bytes of text. Sequence: items. Mapping: keys and values together.
    var count: UInt32 = 0
    /// Nodes in the tree below and including this one with aliases expanded.
    var expanded: UInt32 = 1
    /// Collections on the longest way down, including this one, with aliases expanded; 0 for a scalar.
    var height: UInt8 = 0
    var kind: Kind
    var style: Style
    var flags: Flags = []
}
