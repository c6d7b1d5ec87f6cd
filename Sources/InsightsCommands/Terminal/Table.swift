/// Rows for people or for programs.
///
/// On a terminal: aligned columns under a header, the last one cut to the window; where they do not fit, first the
/// lesser columns are left out, those of the lowest rank before the others, then each row stands as lines of its own with all there is. On a pipe: the same cells separated by
/// tabs, without a header, each in its exact form; `-` is "nothing".
struct Table: Sendable {
    /// A column's name and side.
    struct Column: Sendable {
        var title: String
        var isNumeric: Bool
        /// Not shown to people, who see it elsewhere in the row.
        var isPipeOnly = false
        /// Left out for people whose window has no room for it.
        var isLesser: Bool
        /// Of the lesser ones, one of a higher rank is left out later.
        var rank: Int
        /// Never cut, as a part of it is of no use.
        var isWhole: Bool

        init(_ title: String, numeric: Bool = false, lesser: Bool = false, rank: Int = 0, whole: Bool = false) {
            self.title = title
            self.rank = rank
            isNumeric = numeric
            isLesser = lesser
            isWhole = whole
        }

        /// A column that only programs are given.
        static func pipeOnly(_ title: String) -> Column {
            var column = Column(title)
            column.isPipeOnly = true
            return column
        }
    }

    /// One value, in both its forms.
    struct Cell: Sendable, ExpressibleByStringLiteral {
        /// For people.
        var text: String
        /// For programs.
        var plain: String
        var paint: Paint?

        init(_ text: String, plain: String? = nil, paint: Paint? = nil) {
            self.text = text
            self.plain = plain ?? text
            self.paint = paint
        }

        /// `nil` is "nothing".
        init(_ text: String?) { self.init(text ?? "") }

        init(stringLiteral value: String) { self.init(value) }
    }

    var columns: [Column]
    var rows: [[Cell]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// The lines that a person is shown, without newlines; ``PlainRows`` writes those for programs.
    func lines(for terminal: Terminal) -> [String] { forPeople.shown(on: terminal) }

    /// Without what only programs are given.
    private var forPeople: Table { with(columns.indices.filter { !columns[$0].isPipeOnly }) }

    private func with(_ kept: [Int]) -> Table {
        var table = Table(kept.map { columns[$0] })
        table.rows = rows.map { row in kept.map { row[$0] } }
        return table
    }

    private func shown(on terminal: Terminal) -> [String] {
        var table: Table? = self
        while let candidate = table {
            if let lines = candidate.aligned(for: terminal) { return lines }
            let lesser = candidate.columns.indices.reversed().filter { candidate.columns[$0].isLesser }
                .min { candidate.columns[$0].rank < candidate.columns[$1].rank }
            table = lesser.map { lesser in candidate.with(candidate.columns.indices.filter { $0 != lesser }) }
        }
        return stacked(for: terminal)
    }

    private var texts: [[String]] {
        rows.map { row in row.map { $0.text.isEmpty ? "-" : CellText.safe($0.text) } }
    }

    /// `nil` when it does not fit.
    private func aligned(for terminal: Terminal) -> [String]? {
        let texts = texts
        var widths = columns.map { CellText.width(of: $0.title) }
        for row in texts {
            for (index, text) in row.enumerated() { widths[index] = max(widths[index], CellText.width(of: text)) }
        }
        let room = terminal.columns - widths.dropLast().reduce(0) { $0 + $1 + Table.gap }
        if let last = widths.last, let column = columns.last {
            if room < (column.isWhole ? last : min(last, Table.leastLast)) { return nil }
            widths[widths.count - 1] = min(last, room)
        }
        let header = line(columns.map(\.title), widths) { Paint.bold($1, if: terminal.isLively) }
        return [header]
            + zip(rows, texts).map { row, texts in
                line(texts, widths) { index, text in
                    row[index].paint.map { $0(text, if: terminal.isLively) } ?? text
                }
            }
    }

    /// A line a cell that has something, after its column's title, and an empty line between rows.
    private func stacked(for terminal: Terminal) -> [String] {
        let width = columns.map { CellText.width(of: $0.title) }.max() ?? 0
        let room = max(1, terminal.columns - width - Table.gap)
        let blocks = zip(rows, texts).map { row, texts in
            texts.indices.filter { !row[$0].text.isEmpty }.map { index in
                let title = columns[index].title
                let padding = String(repeating: " ", count: width - CellText.width(of: title) + Table.gap)
                let text = columns[index].isWhole ? texts[index] : CellText.cut(texts[index], to: room)
                return Paint.bold(title, if: terminal.isLively) + padding
                    + (row[index].paint.map { $0(text, if: terminal.isLively) } ?? text)
            }
        }
        return Array(blocks.joined(separator: [""]))
    }

    /// The last column is worth showing from this many cells on.
    private static let leastLast = 20
    private static let gap = 2

    /// Paints before it pads, so that no attribute reaches into the gap, and leaves no blanks at the end.
    private func line(_ texts: [String], _ widths: [Int], painted: (Int, String) -> String) -> String {
        var line = ""
        for (index, text) in texts.enumerated() {
            let isLast = index == texts.count - 1
            let shown = isLast ? CellText.cut(text, to: widths[index]) : text
            let padding = String(repeating: " ", count: max(0, widths[index] - CellText.width(of: shown)))
            if columns[index].isNumeric {
                line += padding + painted(index, shown)
            } else {
                line += painted(index, shown) + (isLast ? "" : padding)
            }
            if !isLast { line += String(repeating: " ", count: Table.gap) }
        }
        return line
    }
}
