internal import Glibc
internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// A node among others: its lease, and what it knows of the rest.
extension Engine {
    /// What is known of the other nodes; of no use where one process has the store.
    struct Sharing: Sendable {
        var lease = LeaseKeeper()
        var living: [NodeRecord] = []
        /// Tasks that are registered with another definition than this node's.
        var differing: [TaskID: String] = [:]
        /// As of the last look at what is registered; `nil`: another look is due.
        var definitions: Int64?
        var knownDefinitions: Int64?
        /// Triggers that are gathering tasks: nothing is given away meanwhile.
        var gatherings = 0
        var isAskingNews = false
        /// What was said of manifests that differ.
        var toldManifests: String?
        var isClockTold = false
    }

    /// From this difference on, in seconds, people are told of the clock.
    private static let tellableDifference: Duration = .seconds(60)

    /// How this process takes part; `nil` where it has the store for itself.
    var takesShare: Bool { configuration.isSchedulerEnabled && !knowledge.withLock { $0.isStopping } }

    /// Enters the node, and learns who else there is.
    func enter(_ shared: any SharedStore) async throws(StoreError) {
        try await store.acquire(identity)
        let sent = machineMoment
        let renewal = try await shared.renew(report)
        note(renewal, sent: sent)
        sharing.withLock { $0.lease.entered(sentAt: sent.uptime, duration: renewal.duration) }
    }

    var identity: NodeIdentity {
        NodeIdentity(
            name: configuration.nodeName, processID: getpid(), version: configuration.version, manifest: manifest.hash)
    }

    private var report: NodeReport {
        NodeReport(
            manifest: manifest.hash, running: planner.withLock { $0.activeRuns }, takesShare: takesShare)
    }

    private var machineMoment: Moment { nodeClock?.machine ?? clock.moment }

    private func note(_ renewal: LeaseRenewal, sent: Moment) {
        nodeClock?.note(renewal.at, sent: sent, received: machineMoment)
        sharing.withLock { $0.living = renewal.living }
        tellClock()
    }

    private func tellClock() {
        guard let difference = nodeClock?.difference else { return }
        let isFar = difference.magnitude > Engine.tellableDifference
        let isNews = sharing.withLock { sharing in
            defer { sharing.isClockTold = isFar }
            return sharing.isClockTold != isFar
        }
        guard isNews else { return }
        if isFar {
            logger.warning("this machine's clock differs from the database's, which is used: \(clockWords ?? "")")
        } else {
            logger.notice("this machine's clock agrees with the database's again")
        }
    }

    /// What is to be said of the clock, if anything.
    var clockWords: String? {
        guard let difference = nodeClock?.difference, difference.magnitude > Engine.tellableDifference else {
            return nil
        }
        let seconds = difference.magnitude.inSeconds.rounded()
        return
            "this machine's clock is \(Int64(seconds)) s \(difference > .zero ? "behind" : "ahead of") the database's"
    }

    // MARK: The lease

    /// Renews the lease when it is time, and enters anew when it is lost; at least once a second. One at a time: a second
    /// entry would bury the first with all that it has just taken.
    func keepLease(_ shared: any SharedStore) async {
        await keepingLease.run {
            let uptime = clock.moment.uptime
            switch sharing.withLock({ $0.lease.duty(at: uptime) }) {
            case .nothing: break
            case .renew: await renew(shared)
            case .enter: await enterAnew(shared)
            }
        }
    }

    private func renew(_ shared: any SharedStore) async {
        let (sent, entry) = (machineMoment, leaseEntry)
        do throws(StoreError) {
            let renewal = try await shared.renew(report)
            note(renewal, sent: sent)
            sharing.withLock { $0.lease.renewed(sentAt: sent.uptime, duration: renewal.duration) }
        } catch {
            if error.kind == .leaseLost { return loseLease(error, entry) }
            sharing.withLock { $0.lease.failed(at: clock.moment.uptime) }
            logger.debug("the lease was not renewed: \(error)")
        }
    }

    private func enterAnew(_ shared: any SharedStore) async {
        guard !knowledge.withLock({ $0.isStopping }) else { return }
        do throws(StoreError) {
            try await enter(shared)
            logger.notice("it is a node again, and takes tasks")
            storeChanged(nil)
            await balance(shared)
        } catch {
            sharing.withLock { $0.lease.failed(at: clock.moment.uptime) }
            // What keeps it out is what to look after, more than that the lease has run out.
            storeChanged(error)
            logger.debug("the node was not entered: \(error)")
        }
    }

    /// Looks whether the lease can still be trusted; apart from the renewal, which may be waiting for a silent database.
    func watchLease() {
        let uptime = clock.moment.uptime
        guard sharing.withLock({ $0.lease.lapse(at: uptime) }) else { return }
        forgetLease(StoreError(.unavailable, "the lease could not be renewed in time"))
    }

    /// Which lease is asked for something, should the store say that it is lost.
    var leaseEntry: UInt64 { sharing.withLock { $0.lease.entry } }

    /// The store has said that the lease of that entry is lost.
    func loseLease(_ error: StoreError, _ entry: UInt64) {
        guard sharing.withLock({ $0.lease.lose(entry) }) else { return }
        forgetLease(error)
    }

    /// Nothing more of what this node had is written, and its code is stopped.
    private func forgetLease(_ error: StoreError) {
        writer.lose()
        storeChanged(error)
        logger.error("what this node had is given up, as other nodes may have it by now: \(error)")
        post([.leaseLost])
    }

    /// The planner has forgotten everything: what it wants written from here on is for another lease.
    func forgotEverything() {
        writer.reopen()
        sharing.withLock { $0.lease.forgot() }
    }

    /// Whether what is written now would be this node's to write.
    var isLeaseTrusted: Bool {
        guard shared != nil else { return true }
        let uptime = clock.moment.uptime
        return sharing.withLock { $0.lease.isTrusted(at: uptime) }
    }

    // MARK: What others do

    /// Looks at once at whatever others may have done, when the store says so.
    func takeNotices(_ shared: any SharedStore) async {
        for await _ in shared.notices {
            post([.placesFreed])
            askNews()
            if configuration.answersRequests || self.shared != nil { await answerRequests() }
            sharing.withLock { $0.lease.hasten() }
            await keepLease(shared)
            await balance(shared)
            // A burst comes as one.
            do { try await clock.sleep(for: .milliseconds(50)) } catch { return }
        }
    }

    /// Asks for the news, unless they are on their way.
    func askNews() {
        guard isLeaseTrusted, sharing.withLock({ !$0.isAskingNews }) else { return }
        sharing.withLock { $0.isAskingNews = true }
        post([.askNews])
    }

    /// Reads the news once everything before is written.
    func readNews(_ stamp: NewsStamp) -> WriteUnit.Reading? {
        guard let shared else { return nil }
        return WriteUnit.Reading(
            perform: { [weak self] in
                guard let self else { return }
                let entry = leaseEntry
                do throws(StoreError) {
                    let news = try await shared.news(of: stamp.tasks)
                    post([.news(news, stamp)])
                    sharing.withLock { sharing in
                        if sharing.knownDefinitions != news.definitions { sharing.definitions = nil }
                        sharing.knownDefinitions = news.definitions
                        sharing.isAskingNews = false
                    }
                } catch {
                    sharing.withLock { $0.isAskingNews = false }
                    if error.kind == .leaseLost { loseLease(error, entry) }
                    logger.debug("the news were not read: \(error)")
                }
            },
            giveUp: { [weak self] in self?.sharing.withLock { $0.isAskingNews = false } })
    }

    // MARK: Words for people

    /// What other nodes' manifests have that this one's does not, if anything.
    var manifestWords: String? {
        guard shared != nil else { return nil }
        let own = manifest.hash
        return sharing.withLock { sharing in
            var words: [String] = []
            let others = sharing.living.filter {
                $0.manifest != own && $0.takesShare && $0.name != configuration.nodeName
            }
            if !others.isEmpty {
                words.append("another manifest is in force on \(Engine.list(others.map(\.name)))")
            }
            if !sharing.differing.isEmpty {
                let names = Engine.list(sharing.differing.values.sorted())
                words.append("not run here, as they are registered with another definition: \(names)")
            }
            return words.isEmpty ? nil : words.joined(separator: "; ")
        }
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
    }

    /// Says once of each change that manifests differ.
    func tellManifests() {
        let words = manifestWords
        let former = sharing.withLock { sharing in
            defer { sharing.toldManifests = words }
            return sharing.toldManifests
        }
        guard words != former else { return }
        if let words {
            logger.warning("nodes with different manifests: \(words)")
        } else {
            logger.notice("all nodes have one manifest again")
        }
    }
}

extension Duration {
    fileprivate var magnitude: Duration { self < .zero ? .zero - self : self }
}
