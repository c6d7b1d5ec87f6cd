import Testing

@testable import InsightsCommands

@Suite("Text in cells")
struct CellTextTests {
    @Test(
        "a text takes as many cells as a terminal gives it",
        arguments: [
            ("", 0), ("abc", 3), ("žluť", 4), ("e\u{301}", 1), ("你好", 4), ("ｆｕｌｌ", 8), ("한글", 4), ("👍", 2),
            ("👨‍👩‍👧", 2), ("🇨🇿", 2), ("❤️", 2), ("a\u{200D}b", 2), ("½", 1),
        ])
    func width(text: String, cells: Int) {
        #expect(CellText.width(of: text) == cells)
    }

    @Test(
        "a text is cut at whole characters, the mark included",
        arguments: [
            ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("abcdef", 1, "…"), ("abcdef", 0, ""), ("你好吗", 5, "你好…"),
            ("你好吗", 4, "你…"), ("👨‍👩‍👧👨‍👩‍👧", 3, "👨‍👩‍👧…"),
        ])
    func cut(text: String, limit: Int, cut: String) {
        #expect(CellText.cut(text, to: limit) == cut)
        #expect(CellText.width(of: CellText.cut(text, to: limit)) <= limit)
    }

    @Test("what would act on the terminal is made harmless")
    func safe() {
        #expect(
            CellText.safe("a\u{1B}[31mb\u{7}\u{9B}c\u{202E}d\u{2028}e\nf\tg")
                == "a\u{FFFD}[31mb\u{FFFD}\u{FFFD}c\u{FFFD}d\u{FFFD}e f g")
        #expect(CellText.safe("👨‍👩‍👧 ž") == "👨‍👩‍👧 ž")
    }

    @Test("a field holds its text on one line, and what ends it as an escape")
    func field() {
        #expect(CellText.field("a\tb\nc\rd\\e") == "a\\tb\\nc\\rd\\\\e")
        #expect(CellText.field("") == "-")
    }
}
