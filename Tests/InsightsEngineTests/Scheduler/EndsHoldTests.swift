import Testing

@testable import InsightsEngine

/// When the ends of attempts wait for the starts of others.
@Suite struct EndsHoldTests {
    /// Asks at each of these instants whether ends wait, all the time wanted and with one timer.
    private static func answers(at uptimes: [Int64], timer: Int64? = nil) -> [Bool] {
        var hold = EndsHold()
        return uptimes.map { hold.isOn(at: $0, isWanted: true, timer: timer) }
    }

    @Test("ends wait for a tenth of a second at most, and then once more")
    func bound() {
        #expect(Self.answers(at: [1000, 1099, 1100, 1101, 1200, 1201]) == [true, true, false, true, true, false])
    }

    @Test("it is known until when they wait")
    func end() {
        var hold = EndsHold()
        #expect(hold.end == nil)
        _ = hold.isOn(at: 1000, isWanted: true, timer: nil)
        _ = hold.isOn(at: 1050, isWanted: true, timer: nil)
        #expect(hold.end == 1100)
        _ = hold.isOn(at: 1060, isWanted: false, timer: nil)
        #expect(hold.end == nil)
    }

    @Test("ends wait for nothing once the others have started")
    func unwanted() {
        var hold = EndsHold()
        let answers = [false, true, false].map { hold.isOn(at: 1000, isWanted: $0, timer: nil) }
        #expect(answers == [false, true, false])
    }

    @Test("an end that came in time is taken before its deadline passes")
    func deadline() {
        #expect(Self.answers(at: [1000, 1049, 1050, 1060], timer: 1050) == [true, true, false, false])
    }
}
