internal import InsightsEngine

/// The two text formats of `/metrics`.
///
/// - SeeAlso: OpenMetrics 1.0 (`prometheus/OpenMetrics`, specification/OpenMetrics.md) and Prometheus' "Exposition
///   formats", text format 0.0.4.
enum MetricsFormat {
    case openMetrics
    case prometheus

    var mediaType: MediaType { self == .openMetrics ? .openMetrics : .prometheus }

    /// The format that `Accept` likes best; Prometheus' own on a draw or without a word.
    static func preferred(by accept: String?) -> MetricsFormat {
        var openMetrics = 0.0
        var other = 0.0
        for range in (accept ?? "*/*").split(separator: ",") {
            let words = range.split(separator: ";").map { String($0.filter { $0 != " " && $0 != "\t" }).lowercased() }
            let quality = words.first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            let version = words.first { $0.hasPrefix("version=") }?.dropFirst(8)
            switch words.first {
            case "application/openmetrics-text" where version == nil || version == "1.0.0" || version == "0.0.1":
                openMetrics = max(openMetrics, quality)
            case "text/plain", "text/*", "*/*": other = max(other, quality)
            default: break
            }
        }
        return openMetrics > 0 && openMetrics >= other ? .openMetrics : .prometheus
    }

    /// The families, each as its lines; families without samples have their head only.
    ///
    /// - Precondition: A counter's name ends in `_total`, and no two families share a name.
    func text(of families: [MetricFamily]) -> String {
        var text = ""
        for family in families { write(family, to: &text) }
        if self == .openMetrics { text += "# EOF\n" }
        return text
    }

    private func write(_ family: MetricFamily, to text: inout String) {
        precondition(
            family.kind != .counter || family.name.hasSuffix("_total"), "\(family.name) is a counter without _total")
        let isCounter = self == .openMetrics && family.kind == .counter
        let name = isCounter ? String(family.name.dropLast("_total".count)) : family.name
        text += "# HELP \(name) \(escaped(help: family.help))\n# TYPE \(name) \(family.kind.rawValue)\n"
        if self == .openMetrics, let unit = MetricsFormat.unit(of: name) { text += "# UNIT \(name) \(unit)\n" }
        for sample in family.samples {
            switch sample.reading {
            case .number(let number): write(family.name, sample.labels, number, to: &text)
            case .histogram(let buckets, let sum, let count):
                for bucket in buckets {
                    let labels = sample.labels + [("le", MetricsFormat.number(bucket.upperBound))]
                    write(family.name + "_bucket", labels, Double(bucket.count), to: &text)
                }
                write(family.name + "_sum", sample.labels, sum, to: &text)
                write(family.name + "_count", sample.labels, Double(count), to: &text)
            }
        }
    }

    private func write(
        _ name: String, _ labels: [(name: String, value: String)], _ number: Double, to text: inout String
    ) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.name)=\"\(MetricsFormat.escaped(label: $0.value))\"" }
            text += "{" + pairs.joined(separator: ",") + "}"
        }
        text += " " + MetricsFormat.number(number) + "\n"
    }

    /// The unit that the name ends in; OpenMetrics wants both to agree.
    static func unit(of name: String) -> String? {
        ["seconds", "bytes"].first { name.hasSuffix("_" + $0) }
    }

    /// `1.0`, `0.005`, `+Inf`, `NaN`.
    static func number(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        return number.description
    }

    private func escaped(help text: String) -> String {
        let text = text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
        return self == .openMetrics
            ? text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") : text
    }

    /// A label's value with `\`, `"` and line ends escaped.
    static func escaped(label text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
