internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// Takes what a program prints: logs it line by line as it comes, as far as the limit goes, keeps the end of what is
/// beyond, and reads samples from standard output.
final class CommandOutput: Sendable {
    private struct State {
        var tail: OutputTail
        var output: LineSplitter
        var error = LineSplitter(limit: CommandOutput.textLimit)
        var lines = 0
        var lineNumber = 0
        var samples = 0
        var lastError: String?
        var metrics: [String: MetricDeclaration] = [:]
    }

    /// Bytes of one line in the log; a longer one becomes several.
    private static let textLimit = 64 << 10
    /// Bytes of one sample or subject.
    private static let sampleLimit = 1 << 20
    /// How much of the last words an error message quotes.
    private static let quoteLimit = 200

    private let readsSamples: Bool
    private let context: RunContext
    private let state: Mutex<State>

    /// - Parameter limit: Bytes of output that the run's log is given as they come, and of the end of what follows.
    init(limit: Int, readsSamples: Bool, _ context: RunContext) {
        self.readsSamples = readsSamples
        self.context = context
        let lineLimit = readsSamples ? CommandOutput.sampleLimit : CommandOutput.textLimit
        state = Mutex(State(tail: OutputTail(limit: limit), output: LineSplitter(limit: lineLimit)))
    }

    /// Takes a piece of output.
    ///
    /// - Throws: ``RunFailure`` `bad_output`, or what the host throws at a sample: that ends the program.
    @Sendable func take(_ stream: CommandStream, _ bytes: [UInt8]) throws {
        let lines = try state.withLock { state in
            switch stream {
            case .output:
                var splitter = state.output
                defer { state.output = splitter }
                try splitter.feed(bytes) { try take($0, stream, &state) }
            case .error:
                var splitter = state.error
                defer { state.error = splitter }
                try splitter.feed(bytes) { try take($0, stream, &state) }
            }
            return state.lines
        }
        context.report(done: lines, of: nil, lines == 1 ? "line of output" : "lines of output")
    }

    /// Takes the lines that have no end, of a program that succeeded.
    ///
    /// - Throws: As ``take(_:_:)``.
    func finish() throws {
        finishText()
        guard readsSamples else { return }
        try state.withLock { state in
            var output = state.output
            defer { state.output = output }
            try output.finish { try take($0, .output, &state) }
        }
    }

    /// Takes the lines that have no end and are for the log. A sample is left: a program that did not succeed may
    /// have been cut short within it, which is no news beside its failure.
    func finishText() {
        state.withLock { state in
            var (output, error) = (state.output, state.error)
            if !readsSamples { output.finish { takeText($0, .output, &state) } }
            error.finish { takeText($0, .error, &state) }
            (state.output, state.error) = (output, error)
        }
    }

    /// Writes the end of what was too long for the run's log into it.
    func tell() {
        let tail = state.withLock { state in
            defer { state.tail = OutputTail(limit: 0) }
            return state.tail
        }
        var lines = tail.kept.map {
            HeardLine(at: $0.at, level: .info, $0.text, metadata: CommandOutput.metadata($0.stream))
        }
        if tail.droppedBytes > 0 || tail.droppedLines > 0 {
            let text =
                "\(tail.droppedBytes) bytes of output before this were dropped (\(tail.droppedLines) whole lines)"
            lines.insert(HeardLine(at: context.clock.now, level: .warning, text), at: 0)
        }
        if !lines.isEmpty { context.log(end: lines) }
    }

    private static func metadata(_ stream: CommandStream) -> Logger.Metadata {
        ["stream": stream == .error ? "stderr" : "stdout"]
    }

    /// The last line on standard error that is not blank, shortened; `nil` when there is none.
    var lastError: String? { state.withLock { $0.lastError } }

    /// What came out, for people; `nil` when there is nothing to say.
    var summary: String? {
        let (samples, lines) = state.withLock { ($0.samples, $0.lines) }
        if readsSamples { return samples == 1 ? "1 sample" : "\(samples) samples" }
        return lines == 0 ? nil : lines == 1 ? "1 line of output" : "\(lines) lines of output"
    }

    private func take(_ piece: LineSplitter.Piece, _ stream: CommandStream, _ state: inout State) throws {
        guard readsSamples, stream == .output else { return takeText(piece, stream, &state) }
        state.lines += 1
        state.lineNumber += 1
        guard case .line(let bytes) = piece else { throw badLine(state.lineNumber, "it is over 1 MiB", "") }
        try read(repairedText(bytes), &state)
    }

    private func takeText(_ piece: LineSplitter.Piece, _ stream: CommandStream, _ state: inout State) {
        state.lines += 1
        let text =
            switch piece {
            case .line(let bytes), .part(let bytes): repairedText(bytes)
            }
        if state.tail.goesOut(text) {
            context.logger.info("\(text)", metadata: CommandOutput.metadata(stream))
        } else {
            state.tail.append(OutputTail.Line(stream: stream, text: text, at: context.clock.now))
        }
        if stream == .error, text.contains(where: { !$0.isWhitespace }) {
            state.lastError = String(text.prefix(CommandOutput.quoteLimit))
        }
    }

    private func read(_ line: String, _ state: inout State) throws {
        do {
            switch try SampleLine(line) {
            case .subject(let subject): try context.emit(.subject(subject))
            case .sample(let sample, let metric):
                try declare(metric, &state)
                try context.emit(.sample(sample))
                state.samples += 1
            }
        } catch let problem as SampleLine.Problem {
            throw badLine(state.lineNumber, problem.message, line)
        }
    }

    private func declare(_ metric: MetricDeclaration, _ state: inout State) throws {
        if let known = state.metrics[metric.name] {
            guard known == metric else {
                throw SampleLine.Problem(
                    message: "\"\(metric.name)\" had another unit, shape or additive in an earlier line")
            }
            return
        }
        try context.declare([metric])
        state.metrics[metric.name] = metric
    }

    private func badLine(_ number: Int, _ reason: String, _ line: String) -> RunFailure {
        let quote = line.isEmpty ? "" : ": \(line.prefix(CommandOutput.quoteLimit))"
        return RunFailure(
            "bad_output", "line \(number) of standard output is neither a sample nor a subject: \(reason)\(quote)",
            retryable: false)
    }
}
