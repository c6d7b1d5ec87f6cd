import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsCommands

@Suite("The progress board")
struct ProgressBoardTests {
    private let start = ContinuousClock.now
    private func id(_ number: UInt64) -> RunID { RunID(high: 1, low: number) }

    @Test("a run has a line from its start to its end")
    func life() {
        var board = ProgressBoard()
        board.start("backup", id(1), at: start)
        #expect(board.lines(columns: 80, rows: 10, at: start + .seconds(65)) == ["backup    1m5s  running"])
        board.progress("backup", id(1), Progress(done: 5, total: 10, label: "tables"), at: start)
        #expect(
            board.lines(columns: 80, rows: 10, at: start) == ["backup      0s  [##########----------] 5/10 tables"])
        board.progress("backup", id(1), Progress(done: 7, total: nil, label: ""), at: start)
        #expect(board.lines(columns: 80, rows: 10, at: start) == ["backup      0s  7"])
        board.retry(id(1), "again soon: it\nfailed")
        #expect(board.lines(columns: 80, rows: 10, at: start) == ["backup      0s  again soon: it failed"])
        board.start("backup", id(1), at: start)
        #expect(board.lines(columns: 80, rows: 10, at: start) == ["backup      0s  7"])
        board.end(id(1))
        #expect(board.lines(columns: 80, rows: 10, at: start).isEmpty)
        board.end(id(1))
    }

    @Test("progress beyond the whole, or below nothing, fills the bar or leaves it empty, and is told as it is")
    func bounds() {
        var board = ProgressBoard()
        board.progress("a", id(1), Progress(done: 99, total: 10, label: ""), at: start)
        #expect(board.lines(columns: 80, rows: 10, at: start)[0].hasSuffix("[####################] 99/10"))
        board.progress("a", id(1), Progress(done: -1, total: 10, label: ""), at: start)
        #expect(board.lines(columns: 80, rows: 10, at: start)[0].hasSuffix("[--------------------] -1/10"))
    }

    @Test("what does not fit the window is counted, and no line is wider than it")
    func window() {
        var board = ProgressBoard()
        for number in 1...10 { board.start("task-\(number)-你好", id(UInt64(number)), at: start) }
        let lines = board.lines(columns: 14, rows: 4, at: start)
        #expect(lines.count == 4)
        #expect(lines.last == "and 7 more")
        #expect(lines.allSatisfy { CellText.width(of: $0) < 14 })
    }
}
