/// What happened on one UTC day.
package struct TrafficDay: Hashable, Sendable {
    /// Pages shown.
    package var views: Int
    /// Visitors; at most ``views``.
    package var viewsUnique: Int
    /// Clones, and on GitLab fetches by HTTP.
    package var clones: Int
    /// Who cloned; at most ``clones``.
    package var clonesUnique: Int

    /// Creates a day.
    package init(views: Int = 0, viewsUnique: Int = 0, clones: Int = 0, clonesUnique: Int = 0) {
        self.views = views
        self.viewsUnique = viewsUnique
        self.clones = clones
        self.clonesUnique = clonesUnique
    }

    /// A part of this day, each figure cut down to a whole number.
    func scaled(_ part: Int64, of whole: Int64) -> TrafficDay {
        func cut(_ value: Int) -> Int { Int(Int64(value) * part / whole) }
        return TrafficDay(
            views: cut(views), viewsUnique: cut(viewsUnique), clones: cut(clones), clonesUnique: cut(clonesUnique))
    }
}
