import InsightsPlugin
import InsightsTestWire

extension WireResponse {
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
