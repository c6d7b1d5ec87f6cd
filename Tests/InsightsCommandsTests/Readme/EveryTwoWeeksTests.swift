import Foundation
import Glibc
import Testing

@Suite("README: every two weeks by cron or systemd", .crowded)
struct EveryTwoWeeksTests {
    private static let day: TimeInterval = 86_400
    private static let hour: TimeInterval = 3600

    /// Runs a line in a folder where the marker has that age in seconds, or is not there, as cron would.
    private static func status(of line: String, markerAge: TimeInterval?, in place: Place) async throws -> Int32 {
        if let markerAge {
            try place.write(".backup-done", "")
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -markerAge)], ofItemAtPath: place.path + "/.backup-done")
        }
        let shell = try Program(["/bin/sh", "-c", line], in: place.path, environment: ["PATH": "/usr/bin:/bin"])
        return try await shell.ended().status
    }

    static let ages: [(TimeInterval?, runs: Bool)] = [
        (nil, true), (0, false), (day, false), (13 * day - hour, false), (13 * day + hour, false),
        (14 * day - hour, true), (14 * day + hour, true), (40 * day, true),
    ]

    @Test("cron's line starts the task on the 14th day and not on the 13th, whatever the hour", arguments: ages)
    func cron(age: TimeInterval?, runs: Bool) async throws {
        let place = try Place()
        let line = try Document("README.md").rest(ofLine: "0 2 * * * ")
        #expect(!line.contains("%"), "cron takes % as the end of the line")
        let program = "/usr/local/bin/insights run backup"
        try #require(line.contains("cd /srv/insights ") && line.contains(" \(program) "))
        let here = line.replacing("cd /srv/insights ", with: "cd \(place.path) ").replacing(program, with: "touch ran")
        let status = try await Self.status(of: here, markerAge: age, in: place)
        #expect((status == 0) == runs)
        #expect(place.exists("ran") == runs)
        // A success is the new marker: the next day nothing starts.
        if runs {
            #expect(try await Self.status(of: here, markerAge: nil, in: place) != 0)
        }
    }

    @Test("systemd's condition holds on the 14th day and not on the 13th, whatever the hour", arguments: ages)
    func systemd(age: TimeInterval?, runs: Bool) async throws {
        let condition = try Document("README.md").rest(ofLine: "ExecCondition=")
        #expect((try await Self.status(of: condition, markerAge: age, in: try Place()) == 0) == runs)
    }
}
