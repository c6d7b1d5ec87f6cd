internal import InsightsPlugin

/// Numbers and times as people read them.
enum PageText {
    /// `12,345`, `0.25`, `-3`; at most three decimals.
    static func number(_ number: Double) -> String {
        let rounded = (abs(number) * 1000).rounded() / 1000
        guard rounded < 1e15 else { return number.description }
        let whole = Int64(rounded)
        let sign = number < 0 && rounded > 0 ? "-" : ""
        let fraction = String(Int64(((rounded - Double(whole)) * 1000).rounded()) + 1000).dropFirst()
        let decimals = String(fraction.reversed().drop { $0 == "0" }.reversed())
        return sign + grouped(whole) + (decimals.isEmpty ? "" : "." + decimals)
    }

    /// `987`, `1.2k`, `34M`: at most four characters and a sign, for axes.
    static func short(_ number: Double) -> String {
        let size = abs(number)
        for (limit, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where size >= limit * 0.9995 {
            let scaled = number / limit
            let digits = abs(scaled) < 99.5 ? (scaled * 10).rounded() / 10 : scaled.rounded()
            return self.number(digits) + suffix
        }
        return self.number(size < 10 ? (number * 100).rounded() / 100 : number.rounded())
    }

    /// `just now`, `5 min ago`, `in 3 h`, `12 d ago`.
    static func relative(_ instant: Instant, to now: Instant) -> String {
        let distance = instant.since(now)
        let seconds = distance.components.seconds
        let size = abs(seconds)
        let amount =
            switch size {
            case ..<45: ""
            case ..<5400: "\(max(1, (size + 30) / 60)) min"
            case ..<129_600: "\((size + 1800) / 3600) h"
            default: "\((size + 43_200) / 86_400) d"
            }
        if amount.isEmpty { return distance > .zero ? "now" : "just now" }
        return seconds > 0 ? "in " + amount : amount + " ago"
    }

    /// The relative time, with the instant itself for programs and at rest of the pointer.
    static func time(_ instant: Instant?, now: Instant) -> String {
        guard let instant else { return "–" }
        return "<time datetime=\"\(instant)\" title=\"\(instant)\">\(relative(instant, to: now))</time>"
    }

    private static func grouped(_ number: Int64) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
