extension Instant {
    /// Reads a date of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT`, or either of the older two forms.
    ///
    /// - Returns: `nil` for anything else, and for a day or time that does not exist.
    /// - SeeAlso: RFC 9110, 5.6.7.
    public init?(httpDate text: String) {
        var words = text.split { $0 == " " || $0 == "," || $0 == "-" }[...]
        guard words.popFirst() != nil, words.count >= 4 else { return nil }
        let (day, month, year, time): (Substring, Substring, Substring, Substring)
        if words.first?.first?.isNumber == true {
            guard words.count == 5, words.last == "GMT" else { return nil }
            (day, month, year, time) = (words[1], words[2], words[3], words[4])
        } else {
            // `Sun Nov  6 08:49:37 1994`
            guard words.count == 4 else { return nil }
            (month, day, time, year) = (words[1], words[2], words[3], words[4])
        }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let clock = time.split(separator: ":", omittingEmptySubsequences: false)
        guard let month = months.firstIndex(of: String(month)), let day = Instant.number(day, digits: 1...2),
            var year = Instant.number(year, digits: 2...4), clock.count == 3,
            let hour = Instant.number(clock[0], digits: 2...2), hour < 24,
            let minute = Instant.number(clock[1], digits: 2...2), minute < 60,
            let second = Instant.number(clock[2], digits: 2...2), second <= 60
        else { return nil }
        // Two digits are those of the years around 2020.
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        guard let days = CivilDate(year: year, month: month + 1, day: day).daysSinceEpoch else { return nil }
        self.init(seconds: Int64(days * 86_400 + hour * 3600 + minute * 60 + second))
    }

    private static func number(_ text: Substring, digits: ClosedRange<Int>) -> Int? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }
}
