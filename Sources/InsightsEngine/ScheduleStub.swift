// Stand-in until Schedule/ lands; deleted then.
package import InsightsPlugin
package final class Zone: Sendable {
    package let identifier: String
    init(identifier: String) { self.identifier = identifier }
    package static func named(_ identifier: String) -> Zone? { Zone(identifier: identifier) }
}
package final class CronSchedule: Sendable, Hashable {
    package let text: String
    package let zone: Zone
    package init(_ text: String, zone: Zone) { self.text = text; self.zone = zone }
    package func next(after: Instant) -> Instant? { nil }
    package static func == (a: CronSchedule, b: CronSchedule) -> Bool { a.text == b.text && a.zone === b.zone }
    package func hash(into h: inout Hasher) { h.combine(text) }
}
