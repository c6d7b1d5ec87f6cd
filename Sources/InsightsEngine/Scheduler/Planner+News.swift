internal import InsightsPlugin

/// What other nodes have decided: ends of upstreams, and pauses.
extension Planner {
    /// Asks for the news of the followers that are held, as they stand once everything decided so far is written.
    mutating func askNews() {
        var followers: [TaskID: UInt64] = [:]
        // Without its scheduler a process starts by itself what it has seen succeed, and no more.
        for (task, chain) in chains where isSchedulerEnabled && tasks[Int(task)].flags.contains(.held) {
            followers[tasks[Int(task)].id] = chain.version
        }
        out.append(.readNews(NewsStamp(followers: followers, pauses: pausesSet)))
    }

    /// - Parameter stamp: As of the question: what was decided since then is newer than the news.
    mutating func take(_ news: StoreNews, _ stamp: NewsStamp) {
        takePauses(news, stamp)
        guard !news.followers.isEmpty else { return }
        let told = Dictionary(news.followers.map { ($0.task, $0) }) { first, _ in first }
        // In the order of the tasks, so that one seed gives one order.
        for task in chains.keys.sorted() {
            let state = tasks[Int(task)]
            guard state.flags.contains(.held), let follower = told[state.id],
                let version = chains[task]?.version, stamp.followers[state.id] == version
            else { continue }
            take(follower, task)
        }
    }

    private mutating func take(_ follower: StoreNews.Follower, _ task: Int32) {
        let index = Int(task)
        if let last = follower.lastOccurrence?.milliseconds, last > tasks[index].last {
            tasks[index].flags.remove(.isNew)
            tasks[index].last = last
        }
        var marks: [TaskID: Int64] = [:]
        for mark in follower.marks { marks[mark.upstream] = mark.scheduledAt.milliseconds }
        var isChanged = false
        for (position, upstream) in (chains[task]?.upstreams ?? []).enumerated() {
            guard let mark = marks[tasks[Int(upstream)].id], let known = chains[task]?.marks[position], mark > known
            else { continue }
            chains[task]?.marks[position] = mark
            isChanged = true
        }
        if isChanged { considerFollower(task) }
    }

    private mutating func takePauses(_ news: StoreNews, _ stamp: NewsStamp) {
        guard stamp.pauses == pausesSet, news.paused != knownPauses else { return }
        // What fell due before is decided as it stood.
        startCandidates()
        knownPauses = news.paused
        for index in definitions.indices where tasks[index].flags.contains(.held) {
            setPaused(Int32(index), news.paused.contains(tasks[index].id))
        }
    }

    /// What was asked of the follower before is old by now.
    mutating func noteChain(_ task: Int32) {
        guard chains[task] != nil else { return }
        chainVersion += 1
        chains[task]?.version = chainVersion
    }
}

/// What a question for news was asked about, so that an answer which is older than a decision can be told.
package struct NewsStamp: Sendable {
    /// The followers that are held, with the number of the last decision about each.
    var followers: [TaskID: UInt64]
    /// How many pauses were set here.
    var pauses: UInt64

    /// The tasks to be asked about, in no order.
    package var tasks: [TaskID] { Array(followers.keys) }
}
