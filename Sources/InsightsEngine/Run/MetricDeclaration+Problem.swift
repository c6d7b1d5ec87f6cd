package import InsightsPlugin

extension MetricDeclaration {
    /// Why a sample is none of this metric, or `nil`.
    package func problem(with sample: Sample) -> String? {
        switch (shape, sample.value) {
        case (.ranking, .number): return "a ranking wants a list of labels and values"
        case (.gauge, .ranking), (.daily, .ranking), (.total, .ranking): return "only a ranking takes a list"
        case (.ranking, .ranking(let lines)):
            return lines.allSatisfy { $0.value.isFinite } ? nil : "a value is not finite"
        case (_, .number(let number)):
            guard number.isFinite else { return "the value is not finite" }
            if shape == .daily, sample.at != sample.at.startOfDay { return "a daily sample is dated at midnight UTC" }
            return nil
        }
    }
}
