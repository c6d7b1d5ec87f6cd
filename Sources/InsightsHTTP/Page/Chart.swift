internal import InsightsPlugin

/// A small chart as inline SVG: bars for counts a day, a line for readings.
///
/// The text is made of numbers and dates alone, so that it can stand in a page as it is.
struct Chart {
    enum Style: Equatable {
        /// Each point stands for this long from its instant on; where none is, there was nothing.
        case bars(Duration)
        case line
    }

    /// How many points are drawn at most; more are thinned, of each group the last one stays.
    private static let mostPoints = 240

    var style: Style
    /// What the chart spans.
    var from: Instant
    var to: Instant
    /// Oldest first, all within the span.
    var points: [(at: Instant, value: Double)]
    /// First and last day of each gap.
    var gaps: [(from: Instant, to: Instant)] = []
    /// Whether numbers and dates stand around it.
    var isLabelled: Bool
    /// For those who do not see it.
    var label: String
    var size: (width: Double, height: Double)

    /// The SVG element; empty when there is nothing to see: no bar, or a single reading, which shows no course.
    var svg: String {
        let least = style == .line ? 2 : 1
        guard from < to, points.count >= least else { return "" }
        let plot = Plot(self)
        var text = "<svg viewBox=\"0 0 \(plot.text(size.width)) \(plot.text(size.height))\" role=\"img\" aria-label=\""
        text += ScalarHTML.escaped(label) + "\">"
        for gap in gaps {
            let end = gap.to.advanced(by: .seconds(86_400))
            guard end > from, gap.from < to else { continue }
            text += plot.rectangle("gap", plot.x(max(gap.from, from)), plot.x(min(end, to)), plot.top, plot.bottom)
        }
        switch style {
        case .bars(let width): text += bars(plot, width)
        case .line: text += line(plot)
        }
        return text + (isLabelled ? labels(plot) : "") + "</svg>"
    }

    private func bars(_ plot: Plot, _ duration: Duration) -> String {
        points.map { point in
            let left = plot.x(point.at)
            let slot = plot.x(min(point.at.advanced(by: duration), to)) - left
            let margin = slot > 1.5 ? slot * 0.14 : 0
            return plot.rectangle(
                "bar", left + margin, left + slot - margin, min(plot.y(point.value), plot.y(0)),
                max(plot.y(point.value), plot.y(0)))
        }.joined()
    }

    private func line(_ plot: Plot) -> String {
        let course = thinned.map { "\(plot.text(plot.x($0.at))),\(plot.text(plot.y($0.value)))" }
            .joined(separator: " ")
        let base = plot.text(plot.bottom)
        let (first, last) = (plot.text(plot.x(points[0].at)), plot.text(plot.x(points[points.count - 1].at)))
        return "<polygon class=\"area\" points=\"\(first),\(base) \(course) \(last),\(base)\"/>"
            + "<polyline class=\"line\" points=\"\(course)\"/>"
    }

    private func labels(_ plot: Plot) -> String {
        let right = plot.text(size.width)
        let baseline = plot.text(plot.bottom)
        return
            "<line class=\"axis\" x1=\"\(plot.text(plot.left))\" x2=\"\(right)\" y1=\"\(baseline)\" y2=\"\(baseline)\"/>"
            + "<text x=\"0\" y=\"\(plot.text(plot.top + 8))\">\(PageText.short(plot.high))</text>"
            + "<text x=\"0\" y=\"\(baseline)\">\(PageText.short(plot.low))</text>"
            + "<text x=\"\(plot.text(plot.left))\" y=\"\(plot.text(size.height - 3))\">\(from.dateText)</text>"
            + "<text x=\"\(right)\" y=\"\(plot.text(size.height - 3))\" text-anchor=\"end\">\(to.advanced(by: .milliseconds(-1)).dateText)</text>"
    }

    private var thinned: [(at: Instant, value: Double)] {
        let step = (points.count + Chart.mostPoints - 1) / Chart.mostPoints
        guard step > 1 else { return points }
        return points.indices.filter { ($0 + 1) % step == 0 || $0 == points.count - 1 }.map { points[$0] }
    }
}

/// From instants and values to places.
private struct Plot {
    let left: Double
    let right: Double
    let top: Double
    let bottom: Double
    let low: Double
    let high: Double
    private let from: Instant
    private let span: Double

    init(_ chart: Chart) {
        let values = chart.points.map(\.value)
        var low = values.min() ?? 0
        var high = values.max() ?? 0
        // Bars stand on zero; so does a line, unless that would flatten its course.
        if chart.style != .line || low >= 0 && low < high / 2 { low = min(low, 0) }
        if chart.style != .line { high = max(high, 0) }
        if low == high { high = low + 1 }
        self.low = low
        self.high = high
        from = chart.from
        span = chart.to.since(chart.from).inSeconds
        left = chart.isLabelled ? 32 : 0
        right = chart.size.width
        top = 3
        bottom = chart.size.height - (chart.isLabelled ? 16 : 2)
    }

    func fraction(_ instant: Instant) -> Double { instant.since(from).inSeconds / span }
    func x(_ instant: Instant) -> Double { left + fraction(instant) * (right - left) }
    func y(_ value: Double) -> Double { bottom - (value - low) / (high - low) * (bottom - top) }

    func rectangle(_ name: String, _ left: Double, _ right: Double, _ top: Double, _ bottom: Double) -> String {
        "<rect class=\"\(name)\" x=\"\(text(left))\" y=\"\(text(top))\" width=\"\(text(right - left))\" "
            + "height=\"\(text(bottom - top))\"/>"
    }

    /// With one decimal: a tenth of a unit is less than a pixel.
    func text(_ number: Double) -> String {
        let rounded = (number * 10).rounded() / 10
        return rounded == rounded.rounded() ? String(Int(rounded)) : rounded.description
    }
}
