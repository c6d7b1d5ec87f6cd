import CLibYAML

/// Why libyaml cannot read on.
struct YAMLFailure: Error {
    /// What libyaml says, such as `did not find expected key`.
    var problem: String
    /// Where, in scalars from the start of the text.
    var scalar: Int
    /// What it was reading, such as `while parsing a block mapping`; empty when it does not say.
    var context: String
    /// Where that began, in scalars from the start of the text.
    var contextScalar: Int
}

/// The events of a YAML text, one after the other, from libyaml.
///
/// The whole of this project's use of libyaml; its parser and event need a stable address and an end,
/// hence the pointers.
struct EventStream: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let event: UnsafeMutablePointer<yaml_event_t>

    /// Begins to read.
    ///
    /// - Parameter text: UTF-8 without a byte order mark; must outlive the stream.
    init(_ text: UnsafeBufferPointer<UInt8>) {
        parser = .allocate(capacity: 1)
        event = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        event.initialize(to: yaml_event_t())
        let isReady = yaml_parser_initialize(parser)
        precondition(isReady == 1, "out of memory")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        yaml_event_delete(event)
        yaml_parser_delete(parser)
        event.deallocate()
        parser.deallocate()
    }

    /// The next event, valid until the next call.
    ///
    /// - Throws: ``YAMLFailure``, after which there is nothing more to read.
    /// - SeeAlso: `yaml_parser_parse` in `yaml.h`.
    mutating func next() throws(YAMLFailure) -> UnsafePointer<yaml_event_t> {
        yaml_event_delete(event)
        guard yaml_parser_parse(parser, event) == 1 else { throw failure() }
        return UnsafePointer(event)
    }

    private func failure() -> YAMLFailure {
        let state = parser.pointee
        precondition(state.error != YAML_MEMORY_ERROR, "out of memory")
        return YAMLFailure(
            problem: state.problem.map { String(cString: $0) } ?? "not valid YAML",
            scalar: state.problem_mark.index,
            context: state.context.map { String(cString: $0) } ?? "",
            contextScalar: state.context_mark.index)
    }
}
