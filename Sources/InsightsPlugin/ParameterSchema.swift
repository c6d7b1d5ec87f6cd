/// What a module's parameters may be: the part of JSON Schema (draft 2020-12) that insights checks.
///
/// From one such tree come the check of `with:` at its own lines, `insights modules`, and the JSON
/// Schema of the manifest.
public indirect enum ParameterType: Hashable, Sendable {
    /// Text; `pattern` is an ECMA-262 regular expression searched for within the text.
    case string(minLength: Int? = nil, maxLength: Int? = nil, pattern: String? = nil, format: StringFormat? = nil)
    /// A whole number within the range.
    case integer(ClosedRange<Int64>? = nil)
    /// A number within the range.
    case number(ClosedRange<Double>? = nil)
    /// `true false yes no on off`, any case.
    case boolean
    /// One of the texts.
    case enumeration([String])
    /// A list; every item is of one type.
    case array(of: Parameter, minItems: Int? = nil, maxItems: Int? = nil)
    /// A map with known keys.
    case object([Parameter], additional: Bool = false)
    /// A map with any keys, every value of one type.
    case map(of: Parameter)
    /// Anything.
    case any
}

/// A meaning that a text has beyond its characters, checked with the parameters.
public enum StringFormat: String, Hashable, Sendable {
    /// A duration as the manifest writes them, e.g. `1h30m`; the module is given whole seconds or a fraction as text.
    case duration
    /// An RFC 3339 instant.
    case instant = "date-time"
    /// A path; relative ones count from the manifest's folder, and the module is given an absolute one.
    case path
}

/// One parameter of a module.
public struct Parameter: Hashable, Sendable {
    /// The key under `with:`; empty for the items of a list.
    public var name: String
    /// What the value may be.
    public var type: ParameterType
    /// Whether it must be given.
    public var isRequired: Bool
    /// The value when it is not given; filled in by the host.
    public var defaultValue: Value?
    /// Values that work as they are: the plugin exam runs with them.
    public var examples: [Value]
    /// Never shown, logged or stored.
    public var isSecret: Bool
    /// The unit of a number, e.g. `seconds`.
    public var unit: String?
    /// One sentence.
    public var summary: String

    /// Creates a parameter.
    public init(
        _ name: String, _ type: ParameterType, required: Bool = false, default defaultValue: Value? = nil,
        examples: [Value] = [], secret: Bool = false, unit: String? = nil, summary: String
    ) {
        self.name = name
        self.type = type
        self.isRequired = required
        self.defaultValue = defaultValue
        self.examples = examples
        self.isSecret = secret
        self.unit = unit
        self.summary = summary
    }
}

/// A problem that a module found in parameters that already fit its schema.
public struct ParameterProblem: Hashable, Sendable {
    /// A step into the parameters.
    public enum Step: Hashable, Sendable {
        /// A key of a map.
        case key(String)
        /// A position in a list, from 0.
        case index(Int)
    }

    /// Where, from the root of `with:`.
    public var path: [Step]
    /// What is wrong, for people.
    public var message: String
    /// The way out, if there is one to name.
    public var help: String?

    /// Creates a problem.
    public init(at path: [Step], _ message: String, help: String? = nil) {
        self.path = path
        self.message = message
        self.help = help
    }
}
