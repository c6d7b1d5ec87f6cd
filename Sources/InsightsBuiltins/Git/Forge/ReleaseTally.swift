internal import InsightsPlugin

/// Releases and their downloads, added up page by page.
struct ReleaseTally: Hashable, Sendable {
    private var releases = 0
    private var downloads: ForgeFigure = .number(0)
    private var unreadable = false

    /// Adds the releases of one page; drafts are none, prereleases are.
    mutating func add(_ page: [Value]) {
        for release in page {
            guard release.object != nil else {
                unreadable = true
                continue
            }
            if release["draft"]?.bool == true { continue }
            releases += 1
            guard let assets = release["assets"]?.array else {
                downloads = .absent("a release has no list of its files")
                continue
            }
            for asset in assets { add(ForgeFigure(asset["download_count"], "download_count")) }
        }
    }

    private mutating func add(_ count: ForgeFigure) {
        switch (downloads, count) {
        case (.number(let sum), .number(let more)): downloads = .number(sum + more)
        case (.number, .absent): downloads = count
        case (.absent, _): break
        }
    }

    /// The figures by metric; a sum without one of its parts is none.
    var figures: [String: ForgeFigure] {
        if unreadable {
            let reason = ForgeFigure.absent("the list of releases has something else in it")
            return [ForgeMetrics.releases: reason, ForgeMetrics.releaseDownloads: reason]
        }
        return [ForgeMetrics.releases: .number(Double(releases)), ForgeMetrics.releaseDownloads: downloads]
    }
}
