internal import InsightsPlugin

/// What the contract says of one thing that a run hands over.
struct EmissionRules {
    /// Metrics by name: those of the declaration and those declared at run time.
    var metrics: [String: MetricDeclaration]
    /// Subjects that were emitted before.
    var known: Set<SubjectReference>

    /// Checks one emission, and remembers it when it is a subject.
    ///
    /// - Throws: ``RunFailure`` `undeclared_metric` or `bad_sample`.
    mutating func check(_ emission: Emission) throws(RunFailure) {
        switch emission {
        case .subject(let subject):
            try check(subject.reference)
            if let parent = subject.parent { try check(parent) }
            known.insert(subject.reference)
        case .sample(let sample):
            try checkIsKnown(sample.subject)
            if let problem = try metric(sample.metric).problem(at: sample.at, sample.value) {
                throw bad("\(sample.metric) of \(sample.subject.key): \(problem)")
            }
        case .gap(let gap):
            try checkIsKnown(gap.subject)
            guard try metric(gap.metric).shape == .daily else {
                throw bad("a gap of \(gap.metric), which is not daily")
            }
            guard gap.from == gap.from.startOfDay, gap.to == gap.to.startOfDay, gap.from <= gap.to else {
                throw bad("a gap of \(gap.metric) begins and ends at midnights UTC, in this order")
            }
        }
    }

    private func metric(_ name: String) throws(RunFailure) -> MetricDeclaration {
        guard let metric = metrics[name] else {
            throw RunFailure("undeclared_metric", "\"\(name)\" was emitted but not declared", retryable: false)
        }
        return metric
    }

    private func checkIsKnown(_ subject: SubjectReference) throws(RunFailure) {
        guard known.contains(subject) else {
            throw bad("the subject \(subject.kind) \(subject.key) was not emitted before its samples")
        }
    }

    private func check(_ subject: SubjectReference) throws(RunFailure) {
        guard !subject.kind.isEmpty, !subject.key.isEmpty, subject.key.utf8.count <= 512 else {
            throw bad("a subject has a kind, and a key of at most 512 bytes")
        }
        guard subject.key == subject.key.lowercased(), subject.kind == subject.kind.lowercased() else {
            throw bad("the key \"\(subject.key)\" is not lower case")
        }
        guard !subject.key.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw bad("the key \"\(subject.key)\" holds a control character")
        }
    }

    private func bad(_ message: String) -> RunFailure { RunFailure("bad_sample", message, retryable: false) }
}

extension MetricDeclaration {
    /// Why a value does not fit this metric, or `nil`.
    fileprivate func problem(at instant: Instant, _ value: SampleValue) -> String? {
        switch value {
        case .number(let number):
            if shape == .ranking { return "a ranking takes a list of labels and values" }
            if !number.isFinite { return "\(number) is not finite" }
            return shape == .daily && instant != instant.startOfDay ? "a day is dated at its midnight UTC" : nil
        case .ranking(let lines):
            if shape != .ranking { return "only a ranking takes a list" }
            return lines.allSatisfy(\.value.isFinite) ? nil : "a value is not finite"
        }
    }
}
