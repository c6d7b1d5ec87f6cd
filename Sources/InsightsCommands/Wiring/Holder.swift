internal import InsightsEngine

/// Who has a database.
enum Holder: Sendable {
    case nobody
    /// Takes requests.
    case serve(NodeIdentity)
    /// Runs what it was told, and takes no requests.
    case oneshot(NodeIdentity)
    /// Somebody who has left no word of it.
    case unknown
}

extension StoreReader {
    /// Who has this database now.
    ///
    /// A process has its place for a moment before it can be known, and for a moment after: then this looks again.
    ///
    /// - Parameter patience: After this somebody unknown is ``Holder/unknown``.
    func holder(within patience: Duration = .seconds(1)) async throws(StoreError) -> Holder {
        let deadline = ContinuousClock.now + patience
        while true {
            guard let node = try await runningNode() else { return .nobody }
            if NodeName.isServe(node.name), node.processID != 0 { return .serve(node) }
            if node.processID != 0 {
                // Of several, one that serves is enough.
                let serving = try await nodes().first { $0.isAlive && $0.processID != 0 && NodeName.isServe($0.name) }
                return serving.map { .serve($0.identity) } ?? .oneshot(node)
            }
            if ContinuousClock.now > deadline { return .unknown }
            do { try await SystemClock().sleep(for: .milliseconds(10)) } catch { return .unknown }
        }
    }
}
