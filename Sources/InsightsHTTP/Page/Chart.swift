internal import InsightsPlugin

/// A small chart as inline SVG: bars for counts a day, a line for readings.
///
/// The text is made of numbers and dates alone, so that it can stand in a page as it is.
struct Chart {
    enum Style {
        case bars
        case line
    }

    /// How many points are drawn at most; more are thinned, of each group the last one stays.
    private static let mostPoints = 240

    var style: Style
    /// Oldest first.
    var points: [(at: Instant, value: Double)]
    /// First and last day of each gap.
    var gaps: [(from: Instant, to: Instant)] = []
    /// Whether numbers and dates stand around it.
    var isLabelled: Bool
    /// For those who do not see it.
    var label: String
    var size: (width: Double, height: Double)

    /// The SVG element; empty when there are fewer than two points, as one shows no course.
    var svg: String {
        guard points.count > 1, let first = points.first, let last = points.last, first.at < last.at else { return "" }
        let plot = Plot(self, from: first.at, to: last.at)
        var text = "<svg viewBox=\"0 0 \(plot.text(size.width)) \(plot.text(size.height))\" role=\"img\" aria-label=\""
        text += ScalarHTML.escaped(label) + "\">"
        for gap in gaps where gap.to >= first.at && gap.from <= last.at {
            let end = gap.to.advanced(by: .seconds(86_400))
            text += plot.rectangle(
                "gap", plot.x(max(gap.from, first.at)), plot.x(min(end, last.at)), plot.top, plot.bottom)
        }
        text += style == .bars ? bars(plot) : line(plot)
        return text + (isLabelled ? labels(plot, first.at, last.at) : "") + "</svg>"
    }

    private func bars(_ plot: Plot) -> String {
        let drawn = thinned
        let slot = (plot.right - plot.left) / Double(drawn.count)
        let width = max(0.6, slot * 0.72)
        return drawn.map { point in
            let middle = plot.left + slot / 2 + plot.fraction(point.at) * (plot.right - plot.left - slot)
            return plot.rectangle(
                "bar", middle - width / 2, middle + width / 2, min(plot.y(point.value), plot.y(0)),
                max(plot.y(point.value), plot.y(0)))
        }.joined()
    }

    private func line(_ plot: Plot) -> String {
        let course = thinned.map { "\(plot.text(plot.x($0.at))),\(plot.text(plot.y($0.value)))" }
            .joined(separator: " ")
        let base = plot.text(plot.bottom)
        return "<polygon class=\"area\" points=\"\(plot.text(plot.left)),\(base) \(course) "
            + "\(plot.text(plot.right)),\(base)\"/><polyline class=\"line\" points=\"\(course)\"/>"
    }

    private func labels(_ plot: Plot, _ first: Instant, _ last: Instant) -> String {
        let right = plot.text(size.width)
        let baseline = plot.text(plot.bottom)
        return
            "<line class=\"axis\" x1=\"\(plot.text(plot.left))\" x2=\"\(right)\" y1=\"\(baseline)\" y2=\"\(baseline)\"/>"
            + "<text x=\"0\" y=\"\(plot.text(plot.top + 8))\">\(PageText.short(plot.high))</text>"
            + "<text x=\"0\" y=\"\(baseline)\">\(PageText.short(plot.low))</text>"
            + "<text x=\"\(plot.text(plot.left))\" y=\"\(plot.text(size.height - 3))\">\(first.dateText)</text>"
            + "<text x=\"\(right)\" y=\"\(plot.text(size.height - 3))\" text-anchor=\"end\">\(last.dateText)</text>"
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

    init(_ chart: Chart, from: Instant, to: Instant) {
        let values = chart.points.map(\.value)
        var low = values.min() ?? 0
        var high = values.max() ?? 0
        // Bars stand on zero; so does a line, unless that would flatten its course.
        if chart.style == .bars || low >= 0 && low < high / 2 { low = min(low, 0) }
        if chart.style == .bars { high = max(high, 0) }
        if low == high { high = low + 1 }
        self.low = low
        self.high = high
        self.from = from
        span = to.since(from).inSeconds
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
