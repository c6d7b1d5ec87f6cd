import InsightsEngine
import InsightsPlugin

/// What was read before, by its text: tasks have durations, zones and cron expressions in common.
///
/// Equal texts then share one object, which saves time here and memory for as long as the manifest lives.
/// A class, as the readers of one check share it. One check, one thread.
final class ReadingCache {
    private var durations: [String: Result<Duration, DurationTextError>] = [:]
    private var zones: [String: Result<Zone, ZoneNameError>] = [:]
    private var crons: [CronKey: Result<CronSchedule, CronError>] = [:]
    private var clockChanges: [ObjectIdentifier: ClockChange?] = [:]
    private var unknownKeys: Set<NodeID> = []
    private var unknownKeysOfDisabled: Set<NodeID> = []
    private var explainedZones = 0

    private struct CronKey: Hashable {
        var text: String
        var zone: String
    }

    /// Looking for the nearest of all zones reads a folder tree: past these it is not worth it.
    private static let mostExplainedZones = 50

    func duration(_ text: String) -> Result<Duration, DurationTextError> {
        if let known = durations[text] { return known }
        let result = Result { () throws(DurationTextError) in try DurationText.parse(text) }
        durations[text] = result
        return result
    }

    func zone(_ name: String) -> Result<Zone, ZoneNameError>? {
        if let known = zones[name] { return known }
        if let zone = Zone.named(name) {
            zones[name] = .success(zone)
            return .success(zone)
        }
        guard explainedZones < ReadingCache.mostExplainedZones else { return nil }
        explainedZones += 1
        let error = ZoneNameError(name)
        zones[name] = .failure(error)
        return .failure(error)
    }

    func cron(_ text: String, zone: Zone) -> Result<CronSchedule, CronError> {
        let key = CronKey(text: text, zone: zone.identifier)
        if let known = crons[key] { return known }
        let result = Result { () throws(CronError) in try CronSchedule(text, zone: zone) }
        crons[key] = result
        return result
    }

    /// Whether an unknown key that came in by `<<` was not yet told with this severity of what it lacks.
    func isNews(_ key: NodeID, _ severity: Diagnostic.Severity) -> Bool {
        severity == .error ? unknownKeys.insert(key).inserted : unknownKeysOfDisabled.insert(key).inserted
    }

    /// The coming clock change that concerns a schedule, if any.
    ///
    /// - Parameter schedule: One that ``cron(_:zone:)`` gave: it stays alive as long as this cache does.
    func clockChange(_ schedule: CronSchedule, now: Instant) -> ClockChange? {
        if let known = clockChanges[ObjectIdentifier(schedule)] { return known }
        let change = schedule.clockChangeWarning(from: now)
        clockChanges[ObjectIdentifier(schedule)] = change
        return change
    }
}
