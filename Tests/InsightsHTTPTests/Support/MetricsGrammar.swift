/// A check of both text formats against their grammar, written apart from the code that writes them.
///
/// - SeeAlso: OpenMetrics 1.0, ABNF; Prometheus' "Exposition formats", text format 0.0.4.
enum MetricsGrammar {
    /// The first line of OpenMetrics text that breaks a rule, or `nil`.
    static func fault(in text: String) -> String? {
        guard text.hasSuffix("# EOF\n") else { return "no EOF" }
        return fault(in: text.split(separator: "\n", omittingEmptySubsequences: false).dropLast(2), isOpen: true)
    }

    /// The first line of Prometheus text that breaks a rule, or `nil`.
    static func faultInPrometheus(_ text: String) -> String? {
        guard text.hasSuffix("\n") else { return "no end of line at the end" }
        return fault(in: text.split(separator: "\n", omittingEmptySubsequences: false).dropLast(), isOpen: false)
    }

    private static func fault(in lines: ArraySlice<Substring>, isOpen: Bool) -> String? {
        var family: (name: String, type: String)?
        var seenFamilies: Set<String> = []
        var seenSamples: Set<String> = []
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if words.first == "#" {
                guard words.count == 4, ["HELP", "TYPE"].contains(words[1]) || (isOpen && words[1] == "UNIT") else {
                    return "\(line)"
                }
                if words[1] == "HELP" {
                    guard isName(words[2]), seenFamilies.insert(words[2]).inserted else { return "\(line)" }
                    family = (words[2], "")
                }
                guard words[2] == family?.name else { return "\(line)" }
                if words[1] == "TYPE" { family?.type = words[3] }
                if words[1] == "UNIT", !words[2].hasSuffix("_" + words[3]) { return "\(line)" }
            } else {
                guard let family, let (series, name) = sample(String(line)), seenSamples.insert(series).inserted,
                    suffixes(of: family.type, isOpen).contains(where: { family.name + $0 == name }),
                    family.type != "counter" || name.hasSuffix("_total")
                else { return "\(line)" }
            }
        }
        return nil
    }

    private static func suffixes(of type: String, _ isOpen: Bool) -> [String] {
        switch type {
        case "counter": [isOpen ? "_total" : ""]
        case "histogram": ["_bucket", "_sum", "_count"]
        case "gauge": [""]
        default: []
        }
    }

    /// The series and its metric's name, when the line is `name{label="value",…} number`.
    private static func sample(_ line: String) -> (series: String, name: String)? {
        var rest = Substring(line)
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        rest.removeFirst(name.count)
        guard isName(name) else { return nil }
        if rest.first == "{" {
            rest.removeFirst()
            while true {
                let label = String(rest.prefix { $0 != "=" })
                rest.removeFirst(label.count)
                guard isName(label), rest.hasPrefix("=\"") else { return nil }
                rest.removeFirst(2)
                guard skipValue(&rest) else { return nil }
                if rest.first == "," { rest.removeFirst() } else { break }
            }
            guard rest.first == "}" else { return nil }
            rest.removeFirst()
        }
        guard rest.first == " ", let number = Double(rest.dropFirst()), !number.isNaN else { return nil }
        return (String(line.dropLast(rest.count)), name)
    }

    private static func skipValue(_ rest: inout Substring) -> Bool {
        while let character = rest.popFirst() {
            switch character {
            case "\"": return true
            case "\\": guard let next = rest.popFirst(), "\\\"n".contains(next) else { return false }
            default: continue
            }
        }
        return false
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, !("0"..."9").contains(first) else { return false }
        return text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_"
        }
    }
}
