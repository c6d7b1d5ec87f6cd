extension Emission {
    /// Why the contract refuses this, or `nil`: what hosts check when it is handed over, and stores before they write.
    ///
    /// What only a store can know, such as the shape that a series has there, is not asked here.
    ///
    /// - Parameter declared: The metric of a name, declared beforehand or in this run.
    /// - Returns: ``RunFailure`` `undeclared_metric` or `bad_sample`, not retryable.
    package func refusal(declared: (String) -> MetricDeclaration?) -> RunFailure? {
        switch self {
        case .subject(let subject): subject.problem.map(Emission.bad)
        case .sample(let sample):
            Emission.refusal(of: sample.metric, declared) { metric in
                sample.subject.problem
                    ?? metric.problem(with: sample).map {
                        "\(sample.metric) of \(sample.subject.key): \($0)"
                    }
            }
        case .gap(let gap):
            Emission.refusal(of: gap.metric, declared) { metric in gap.subject.problem ?? metric.problem(with: gap) }
        case .rollUp(let rollUp): Emission.refusal(of: rollUp, declared)
        }
    }

    private static func refusal(
        of name: String, _ declared: (String) -> MetricDeclaration?, _ problem: (MetricDeclaration) -> String?
    ) -> RunFailure? {
        guard let metric = declared(name), MetricDeclaration.isValid(name: name) else {
            return RunFailure(
                "undeclared_metric", "\"\(name.shown)\" was emitted and is not declared", retryable: false)
        }
        return problem(metric).map(bad)
    }

    private static func refusal(of rollUp: RollUp, _ declared: (String) -> MetricDeclaration?) -> RunFailure? {
        let from = SubjectReference(kind: rollUp.from, key: rollUp.subject.key)
        if let problem = rollUp.subject.problem ?? from.problem { return bad(problem) }
        for name in rollUp.metrics {
            let refusal = refusal(of: name, declared) { metric in
                metric.additive && metric.shape != .ranking
                    ? nil : "roll-up of \(name) to \(rollUp.subject.key): only additive numbers can be summed"
            }
            if let refusal { return refusal }
        }
        return nil
    }

    private static func bad(_ problem: String) -> RunFailure {
        RunFailure("bad_sample", problem, retryable: false)
    }
}

extension Subject {
    /// Why this is no subject, or `nil`.
    package var problem: String? {
        if let problem = reference.problem ?? parent?.problem { return problem }
        if parent == reference { return "subject \(reference.key) cannot be its own parent" }
        if let externalID, externalID.isEmpty || externalID.utf8.count > 256 {
            return "external id \"\(externalID.shown)\" must have 1 to 256 bytes"
        }
        return nil
    }
}

extension SubjectReference {
    /// Why this names no subject, or `nil`. Quick, as it is asked of every sample.
    package var problem: String? {
        guard isKindValid else {
            return "subject kind \"\(kind.shown)\" must match [a-z][a-z0-9_-]*, at most 64 characters"
        }
        guard !key.isEmpty, key.utf8.count <= 512 else {
            return "subject key \"\(key.shown)\" must have 1 to 512 bytes"
        }
        // Nearly every key is printable ASCII without capitals, and then nothing is left to ask.
        let isPlain = key.utf8.allSatisfy { (0x20..<0x7F).contains($0) && !(0x41...0x5A).contains($0) }
        if isPlain { return nil }
        guard !key.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return "subject key \"\(key.shown)\" has a control character in it"
        }
        return key == key.lowercased() ? nil : "subject key \"\(key.shown)\" must be in lower case"
    }

    private var isKindValid: Bool {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        guard let first = kind.utf8.first, letters.contains(first), kind.utf8.count <= 64 else { return false }
        return kind.utf8.allSatisfy {
            letters.contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
                || $0 == UInt8(ascii: "-")
        }
    }
}

extension MetricDeclaration {
    /// Why a sample is none of this metric, or `nil`.
    fileprivate func problem(with sample: Sample) -> String? {
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

    /// Why a gap is none of this metric, or `nil`.
    fileprivate func problem(with gap: Gap) -> String? {
        guard shape == .daily else { return "gap of \(name): only a daily metric has gaps" }
        guard gap.from == gap.from.startOfDay, gap.to == gap.to.startOfDay, gap.from <= gap.to else {
            return "gap of \(name): its first and last day are midnights UTC, in this order"
        }
        return nil
    }
}

extension String {
    /// The beginning of it, for a message that is stored and shown: without NUL, which no store takes.
    fileprivate var shown: String {
        String(String.UnicodeScalarView(unicodeScalars.prefix(80).map { $0 == "\0" ? "\u{FFFD}" : $0 }))
    }
}
