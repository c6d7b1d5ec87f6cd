internal import InsightsPlugin

/// Rows for programs: UTF-8 bytes, handed over a piece at a time, so that a hundred thousand rows take no more memory
/// than one.
struct PlainRows: RowSink {
    enum Form {
        /// Separated by tabs, without a header; `-` is "nothing".
        case tabs
        /// Comma-separated values (RFC 4180), but with bare newlines, as every other tool on this system writes them.
        case csv
    }

    /// From how many bytes on they are handed over.
    private static let piece = 1 << 14

    private let form: Form
    private let hand: ([UInt8]) -> Void
    private var bytes: [UInt8] = []
    private var isRowEmpty = true

    /// - Parameter hand: Takes whole rows with their newlines, at most a few kilobytes at a time.
    init(_ form: Form, hand: @escaping ([UInt8]) -> Void) {
        self.form = form
        self.hand = hand
        bytes.reserveCapacity(PlainRows.piece + 1024)
    }

    /// A header in small letters with `_`, where the form has one.
    mutating func header(_ columns: [Table.Column]) {
        guard form == .csv else { return }
        for column in columns { cell(column.title.lowercased().replacing(" ", with: "_")) }
        endRow()
    }

    /// A table's header and rows, each cell in its exact form.
    mutating func write(_ table: Table) {
        header(table.columns)
        for row in table.rows {
            for cell in row { self.cell(cell.plain) }
            endRow()
        }
    }

    mutating func cell(_ text: String?) {
        begin()
        switch form {
        case .tabs:
            let isPlain = bytes.append(text ?? "") { $0 >= 0x20 && $0 != UInt8(ascii: "\\") }
            if !isPlain || text?.isEmpty ?? true { bytes.append(contentsOf: CellText.field(text ?? "").utf8) }
        case .csv:
            let isPlain = bytes.append(text ?? "") {
                $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\n")
                    && $0 != UInt8(ascii: "\r")
            }
            if !isPlain { quote(text ?? "") }
        }
    }

    mutating func cell(_ number: Double) {
        begin()
        bytes.append(shortest: number)
    }

    mutating func cell(_ instant: Instant) {
        begin()
        bytes.append(contentsOf: instant.description.utf8)
    }

    mutating func endRow() {
        bytes.append(UInt8(ascii: "\n"))
        isRowEmpty = true
        if bytes.count >= PlainRows.piece { flush() }
    }

    /// Hands over what is left.
    mutating func flush() {
        if !bytes.isEmpty { hand(bytes) }
        bytes.removeAll(keepingCapacity: true)
    }

    private mutating func begin() {
        if !isRowEmpty { bytes.append(form == .tabs ? UInt8(ascii: "\t") : UInt8(ascii: ",")) }
        isRowEmpty = false
    }

    /// By byte: with a mark that combines, a quote is one character that is not equal to a bare one.
    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
