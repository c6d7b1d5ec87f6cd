package import InsightsPlugin

/// A process that runs tasks, as `insights nodes` and `/api/nodes` show it.
package struct NodeRecord: Hashable, Sendable {
    /// Unique per process start, as in ``NodeIdentity/name``.
    package var name: String
    package var processID: Int32
    package var version: String
    /// By the database's clock, where it has one; `nil` when that is not known.
    package var startedAt: Instant?
    /// When it last renewed its lease; of a store that needs none, now.
    package var lastSeen: Instant
    /// Whether it still has its lease.
    package var isAlive: Bool
    /// Attempts going on, as of ``lastSeen``.
    package var running: Int
    /// ``Manifest/hash`` of its manifest in force; `nil` when that is not known.
    package var manifest: UInt64?
    /// As in ``NodeReport/takesShare``.
    package var takesShare: Bool

    package init(
        name: String, processID: Int32, version: String, startedAt: Instant?, lastSeen: Instant, isAlive: Bool,
        running: Int, manifest: UInt64?, takesShare: Bool
    ) {
        self.name = name
        self.processID = processID
        self.version = version
        self.startedAt = startedAt
        self.lastSeen = lastSeen
        self.isAlive = isAlive
        self.running = running
        self.manifest = manifest
        self.takesShare = takesShare
    }
}

extension [NodeRecord] {
    /// The manifest that most of the living nodes have, of two that as many have that of the node which started last;
    /// `nil` when none is known. A node *agrees* when it has this one.
    package var prevailingManifest: UInt64? {
        var counts: [UInt64: (count: Int, newest: Instant?)] = [:]
        for node in self where node.isAlive {
            guard let manifest = node.manifest else { continue }
            let known = counts[manifest] ?? (0, nil)
            let newest = [known.newest, node.startedAt].compactMap { $0 }.max()
            counts[manifest] = (known.count + 1, newest)
        }
        func rank(_ entry: (count: Int, newest: Instant?), _ hash: UInt64) -> (Int, Int64, UInt64) {
            (entry.count, entry.newest?.milliseconds ?? .min, hash)
        }
        return counts.max { rank($0.value, $0.key) < rank($1.value, $1.key) }?.key
    }

    /// Each as `{"name","pid","version","started_at","last_seen_at","alive","running","manifest","agrees"}`; the
    /// manifest's hash as 16 hexadecimal digits, `agrees` null when it is not known.
    package var json: [Value] {
        let prevailing = prevailingManifest
        return map { node in
            .object([
                "name": .string(node.name), "pid": .integer(Int64(node.processID)),
                "version": .string(node.version), "started_at": node.startedAt.map { Value($0) } ?? .null,
                "last_seen_at": Value(node.lastSeen), "alive": .bool(node.isAlive),
                "running": .integer(Int64(node.running)), "manifest": Value(node.manifestText),
                "agrees": node.manifest.map { .bool($0 == prevailing) } ?? .null,
            ])
        }
    }
}

extension NodeRecord {
    /// Who it is, without what it does.
    package var identity: NodeIdentity {
        NodeIdentity(name: name, processID: processID, version: version, manifest: manifest)
    }

    /// The manifest's hash as 16 hexadecimal digits.
    package var manifestText: String? {
        manifest.map { hash in
            let digits = String(hash, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
    }
}
