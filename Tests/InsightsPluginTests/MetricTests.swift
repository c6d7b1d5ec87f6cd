import InsightsPlugin
import Testing

@Suite("Metric names") struct MetricTests {
    @Test("accepts [a-z][a-z0-9_]*", arguments: ["a", "stars", "views_unique_14d", String(repeating: "a", count: 63)])
    func accepts(name: String) {
        #expect(MetricDeclaration.isValid(name: name))
    }

    @Test(
        "refuses anything else",
        arguments: ["", "1a", "_a", "A", "a-b", "a.b", "a b", "ä", "a\u{0}", String(repeating: "a", count: 64)])
    func refuses(name: String) {
        #expect(!MetricDeclaration.isValid(name: name))
    }
}
