import InsightsPlugin

/// An answer as it came over the wire.
struct WireResponse: Sendable {
    var status: Int
    /// Names in lower case, in order.
    var fields: [(name: String, value: String)]
    var body: [UInt8]

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The body as text; `nil` when it is not UTF-8.
    var text: String? { String(validating: body, as: UTF8.self) }

    /// The body as JSON; `null` when it is none, which no test expects.
    var json: Value { (try? Value(json: body)) ?? .null }

    /// The last word of a problem's `type`, once the answer has proved to be one in every part.
    var problem: String? {
        guard self["content-type"] == "application/problem+json", let type = json["type"]?.string,
            json["title"]?.string?.isEmpty == false,
            json["status"]?.integer == Int64(status), json["detail"]?.string?.isEmpty == false,
            json["request_id"]?.string == self["x-request-id"], self["x-request-id"] != nil
        else { return nil }
        return type.split(separator: ":").last.map(String.init)
    }
}
