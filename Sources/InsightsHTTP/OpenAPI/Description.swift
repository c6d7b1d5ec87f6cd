internal import HTTPTypes
internal import InsightsPlugin

/// The description of all routes, made from the routes themselves (OpenAPI 3.1).
enum Description {
    /// - Parameter version: The program's.
    static func document(of routes: [Route], version: String) -> Value {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "insights", "version": .string(version),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
                "description": .string(
                    "Tasks, runs and numbers of one insights process. Instants are RFC 3339 in UTC with milliseconds, "
                        + "durations seconds. HEAD is answered wherever GET is. Every answer carries X-Request-ID; a "
                        + "request's own is kept when it is 1 to 64 letters, digits, dots, hyphens or underscores."),
            ],
            "servers": [["url": "/"]],
            "paths": .object(paths(routes)),
            "components": [
                "schemas": .object(ValueObject(Schema.allCases.map { ($0.rawValue, $0.definition) })),
                "securitySchemes": ["admin": ["type": "http", "scheme": "bearer"]],
            ],
        ]
    }

    private static func paths(_ routes: [Route]) -> ValueObject {
        var paths = ValueObject()
        for route in routes {
            var item = paths[route.template]?.object ?? ValueObject()
            item[route.method.rawValue.lowercased()] = .object(operation(route))
            paths[route.template] = .object(item)
        }
        return paths
    }

    private static func operation(_ route: Route) -> ValueObject {
        var operation: ValueObject = [
            "operationId": .string(route.id), "summary": .string(route.summary),
            "tags": [.string(route.isAdmin ? "admin" : "read")],
        ]
        if !route.parameters.isEmpty { operation["parameters"] = .array(route.parameters.map(parameter)) }
        if route.isAdmin { operation["security"] = [["admin": []]] }
        var responses = ValueObject()
        for answer in route.answers + implied(route) { responses[String(answer.status.code)] = response(answer) }
        responses["default"] = response(
            .problem(
                .badRequest, "Any other refusal: 405, 408, 413, 431, 500, 503.", fields: [.allow, .retryAfter]))
        operation["responses"] = .object(responses)
        return operation
    }

    /// What follows from the route itself and is not written with each.
    private static func implied(_ route: Route) -> [Answer] {
        var answers: [Answer] = [
            .problem(.badRequest, "A parameter is unknown, given twice or not what it must be; the problem names it.")
        ]
        if route.isAdmin {
            answers.append(.problem(.unauthorized, "The bearer token is missing or wrong.", fields: [.authenticate]))
            answers.append(.problem(.forbidden, "No admin token is set; the problem says how to set one."))
        }
        return answers
    }

    private static func parameter(_ spec: ParameterSpec) -> Value {
        [
            "name": .string(spec.name), "in": .string(spec.place.rawValue), "required": .bool(spec.isRequired),
            "description": .string(spec.summary), "schema": spec.schema,
        ]
    }

    private static func response(_ answer: Answer) -> Value {
        var content = ValueObject()
        for (type, schema) in answer.content { content[type] = ["schema": schema] }
        var headers: ValueObject = ["X-Request-ID": ["schema": Schema.text, "description": "What logs find it by."]]
        for field in answer.fields { headers[field.rawValue] = header(field) }
        return [
            "description": .string(answer.summary), "headers": .object(headers), "content": .object(content),
        ]
    }

    private static func header(_ field: Answer.Field) -> Value {
        switch field {
        case .allow: ["schema": Schema.text, "description": "With 405: the methods that the path takes."]
        case .authenticate: ["schema": Schema.text]
        case .location:
            [
                "schema": ["type": "string", "format": "uri-reference"],
                "description": "Where the run is, when it is the only one.",
            ]
        case .retryAfter: ["schema": Schema.count, "description": "Seconds, where waiting helps."]
        }
    }
}

/// `GET /openapi.json`.
enum DescriptionRoute {
    static let route = Route(
        .get, "/openapi.json", id: "getDescription", "This description.",
        answers: [Answer(.ok, "OpenAPI 3.1.", ["type": "object"])]
    ) { call in .json(Description.document(of: Routes.all, version: call.site.version)) }
}
