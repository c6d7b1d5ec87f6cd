internal import InsightsEngine
internal import InsightsPlugin
internal import Logging

/// What a handler gets: the request's checked words and the running program.
struct Call: Sendable {
    let daemon: any Daemon
    let site: Site
    /// For lines about this request.
    let logger: Logger
    /// The request's `Accept`, all of it.
    let accept: String?
    /// Lets an answer take longer than a request may, until the client is gone.
    let patience: Patience
    private let captures: [String: String]
    private let query: [String: String]

    /// - Throws: ``Problem`` 400 when the query names a parameter that the route does not have, or one twice.
    init(
        route: Route, captures: [String: String], query pairs: [(name: String, value: String)], daemon: any Daemon,
        site: Site, logger: Logger, accept: String?, patience: Patience
    ) throws(Problem) {
        self.daemon = daemon
        self.site = site
        self.logger = logger
        self.accept = accept
        self.patience = patience
        self.captures = captures
        let known = route.parameters.filter { $0.place == .query }.map(\.name)
        var query: [String: String] = [:]
        for (name, value) in pairs {
            guard !name.isEmpty else { throw .badParameter(name, "a parameter's name is missing before =") }
            guard known.contains(name) else {
                let choices = known.isEmpty ? "there are none here" : "there are " + known.joined(separator: ", ")
                throw .badParameter(name, "is no parameter of \(route.template); \(choices)")
            }
            guard query.updateValue(value, forKey: name) == nil else { throw .badParameter(name, "is given twice") }
        }
        self.query = query
    }

    /// The parameter's value, or `nil` when it is not given.
    ///
    /// - Throws: ``Problem`` 400 that names it when its value is not what it must be.
    func value<Parsed>(_ parameter: Parameter<Parsed>) throws(Problem) -> Parsed? {
        let spec = parameter.spec
        guard let text = (spec.place == .path ? captures : query)[spec.name] else { return nil }
        guard let parsed = parameter.parse(text) else { throw .badParameter(spec.name, "must be \(spec.expected)") }
        return parsed
    }

    /// The value of a parameter that must be there.
    ///
    /// - Throws: ``Problem`` 400 that names it when it is missing or not what it must be.
    func required<Parsed>(_ parameter: Parameter<Parsed>) throws(Problem) -> Parsed {
        guard let value = try value(parameter) else {
            throw .badParameter(parameter.spec.name, "is required: \(parameter.spec.expected)")
        }
        return value
    }
}

/// Awaits a store's answer, and gives its error as the problem it is to a client.
func stored<Answer>(_ ask: () async throws(StoreError) -> Answer) async throws(Problem) -> Answer {
    do {
        return try await ask()
    } catch {
        throw Problem(error)
    }
}
