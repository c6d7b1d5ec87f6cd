import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsHTTP

@Suite("Charts and words")
struct ChartTests {
    private func chart(_ style: Chart.Style, _ values: [Double], isLabelled: Bool = false) -> Chart {
        let points = values.enumerated().map { (at: Instant(seconds: Int64($0.offset) * 86_400), value: $0.element) }
        let days = Int64(style == .line ? max(1, values.count - 1) : values.count)
        return Chart(
            style: style, from: Instant(seconds: 0), to: Instant(seconds: days * 86_400), points: points,
            isLabelled: isLabelled, label: "a \"chart\"", size: (100, 22))
    }

    @Test("A line runs from the first point to the last, high values on top")
    func line() {
        let svg = chart(.line, [0, 10, 5]).svg
        #expect(svg.contains("<polyline class=\"line\" points=\"0,20 50,3 100,11.5\"/>"))
        #expect(svg.contains("aria-label=\"a &quot;chart&quot;\""))
    }

    @Test("Bars stand on zero, also those below it")
    func bars() {
        let svg = chart(.bars(.seconds(86_400)), [17, 0, -17]).svg
        let tops = svg.split(separator: "<rect").dropFirst().map { $0.split(separator: "\"") }
        #expect(tops.map { String($0[5]) } == ["3", "11.5", "11.5"])
        #expect(tops.map { String($0[9]) } == ["8.5", "0", "8.5"])
    }

    @Test("A line far from zero keeps its course, a flat one does not divide by nothing")
    func scales() {
        #expect(chart(.line, [1000, 1010], isLabelled: true).svg.contains(">1k</text>"))
        #expect(chart(.line, [5, 5]).svg.contains("points=\"0,20 100,20\""))
        #expect(!chart(.line, [0, 0, 0]).svg.contains("nan"))
    }

    @Test("A single reading is no course, a single day is a bar in its place")
    func few() {
        #expect(chart(.line, []).svg == "")
        #expect(chart(.line, [1]).svg == "")
        #expect(chart(.bars(.seconds(86_400)), []).svg == "")
        var day = chart(.bars(.seconds(86_400)), [1])
        day.to = Instant(seconds: 86_400 * 10)
        #expect(day.svg.contains("<rect class=\"bar\" x=\"1.4\" y=\"3\" width=\"7.2\" height=\"17\"/>"))
    }

    @Test("Thousands of points are thinned, the last one stays")
    func many() {
        let svg = chart(.line, (0..<10_000).map { Double($0 % 100) }).svg
        #expect(svg.utf8.count < 10_000)
        #expect(svg.contains(" 100,3\"/>") || svg.contains(" 100,3 100,20\"/>"))
    }

    @Test("A gap is shaded to the end of its last day, and no farther than the chart")
    func gaps() {
        var chart = chart(.line, [1, 2, 3, 4, 5])
        chart.gaps = [
            (from: Instant(seconds: 86_400), to: Instant(seconds: 86_400)),
            (from: Instant(seconds: -86_400 * 9), to: Instant(seconds: -86_400 * 5)),
        ]
        let svg = chart.svg
        #expect(svg.split(separator: "class=\"gap\"").count == 2)
        #expect(svg.contains("<rect class=\"gap\" x=\"25\" y=\"3\" width=\"25\""))
    }

    @Test("One point is no points", arguments: [(1, "1 point"), (2, "2 points")])
    func label(count: Int, words: String) {
        var series = Samples.series
        series.points = Array(series.points.suffix(count))
        let chart = Chart(series, range: .quarter, now: Samples.noon, isLabelled: false)
        #expect(chart.label == "commits of Swift & friends, \(words)")
    }

    @Test(
        "Numbers are grouped",
        arguments: [
            (0.0, "0"), (-0.0001, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"),
            (-1234.5, "-1,234.5"),
            (0.25, "0.25"), (2.0004, "2"), (0.9996, "1"), (1e18, "1e+18"),
        ])
    func numbers(number: Double, text: String) { #expect(PageText.number(number) == text) }

    @Test(
        "Numbers on an axis are short",
        arguments: [
            (0.0, "0"), (0.126, "0.13"), (42.4, "42"), (999, "999"), (999.6, "1k"), (1234, "1.2k"), (123_456, "123k"),
            (999_600, "1M"), (34_000_000, "34M"), (-1500, "-1.5k"), (2.5e9, "2.5G"),
        ])
    func shortNumbers(number: Double, text: String) { #expect(PageText.short(number) == text) }

    @Test(
        "Times are told from now",
        arguments: [
            (0, "just now"), (-44, "just now"), (44, "now"), (-45, "1 min ago"), (60, "in 1 min"), (5399, "in 90 min"),
            (5400, "in 2 h"), (-129_599, "36 h ago"), (-129_600, "2 d ago"), (86_400 * 14, "in 14 d"),
        ])
    func relative(seconds: Int, text: String) {
        #expect(PageText.relative(Samples.noon.advanced(by: .seconds(seconds)), to: Samples.noon) == text)
    }

    @Test("What is due within the second is to come")
    func soon() {
        #expect(PageText.relative(Samples.noon.advanced(by: .milliseconds(300)), to: Samples.noon) == "now")
        #expect(PageText.relative(Samples.noon.advanced(by: .milliseconds(-300)), to: Samples.noon) == "just now")
    }

    @Test(
        "Dates of headers",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ])
    func httpDate(seconds: Int, text: String) { #expect(Instant(seconds: Int64(seconds)).httpDate == text) }
}
