/// Comma-separated values (RFC 4180), but with bare newlines, as every other tool on this system writes them.
enum CSV {
    /// A header in small letters with `_`, then the rows in their exact form.
    static func lines(_ table: Table) -> [String] {
        let header = table.columns.map { $0.title.lowercased().replacing(" ", with: "_") }
        return [header.map(field).joined(separator: ",")]
            + table.rows.map { row in row.map { field($0.plain) }.joined(separator: ",") }
    }

    private static func field(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" }) else {
            return text
        }
        // By scalar: with a mark that combines, a quote is one character that is not equal to a bare one.
        var field = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in text.unicodeScalars {
            if scalar == "\"" { field.append(scalar) }
            field.append(scalar)
        }
        field.append("\"")
        return String(field)
    }
}
