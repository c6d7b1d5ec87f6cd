internal import InsightsPlugin

/// Takes rows of cells, one after the other.
protocol RowSink {
    /// A cell of text; `nil` is "nothing".
    mutating func cell(_ text: String?)
    /// A cell with a measured number.
    mutating func cell(_ number: Double)
    /// A cell with an instant.
    mutating func cell(_ instant: Instant)
    /// The row is whole.
    mutating func endRow()
}

/// Rows for people, gathered: the width of a column is that of its widest cell.
struct TableRows: RowSink {
    private(set) var table: Table
    private let presentation: Presentation
    private var row: [Table.Cell] = []

    init(_ columns: [Table.Column], _ presentation: Presentation) {
        table = Table(columns)
        self.presentation = presentation
    }

    mutating func cell(_ text: String?) { row.append(.init(text)) }
    mutating func cell(_ number: Double) { row.append(.init(Presentation.text(number))) }
    mutating func cell(_ instant: Instant) { row.append(presentation.cell(instant)) }

    mutating func endRow() {
        table.rows.append(row)
        row.removeAll(keepingCapacity: true)
    }
}
