internal import InsightsPlugin

/// Fetches everything of one repository.
///
/// What may not be read or is not there is absent with a reason. What could not be fetched this time costs that figure
/// alone: neither a list of releases that can never be read nor clones that fail must cost the views of days that are lost
/// with each run. Where it is traffic, the repository counts as failed all the same, and is read again; where nothing of
/// its traffic could be fetched, or it could not be found, nothing of it is stored.
struct RepositoryReader: Sendable {
    let client: ForgeClient
    let place: RepositoryPlace

    private var entry: ForgeEntry { client.entry }

    /// Releases a page: fewer where an answer is too large, as one release may have a thousand files.
    private static let releaseSizes = [100, 20, 4]

    /// Reads a repository, traffic first: it is what can be lost.
    ///
    /// - Parameters:
    ///   - found: As the list or its own answer told it.
    ///   - counters: What GraphQL told of it; `nil` to ask by REST.
    /// - Throws: ``RunFailure``, ``RepositoryGone``, `CancellationError`.
    func read(
        _ found: FoundRepository, counters: [String: ForgeFigure]?, memory: RepositoryMemory
    ) async throws -> RepositoryReading {
        var reading = RepositoryReading(repository: found.repository, memory: memory)
        reading.memory.path = found.repository.path
        reading.memory.goneAt = nil
        switch entry.platform {
        case .github:
            try await readGitHubTraffic(&reading)
            try await readReleases(&reading)
            if let counters {
                reading.figures.merge(counters) { _, new in new }
            } else {
                try await readGitHubCounters(found, &reading)
            }
        case .gitlab:
            try await readGitLabTraffic(&reading)
            try await readGitLabCounters(found, &reading)
        case .forgejo, .gitea:
            reading.figures.merge(found.repository.figures) { _, new in new }
            try await readReleases(&reading)
        }
        lose(&reading, since: memory)
        return reading
    }

    /// Reads what can do without: what goes wrong costs these metrics alone.
    private func spare(
        _ metrics: [String], _ what: String, _ reading: inout RepositoryReading,
        _ read: (inout RepositoryReading) async throws -> Void
    ) async throws {
        do { try await read(&reading) } catch let failure as RunFailure where !failure.endsTurn {
            reading.troubles.append(failure)
            reading.lack(metrics, "\(what) could not be read: \(failure.code)")
        }
    }

    private func get(
        _ rest: [String], of reading: RepositoryReading, _ query: [(name: String, value: String)] = []
    ) async throws -> ForgeAnswer {
        try await place.answer(of: reading.repository, { try await client.get($0 + rest, query) }, status: \.status)
    }

    // MARK: GitHub

    private func readGitHubTraffic(_ reading: inout RepositoryReading) async throws {
        guard entry.token != nil else {
            reading.lack(ForgeMetrics.traffic, "traffic is told to a token alone")
            return
        }
        let sources = [
            (ForgeMetrics.views, ForgeMetrics.viewsUnique, ForgeMetrics.viewsUnique14d),
            (ForgeMetrics.clones, ForgeMetrics.clonesUnique, ForgeMetrics.clonesUnique14d),
        ]
        for (source, unique, unique14d) in sources {
            do {
                let answer = try await get(["traffic", source], of: reading)
                guard answer.status == 200 else {
                    let reason = try trafficReason(answer)
                    if let failure = reading.failure { throw failure }
                    // One permission covers them all.
                    reading.lack(
                        ForgeMetrics.traffic.filter { reading.days[$0] == nil && reading.figures[$0] == nil }, reason)
                    return
                }
                let body = try answer.object()
                take(
                    body[source], source, date: "timestamp", members: [source: "count", unique: "uniques"], answer,
                    &reading)
                reading.figures[unique14d] = ForgeFigure(body["uniques"], "uniques")
            } catch let failure as RunFailure where !failure.endsTurn {
                // The other may be readable, and its days must not be lost with these.
                if let former = reading.failure { throw former }
                reading.failure = failure
                reading.lack([source, unique, unique14d], "\(source) could not be read: \(failure.code)")
                // From today on its days were to be had: should nobody read them in time, they are lost.
                if reading.memory.read[source] == nil { reading.memory.read[source] = client.told?.utcDay.midnight }
            }
        }
        for (metric, list, label) in [
            (ForgeMetrics.referrers14d, "referrers", "referrer"), (ForgeMetrics.paths14d, "paths", "path"),
        ] {
            try await spare([metric], "popular \(list)", &reading) { reading in
                let answer = try await get(["traffic", "popular", list], of: reading)
                guard answer.status == 200 else {
                    reading.lack([metric], try trafficReason(answer))
                    return
                }
                readRanking(try answer.json(), metric, label: label, &reading)
                reading.rankedAt = answer.told
            }
        }
    }

    private func trafficReason(_ answer: ForgeAnswer) throws(RunFailure) -> String {
        let reason = try answer.reason(of: "traffic", entry)
        guard answer.status == 403, entry.platform == .github, !answer.lacksSignOn else { return reason }
        return "the token may not read traffic: it needs Administration: read, or as a classic one push access"
    }

    private func readRanking(_ body: Value, _ metric: String, label: String, _ reading: inout RepositoryReading) {
        guard let items = body.array else {
            reading.lack([metric], "the answer is no list")
            return
        }
        var ranking: [RankedValue] = []
        for item in items {
            guard let name = item[label]?.string, let count = item["count"]?.lenientCount else {
                reading.lack([metric], "an item has no \(label) or no count")
                return
            }
            ranking.append(RankedValue(label: entry.withoutToken(name), value: Double(count)))
        }
        reading.rankings[metric] = ranking
    }

    private func readGitHubCounters(_ found: FoundRepository, _ reading: inout RepositoryReading) async throws {
        if !found.isWhole {
            let name = found.repository.path.split(separator: "/").map(String.init)
            reading.repository = try whole(try await client.get(["repos"] + name), found)
        }
        reading.figures.merge(reading.repository.figures) { _, new in new }
        let pulls = try await count(["pulls"], [("state", "open")], "pull requests", &reading)
        reading.figures[ForgeMetrics.openPullRequests] = pulls
        if let issues = reading.figures[ForgeMetrics.openIssues] {
            reading.figures[ForgeMetrics.openIssues] = issues - pulls
        }
    }

    /// How many there are of something that belongs to the repository; absent when that cannot be read this time.
    private func count(
        _ rest: [String], _ query: [(name: String, value: String)] = [], _ what: String,
        _ reading: inout RepositoryReading
    ) async throws -> ForgeFigure {
        do {
            return try await client.count(place.segments(of: reading.repository) + rest, query, what)
        } catch let failure as RunFailure where !failure.endsTurn {
            reading.troubles.append(failure)
            return .absent("\(what) could not be read: \(failure.code)")
        }
    }

    /// The repository of an answer about one that was found before: it has to be the very same.
    private func whole(_ answer: ForgeAnswer, _ found: FoundRepository) throws -> ForgeRepository {
        if answer.isMissing { throw RepositoryGone() }
        guard answer.status == 200 else { throw answer.failure(of: found.repository.path, entry) }
        guard let repository = entry.repository(try answer.object()) else {
            throw RunFailure(
                "bad_answer", "\(entry.address.key) told of \(found.repository.path) without its id or its name",
                retryable: true)
        }
        guard repository.id == found.repository.id else {
            throw RunFailure(
                "bad_answer", "\(found.repository.path) became another repository while it was read", retryable: true)
        }
        return repository
    }

    // MARK: Releases of GitHub and Forgejo

    private func readReleases(_ reading: inout RepositoryReading) async throws {
        let metrics = [ForgeMetrics.releases, ForgeMetrics.releaseDownloads]
        try await spare(metrics, "releases", &reading) { reading in
            let (tally, refused) = try await releases(of: reading)
            if let refused {
                // Who is there has a list of releases, be it an empty one: nothing of what was told before may count then.
                if refused.isMissing, try await client.get(place.segments(of: reading.repository)).isMissing {
                    throw RepositoryGone()
                }
                reading.lack(metrics, try refused.reason(of: "releases", entry))
            } else {
                reading.figures.merge(tally.figures) { _, new in new }
            }
        }
    }

    /// Reads all pages, in smaller ones from the start where one is too large.
    private func releases(of reading: RepositoryReading) async throws -> (ReleaseTally, refused: ForgeAnswer?) {
        for size in RepositoryReader.releaseSizes.dropLast() {
            do { return try await releases(of: reading, size: size) } catch let failure as RunFailure
                where failure.code == HTTP.FailureCode.tooLarge
            {
                continue
            }
        }
        return try await releases(of: reading, size: RepositoryReader.releaseSizes.last ?? 1)
    }

    private func releases(
        of reading: RepositoryReading, size: Int
    ) async throws -> (ReleaseTally, refused: ForgeAnswer?) {
        try await place.answer(of: reading.repository) { segments in
            var tally = ReleaseTally()
            let refused = try await client.pages(segments + ["releases"], size: size) { tally.add($0) }
            return (tally, refused)
        } status: {
            $0.refused?.status ?? 200
        }
    }

    // MARK: GitLab

    private func readGitLabTraffic(_ reading: inout RepositoryReading) async throws {
        let answer = try await client.get(["projects", reading.repository.id, "statistics"])
        guard answer.status == 200 else {
            reading.lack(
                [ForgeMetrics.fetches],
                entry.token == nil
                    ? "fetches are told to a token alone"
                    : "\(try answer.reason(of: "fetches", entry)): it needs to be of somebody who may push")
            return
        }
        let fetches = try answer.object()["fetches"]
        take(
            fetches?["days"], ForgeMetrics.fetches, date: "date", members: [ForgeMetrics.fetches: "count"], answer,
            &reading)
    }

    private func readGitLabCounters(_ found: FoundRepository, _ reading: inout RepositoryReading) async throws {
        let project = ["projects", reading.repository.id]
        if !found.isWhole {
            reading.repository = try whole(try await client.get(project, [("statistics", "true")]), found)
        }
        reading.figures.merge(reading.repository.figures) { _, new in new }
        if reading.figures[ForgeMetrics.sizeBytes]?.number == nil {
            reading.figures[ForgeMetrics.sizeBytes] = .absent("the size is told to a Reporter's token alone")
        }
        reading.figures[ForgeMetrics.openPullRequests] = try await count(
            ["merge_requests"], [("state", "opened")], "merge requests", &reading)
        reading.figures[ForgeMetrics.releases] = try await count(["releases"], [], "releases", &reading)
    }

    // MARK: Days

    /// Takes in the days of a traffic answer, and what was lost since the last one.
    private func take(
        _ list: Value?, _ source: String, date: String, members: [String: String], _ answer: ForgeAnswer,
        _ reading: inout RepositoryReading
    ) {
        guard let length = entry.platform.trafficDays else { return }
        let window = TrafficWindow(at: answer.told, days: length)
        let traffic = TrafficReading(list, source, date: date, members: members, window: window)
        for metric in members.keys {
            reading.days[metric] = traffic.days.compactMapValues { $0[metric] }
        }
        let lost = window.gap(since: reading.memory.read[source], told: traffic.told)
        if let lost { reading.gaps += members.keys.sorted().map { ($0, lost) } }
        guard traffic.isComplete else {
            reading.lack(members.keys.sorted(), traffic.problem ?? "a day could not be read")
            // Up to the first day that it does not tell it was a whole reading; what is behind may be lost yet. Of a first
            // reading that begins with the first day that it tells.
            let last = reading.memory.read[source]
            let start =
                lost.map { UTCDay(number: $0.upperBound.number + 1) } ?? last?.utcDay ?? traffic.told.min()
                ?? answer.made.utcDay
            var day = start
            while day < answer.made.utcDay, traffic.told.contains(day) { day = UTCDay(number: day.number + 1) }
            if last == nil || lost != nil || day > start { reading.memory.read[source] = day.midnight }
            return
        }
        reading.memory.read[source] = answer.made
    }

    /// Records the days that have left the window since the last whole reading though this one told nothing of them:
    /// that a token may not read traffic any more must not hide what is lost meanwhile.
    private func lose(_ reading: inout RepositoryReading, since former: RepositoryMemory) {
        guard let length = entry.platform.trafficDays, let now = client.told else { return }
        let window = TrafficWindow(at: now, days: length)
        for (source, metrics) in ForgeMetrics.passing(entry.platform)
        where reading.memory.read[source] == former.read[source] {
            guard let lost = window.gap(since: former.read[source], told: []) else { continue }
            reading.gaps += metrics.map { ($0, lost) }
            // As if it had been read then: the next gap begins where this one ends.
            reading.memory.read[source] = window.first.midnight
        }
    }
}

/// The forge has it no longer.
struct RepositoryGone: Error, Hashable {}

/// A repository that is to be read.
struct FoundRepository: Hashable, Sendable {
    var repository: ForgeRepository
    /// Whether it was told by an answer of its own, which holds more than a list's.
    var isWhole: Bool
}
