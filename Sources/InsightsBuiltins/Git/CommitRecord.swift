/// What is read of a commit besides its changes.
struct CommitRecord: Equatable {
    /// The format of `git log` that ``init(line:)`` reads: names and addresses after `.mailmap`, and no field
    /// that can hold the separator.
    static let format = "tformat:%H%x00%ct%x00%P%x00%aE%x00%aN"

    /// Its id, in hexadecimal.
    let id: ArraySlice<UInt8>
    /// The committer date, in seconds since 1970; 0 where the commit holds none that git can read.
    let seconds: Int64
    /// Whether it holds one.
    let isDated: Bool
    /// Whether it has more than one parent.
    let isMerge: Bool
    /// Who wrote it: the mail address in lower case, or the name where there is no address.
    let author: [UInt8]

    /// Reads a line in ``format``; `nil` when it is none.
    init?(line: ArraySlice<UInt8>) {
        let fields = line.split(separator: 0, maxSplits: 4, omittingEmptySubsequences: false)
        guard fields.count == 5, fields[0].count >= 40 else { return nil }
        id = fields[0]
        let date = CommitRecord.number(fields[1])
        seconds = date ?? 0
        isDated = date != nil
        isMerge = fields[2].contains(UInt8(ascii: " "))
        author = CommitRecord.author(email: fields[3], name: fields[4])
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        let isNegative = digits.first == UInt8(ascii: "-")
        let magnitude = digits.dropFirst(isNegative ? 1 : 0)
        guard !magnitude.isEmpty else { return nil }
        var value: Int64 = 0
        for digit in magnitude {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(digit - 0x30))
            if overflow || carry { return isNegative ? .min : .max }
            value = sum
        }
        return isNegative ? -value : value
    }

    private static func author(email: ArraySlice<UInt8>, name: ArraySlice<UInt8>) -> [UInt8] {
        // A name begins with NUL here, which no address does: "x" by name is not "x" by address.
        if email.allSatisfy({ $0 == 0x20 }) { return [0] + name }
        if email.contains(where: { $0 >= 0x80 }), let text = String(validating: email, as: UTF8.self) {
            return Array(text.lowercased().utf8)
        }
        return email.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }
}
