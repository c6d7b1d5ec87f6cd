/// One key of a mapping with its value, as it counts after `<<` was followed.
struct Entry {
    var key: NodeID
    var value: NodeID
    /// Whether it came in by `<<`.
    var isMerged: Bool
}

extension NodeTree {
    /// Whether a key is the merge key: `<<` without quotes.
    func isMergeKey(_ id: NodeID) -> Bool {
        let node = self[id]
        return node.kind == .scalar && node.style == .plain && node.count == 2
            && withBytes(of: id) { $0[0] == UInt8(ascii: "<") && $0[1] == UInt8(ascii: "<") }
    }

    /// The entries of a mapping: its own in their order, then those that `<<` brings in.
    ///
    /// An own key wins over a merged one, an earlier map of a `<<` list over a later one, and of two equal
    /// keys the first stays; a key that is no scalar is left out: both were told when the tree was built.
    ///
    /// - Complexity: O(keys), those of merged maps included; the tree's limit on expanded nodes bounds it.
    func entries(of mapping: NodeID) -> [Entry] {
        let own = children(of: mapping)
        var entries: [Entry] = []
        entries.reserveCapacity(own.count / 2)
        let flags = self[mapping].flags
        let isSimple = flags.isDisjoint(with: [.hasMerge, .hasDuplicates])
        var seen: Set<String> = []
        var merges: [NodeID] = []
        var index = own.startIndex
        while index + 1 < own.endIndex {
            let key = resolved(own[index])
            let value = own[index + 1]
            index += 2
            guard self[key].kind == .scalar else { continue }
            if flags.contains(.hasMerge), isMergeKey(key) {
                merges.append(value)
            } else if isSimple || seen.insert(text(key)).inserted {
                entries.append(Entry(key: own[index - 2], value: value, isMerged: false))
            }
        }
        for merge in merges { addMerged(merge, to: &entries, seen: &seen) }
        return entries
    }

    private func addMerged(_ merge: NodeID, to entries: inout [Entry], seen: inout Set<String>) {
        let target = resolved(merge)
        switch self[target].kind {
        case .mapping:
            for entry in self.entries(of: target) where seen.insert(text(resolved(entry.key))).inserted {
                entries.append(Entry(key: entry.key, value: entry.value, isMerged: true))
            }
        case .sequence:
            for item in children(of: target) where self[resolved(item)].kind == .mapping {
                addMerged(item, to: &entries, seen: &seen)
            }
        case .scalar, .alias: break
        }
    }
}
