import Testing

@testable import InsightsBuiltins

@Suite("Cutting bytes into lines")
struct LineSplitterTests {
    private func lines(_ chunks: [String], limit: Int = 100) -> [String] {
        var splitter = LineSplitter(limit: limit)
        var seen: [String] = []
        func take(_ piece: LineSplitter.Piece) {
            switch piece {
            case .line(let bytes): seen.append(repairedText(bytes))
            case .part(let bytes): seen.append(repairedText(bytes) + "…")
            }
        }
        for chunk in chunks { splitter.feed(Array(chunk.utf8), take) }
        splitter.finish(take)
        return seen
    }

    @Test("Lines are the same however the bytes are cut", arguments: 1...12)
    func cuts(size: Int) {
        let text = "one\n\ntwo\r\nthree"
        let bytes = Array(text.utf8)
        let chunks = stride(from: 0, to: bytes.count, by: size).map {
            String(decoding: bytes[$0..<min($0 + size, bytes.count)], as: UTF8.self)
        }
        #expect(lines(chunks) == ["one", "", "two\r", "three"])
    }

    @Test("A line at its limit is whole; one over it comes in parts")
    func limit() {
        #expect(lines(["abcd\n"], limit: 4) == ["abcd"])
        #expect(lines(["ab", "cd", "\n"], limit: 4) == ["abcd"])
        #expect(lines(["abcdefghij\nk"], limit: 4) == ["abcd…", "efgh…", "ij", "k"])
        #expect(lines(["abc", "defghi", "j\nk"], limit: 4) == ["abcd…", "efgh…", "ij", "k"])
    }

    @Test("No bytes are no line")
    func empty() {
        #expect(lines([]) == [])
        #expect(lines(["\n"]) == [""])
    }
}
