import InsightsEngine
import Testing

@Suite("The nearest name")
struct NearestNameTests {
    private static let names = ["every", "cron", "after", "timezone", "catch_up", "catch_up_limit"]

    @Test(
        "A typing mistake finds the name that was meant",
        arguments: [
            ("evry", "every"), ("evrey", "every"), ("EVERY", "every"), ("corn", "cron"), ("crom", "cron"),
            ("timezoen", "timezone"),
            ("catchup", "catch_up"), ("catch_up_limt", "catch_up_limit"), ("every", "every"),
        ])
    func found(_ word: String, _ name: String) {
        #expect(NearestName.nearest(to: word, among: Self.names) == name)
    }

    @Test(
        "What is near none finds none",
        arguments: ["", "x", "cr", "schedule", "nightly", String(repeating: "every", count: 1000)])
    func none(_ word: String) {
        #expect(NearestName.nearest(to: word, among: Self.names) == nil)
    }

    @Test("Of equally near names the first is taken")
    func tie() {
        #expect(NearestName.nearest(to: "bat5", among: ["bat1", "bat2"]) == "bat1")
    }
}
