import Testing

@testable import InsightsCommands

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
        #expect(table.lines(for: pipe)[0] == "name\t-\tidentifier\t-")
    }

    @Test("on a pipe there are tab-separated exact forms without a header, the hidden column too")
    func plain() {
        let table = table([[.init("shown", plain: "exact"), "1", "x", ""]])
        #expect(table.lines(for: pipe) == ["exact\t1\tx\t-"])
    }

    @Test("paint stays within its cell, and there is none where it is not wanted")
    func paint() {
        let table = table([[.init("a", paint: .red), "1", "x", "b"]])
        #expect(table.lines(for: terminal(lively: true))[1] == "\u{1B}[31ma\u{1B}[0m     1  b")
        #expect(!table.lines(for: terminal()).joined().contains("\u{1B}"))
        #expect(!table.lines(for: pipe).joined().contains("\u{1B}"))
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
        #expect(table([]).lines(for: pipe).isEmpty)
    }

    @Test("in CSV a quote is doubled also before a mark that combines with it")
    func combining() {
        let table = table([["\"\u{301}", "1", "a\"\u{308},", "\n"]])
        #expect(
            CSV.lines(table)[1].unicodeScalars.elementsEqual(
                "\"\"\"\u{301}\",1,\"a\"\"\u{308},\",\"\n\"".unicodeScalars))
    }

    @Test("CSV quotes what needs it and has its header")
    func csv() {
        let table = table([["a,b", "1", "say \"x\"", "two\nlines"], ["plain", "2", "", ""]])
        #expect(
            CSV.lines(table) == [
                "name,n,id,words", "\"a,b\",1,\"say \"\"x\"\"\",\"two\nlines\"", "plain,2,,",
            ])
    }
}
