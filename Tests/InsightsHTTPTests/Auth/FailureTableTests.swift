import Testing

@testable import InsightsHTTP

@Suite("How failures are remembered")
struct FailureTableTests {
    private let start = ContinuousClock.now

    @Test("The wait doubles up to its bound, each address by itself")
    func growth() {
        var table = FailureTable(first: .milliseconds(100), longest: .seconds(1))
        let waits = (0..<6).map { _ in table.failure(of: "a", at: start) }
        #expect(waits == [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        #expect(table.failure(of: "b", at: start) == .milliseconds(100))
    }

    @Test("An endless attack does not overflow")
    func endless() {
        var table = FailureTable(first: .milliseconds(100), longest: .seconds(5))
        for _ in 0..<10_000 { _ = table.failure(of: "a", at: start) }
        #expect(table.failure(of: "a", at: start) == .seconds(5))
    }

    @Test("After a quiet while an address starts anew")
    func forgetting() {
        var table = FailureTable(first: .milliseconds(100), longest: .seconds(5), memory: .seconds(60))
        _ = table.failure(of: "a", at: start)
        #expect(table.failure(of: "a", at: start + .seconds(60)) == .milliseconds(200))
        #expect(table.failure(of: "a", at: start + .seconds(121)) == .milliseconds(100))
    }

    @Test("A full table forgets the address that failed longest ago, and never grows")
    func bounded() {
        var table = FailureTable(first: .milliseconds(1), longest: .seconds(5), capacity: 3)
        for (index, address) in ["a", "b", "c", "a", "d"].enumerated() {
            _ = table.failure(of: address, at: start + .seconds(index))
        }
        #expect(table.count == 3)
        // `b` made room for `d`; `a` had failed again.
        #expect(table.failure(of: "a", at: start + .seconds(9)) == .milliseconds(4))
        #expect(table.failure(of: "b", at: start + .seconds(9)) == .milliseconds(1))
    }

    @Test("A secret is compared, and shown nowhere")
    func secret() {
        let secret = Secret("correct horse battery")
        #expect(secret.matches("correct horse battery".utf8))
        for wrong in ["", "correct horse batter", "correct horse battery ", "Correct horse battery"] {
            #expect(!secret.matches(wrong.utf8))
        }
        #expect(secret.length == 21)
        var dumped = ""
        dump(HTTPConfiguration(adminToken: secret), to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), dumped, String(describing: HTTPConfiguration(adminToken: secret)),
        ] {
            #expect(!text.contains("horse"))
            #expect(!text.contains("digest"))
        }
    }
}
