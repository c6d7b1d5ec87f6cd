import InsightsEngine
import InsightsPlugin
import Testing

@Suite("The grid of `every`")
struct EveryGridTests {
    private func ms(_ value: Int64) -> Instant { Instant(milliseconds: value) }

    @Test(
        "The next point is strictly after the last, and on the grid whatever the gap",
        arguments: [
            (0, 0, 100, 100), (1, 0, 100, 100), (99, 0, 100, 100), (100, 0, 100, 200), (-1, 0, 100, 0),
            (-500, 0, 100, 0),
            (-100, -250, 100, -50), (-50, -250, 100, 50), (-251, -250, 100, -250), (7, 7, 1, 8),
            (1_000_000_000_050, 50, 100, 1_000_000_000_150),
        ] as [(Int64, Int64, Int64, Int64)])
    func next(_ last: Int64, _ anchor: Int64, _ every: Int64, _ expected: Int64) {
        #expect(EveryGrid.next(after: ms(last), every: every, anchor: ms(anchor)) == ms(expected))
    }

    @Test(
        "The latest point is at or before now, none before the anchor",
        arguments: [
            (0, 0, 100, 0), (99, 0, 100, 0), (100, 0, 100, 100), (-1, 0, 100, nil), (-150, -250, 100, -150),
            (-151, -250, 100, -250),
            (-251, -250, 100, nil),
        ] as [(Int64, Int64, Int64, Int64?)])
    func latest(_ now: Int64, _ anchor: Int64, _ every: Int64, _ expected: Int64?) {
        #expect(EveryGrid.latest(at: ms(now), every: every, anchor: ms(anchor)) == expected.map(ms))
    }

    @Test(
        "Points are counted after the start, up to and including the end",
        arguments: [
            (0, 100, 0, 100, 1), (0, 99, 0, 100, 0), (-1, 100, 0, 100, 2), (-1000, -1, 0, 100, 0),
            (-1000, 0, 0, 100, 1), (100, 0, 0, 100, 0),
            (5, 5, 0, 100, 0), (50, 1050, 0, 100, 10), (-260, 50, -250, 100, 4), (-250, 50, -250, 100, 3),
        ] as [(Int64, Int64, Int64, Int64, Int)])
    func count(_ start: Int64, _ end: Int64, _ anchor: Int64, _ every: Int64, _ expected: Int) {
        #expect(EveryGrid.count(after: ms(start), through: ms(end), every: every, anchor: ms(anchor)) == expected)
    }

    @Test("Every two weeks stays on its anchor through a leap day and years of silence")
    func fortnight() {
        let anchor = utc("2026-01-04T02:00:00Z")
        let every: Int64 = 14 * 86_400_000
        #expect(EveryGrid.next(after: anchor, every: every, anchor: anchor) == utc("2026-01-18T02:00:00Z"))
        #expect(
            EveryGrid.next(after: utc("2028-02-28T02:00:00Z"), every: every, anchor: anchor)
                == utc("2028-03-12T02:00:00Z"))
        #expect(
            EveryGrid.latest(at: utc("2028-03-01T00:00:00Z"), every: every, anchor: anchor)
                == utc("2028-02-27T02:00:00Z"))
        #expect(
            EveryGrid.count(after: anchor, through: utc("2126-01-04T02:00:00Z"), every: every, anchor: anchor) == 2608)
    }

    @Test("The ends of time saturate instead of trapping")
    func saturation() {
        let (first, last) = (ms(.min), ms(.max))
        #expect(EveryGrid.next(after: last, every: 1, anchor: first) == last)
        #expect(EveryGrid.next(after: last, every: 100, anchor: ms(0)) == last)
        #expect(EveryGrid.next(after: ms(.max - 50), every: 100, anchor: ms(.max - 50)) == last)
        #expect(EveryGrid.next(after: first, every: .max, anchor: first) == ms(-1))
        #expect(EveryGrid.next(after: ms(0), every: .max, anchor: first) == ms(.max - 1))
        #expect(EveryGrid.latest(at: last, every: 1, anchor: first) == last)
        #expect(EveryGrid.latest(at: last, every: .max, anchor: last) == last)
        #expect(EveryGrid.count(after: first, through: last, every: 1, anchor: first) == .max)
        #expect(EveryGrid.count(after: first, through: last, every: .max, anchor: first) == 2)
        #expect(EveryGrid.count(after: ms(-1), through: last, every: .max, anchor: ms(0)) == 2)
    }

    @Test("next, latest and count agree with one another", arguments: 0..<100 as Range<UInt64>)
    func agree(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let every = Int64.random(in: 1...5000, using: &random)
        let anchor = ms(.random(in: -100_000...100_000, using: &random))
        let start = ms(.random(in: -200_000...200_000, using: &random))
        let end = ms(start.milliseconds + .random(in: 0...100_000, using: &random))
        var steps = 0
        var last = start
        while case let next = EveryGrid.next(after: last, every: every, anchor: anchor), next <= end {
            #expect(next > last && (next.milliseconds - anchor.milliseconds) % every == 0, "seed \(seed)")
            #expect(EveryGrid.latest(at: next, every: every, anchor: anchor) == next, "seed \(seed)")
            last = next
            steps += 1
        }
        #expect(EveryGrid.count(after: start, through: end, every: every, anchor: anchor) == steps, "seed \(seed)")
        if steps > 0 { #expect(EveryGrid.latest(at: end, every: every, anchor: anchor) == last, "seed \(seed)") }
    }
}
