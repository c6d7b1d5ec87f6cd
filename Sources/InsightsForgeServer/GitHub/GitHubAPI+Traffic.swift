internal import InsightsPlugin

extension GitHubAPI {
    /// Days that GitHub still tells of, today among them.
    static let windowDays = 14

    /// - Parameter what: `views`, `clones`, `popular/referrers` or `popular/paths`.
    static func trafficAnswer(
        _ repository: ForgeRepository, _ what: String, _ caller: ForgeState.Caller, _ state: ForgeState
    ) -> ForgeAnswer {
        guard caller.token?.readsTraffic == true else {
            let isFineGrained = caller.token?.isFineGrained == true
            return problem(
                403,
                isFineGrained
                    ? "Resource not accessible by personal access token" : "Must have push access to repository")
        }
        let window = (1 - windowDays...0).map { state.now.day(after: $0) }
        let days = window.map { (day: $0, told: repository.traffic.told(of: $0, at: state.now)) }
        switch what {
        case "views":
            return daily("views", days.map { ($0.day, $0.told.views, $0.told.viewsUnique) }, state)
        case "clones":
            return daily("clones", days.map { ($0.day, $0.told.clones, $0.told.clonesUnique) }, state)
        case "popular/referrers":
            let views = days.reduce(0) { $0 + $1.told.views }
            return ForgeAnswer(
                status: 200,
                json: .array(
                    repository.traffic.ranking(of: views, labels: TrafficTruth.referrers).map {
                        [
                            "referrer": .string($0.label), "count": .integer(Int64($0.count)),
                            "uniques": .integer(Int64($0.uniques)),
                        ]
                    }))
        default:
            let name = state.fullName(repository)
            let views = days.reduce(0) { $0 + $1.told.views }
            return ForgeAnswer(
                status: 200,
                json: .array(
                    repository.traffic.ranking(of: views, labels: TrafficTruth.paths).map {
                        [
                            "path": .string("/\(name)\($0.label)"), "title": .string(name),
                            "count": .integer(Int64($0.count)), "uniques": .integer(Int64($0.uniques)),
                        ]
                    }))
        }
    }

    private static func daily(
        _ name: String, _ days: [(day: Instant, count: Int, uniques: Int)], _ state: ForgeState
    ) -> ForgeAnswer {
        let listed = days.filter { $0.count > 0 || lists($0.day, state.settings.emptyDays) }
        return ForgeAnswer(
            status: 200,
            json: [
                "count": .integer(Int64(days.reduce(0) { $0 + $1.count })),
                "uniques": .integer(Int64(TrafficTruth.uniques(days.map(\.uniques)))),
                name: .array(
                    listed.map {
                        [
                            "timestamp": .string($0.day.stamp), "count": .integer(Int64($0.count)),
                            "uniques": .integer(Int64($0.uniques)),
                        ]
                    }),
            ])
    }

    private static func lists(_ emptyDay: Instant, _ rule: ForgeSettings.EmptyDays) -> Bool {
        switch rule {
        case .omitted: false
        case .listed: true
        case .mixed: emptyDay.unixSeconds / 86_400 % 2 == 0
        }
    }
}
