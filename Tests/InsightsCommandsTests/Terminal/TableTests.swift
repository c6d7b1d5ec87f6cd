import Testing

@testable import InsightsCommands

/// What programs are given, a line a row (none of the cells of a test has a newline left in it).
private func plainText(_ table: Table, _ form: PlainRows.Form = .tabs) -> String {
    var text: [UInt8] = []
    var rows = PlainRows(form) { text += $0 }
    rows.write(table)
    rows.flush()
    return String(decoding: text, as: UTF8.self)
}

@Suite("Tables")
struct TableTests {
    private func table(_ rows: [[Table.Cell]]) -> Table {
        var table = Table([.init("NAME"), .init("N", numeric: true), .pipeOnly("ID"), .init("WORDS")])
        table.rows = rows
        return table
    }

    @Test("on a terminal columns are aligned by cells, numbers to the right, without blanks at the end")
    func aligned() {
        let table = table([["a", "1", "x", "short"], ["你好", "1000", "y", ""]])
        #expect(
            table.lines(for: terminal()) == [
                "NAME     N  WORDS",
                "a        1  short",
                "你好  1000  -",
            ])
    }

    @Test("the last column is cut to the window as long as it keeps twenty cells; then rows are lines of their own")
    func cut() {
        let words = String(repeating: "w", count: 60)
        let table = table([["name", "1", "x", .init(words)]])
        #expect(table.lines(for: terminal(30))[1] == "name  1  " + String(repeating: "w", count: 20) + "…")
        #expect(table.lines(for: terminal(28)) == ["NAME   name", "N      1", "WORDS  " + words.prefix(20) + "…"])
    }

    @Test("where they do not fit the lesser columns are left out, the last one first")
    func lesser() {
        var table = Table([.init("NAME"), .init("MORE", lesser: true), .init("ID"), .init("MOST", lesser: true)])
        table.rows = [["name", "more", "identifier", "most"], ["other", "more", "identifier", "most"]]
        #expect(table.lines(for: terminal(80))[0] == "NAME   MORE  ID          MOST")
        #expect(table.lines(for: terminal(24))[0] == "NAME   MORE  ID")
        #expect(table.lines(for: terminal(20))[0] == "NAME   ID")
        #expect(
            table.lines(for: terminal(14)) == [
                "NAME  name", "MORE  more", "ID    identif…", "MOST  most", "", "NAME  other", "MORE  more",
                "ID    identif…", "MOST  most",
            ])
        table.columns[2].isWhole = true
        table.rows = [["name", "", "identifier", ""]]
        #expect(table.lines(for: terminal(14)) == ["NAME  name", "ID    identifier"])
        #expect(plainText(table) == "name\t-\tidentifier\t-\n")
    }

    @Test("on a pipe there are tab-separated exact forms without a header, the hidden column too")
    func plain() {
        let table = table([[.init("shown", plain: "exact"), "1", "x", ""]])
        #expect(plainText(table) == "exact\t1\tx\t-\n")
    }

    @Test("paint stays within its cell, and there is none where it is not wanted")
    func paint() {
        let table = table([[.init("a", paint: .red), "1", "x", "b"]])
        #expect(table.lines(for: terminal(lively: true))[1] == "\u{1B}[31ma\u{1B}[0m     1  b")
        #expect(!table.lines(for: terminal()).joined().contains("\u{1B}"))
        #expect(!plainText(table).contains("\u{1B}"))
    }

    @Test("what a cell says cannot act on the terminal")
    func hostile() {
        let lines = table([["\u{1B}]0;title\u{7}", "1", "x", "a\nb"]]).lines(for: terminal())
        #expect(lines.count == 2)
        #expect(!lines.joined().contains("\u{1B}"))
    }

    @Test("an empty table has its header on a terminal and nothing on a pipe")
    func empty() {
        #expect(table([]).lines(for: terminal()) == ["NAME  N  WORDS"])
        #expect(plainText(table([])).isEmpty)
    }

    @Test("in CSV a quote is doubled also before a mark that combines with it")
    func combining() {
        let table = table([["\"\u{301}", "1", "a\"\u{308},", "\n"]])
        #expect(
            plainText(table, .csv).unicodeScalars.elementsEqual(
                "name,n,id,words\n\"\"\"\u{301}\",1,\"a\"\"\u{308},\",\"\n\"\n".unicodeScalars))
    }

    @Test("CSV quotes what needs it and has its header")
    func csv() {
        let table = table([["a,b", "1", "say \"x\"", "two\nlines"], ["plain", "2", "", ""]])
        #expect(
            plainText(table, .csv)
                == "name,n,id,words\n\"a,b\",1,\"say \"\"x\"\"\",\"two\nlines\"\nplain,2,,\n")
    }

    @Test("Whatever a cell holds, rows as they come are the fields one by one, in bounded pieces")
    func pieces() {
        let texts = [
            "", "plain", "a\tb", "\\", "\u{7F}", "\u{1}", "é\u{301}", "\r\n", "🧑‍🚀", String(repeating: "x", count: 40),
        ]
        var table = table([])
        for number in 0..<2000 {
            let cells = (0..<4).map { Table.Cell(texts[(number >> ($0 % 2) &+ 3 * $0) % texts.count]) }
            table.rows.append(cells)
        }
        var pieces: [Int] = []
        var text: [UInt8] = []
        var rows = PlainRows(.tabs) { piece in
            pieces.append(piece.count)
            text += piece
        }
        rows.write(table)
        rows.flush()
        let fields = table.rows.map { row in row.map { CellText.field($0.plain) }.joined(separator: "\t") + "\n" }
        #expect(text == Array(fields.joined().utf8))
        #expect(pieces.count > 3 && pieces.allSatisfy { $0 < 20_000 })
    }
}
