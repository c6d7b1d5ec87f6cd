import Foundation
import Glibc
import InsightsPlugin
import Testing

/// What a newcomer does: the demo in one terminal, the program with the example's manifest in another.
@Suite("The example over simulated forges, by the real programs", .crowded)
struct ForgeDemoTests {
    /// The manifest as it is shipped.
    private static let manifest = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "Plugins-dev/Examples/forges/tasks.yaml")

    /// Where the demo listens, as the variables that it tells to set.
    private func environment(_ output: String) -> [String: String] {
        var variables: [String: String] = [:]
        for line in output.split(separator: "\n") where line.hasPrefix("export ") {
            let parts = line.dropFirst(7).split(separator: "=", maxSplits: 1)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        }
        return variables
    }

    @Test("One run of the pipeline fills every chart: figures, days, rankings and sums of each of the three forges")
    func charts() async throws {
        let place = try Place()
        try place.write("tasks.yaml", try String(contentsOf: Self.manifest, encoding: .utf8))
        let demo = try Program([Program.path + "-forge-demo", "--port", "0"], in: place.path)
        defer { demo.send(SIGTERM) }
        try await demo.wait("the demo's addresses") { demo.output.contains("demo.db") }
        let environment = environment(demo.output)
        let keys = ["GITHUB", "GITLAB", "FORGEJO"].map { String((environment["DEMO_\($0)"] ?? "").dropFirst(7)) }
        try #require(keys.allSatisfy { $0.hasPrefix("127.0.0.1:") }, "\(demo.output)")

        let checked = try await place.run("check", "--online", environment: environment)
        #expect(checked.status == 0, "\(checked.output)")
        let ended = try await place.run("run", "--json", environment: environment)
        #expect(ended.status == 0, "\(ended.complaints)")
        let runs = try #require(try ended.json.array)
        #expect(runs.count == 3 && runs.allSatisfy { $0["status"] == "succeeded" }, "\(ended.output)")

        let figures = try await figures(in: place, environment)
        // Of GitHub without a fork and what is left out, with the one that was renamed.
        for (key, count, accounts) in [(keys[0], 12, 2), (keys[1], 4, 1), (keys[2], 3, 1)] {
            let stars = figures.filter {
                $0.kind == "repository" && $0.metric == "stars" && $0.key.hasPrefix(key + "/")
            }
            #expect(stars.count == count && stars.allSatisfy { $0.value > 0 }, "\(stars)")
            let sum = figures.first { $0.kind == "platform" && $0.metric == "stars" && $0.key == key }
            #expect(sum?.value == stars.reduce(0) { $0 + $1.value } && sum?.of == accounts)
            let members = figures.filter { $0.metric == "members" && $0.key.hasPrefix(key + "/") }
            #expect(!members.isEmpty && members.allSatisfy { $0.value > 1 })
        }
        #expect(figures.contains { $0.key == "\(keys[0])/nimbus-labs/new-name" })
        for (subject, kind, metric, least) in [
            ("\(keys[0])/nimbus-labs/nimbus", "repository", "views", 14),
            ("\(keys[0])/nimbus-labs/nimbus", "repository", "clones_unique", 14),
            ("\(keys[0])/nimbus-labs", "account", "views", 14), (keys[0], "platform", "clones", 14),
            ("\(keys[1])/skyforge/anvil", "repository", "fetches", 25), (keys[1], "platform", "fetches", 25),
            ("\(keys[2])/pinewood/needle", "repository", "stars", 1),
            ("\(keys[0])/nimbus-labs/nimbus", "repository", "referrers_14d", 1),
        ] {
            let series = try await place.run(
                "series", "--subject", subject, "--kind", kind, "--metric", metric, "--json", environment: environment)
            let points = try #require(try series.json["points"]?.array, "\(series.output)\(series.complaints)")
            #expect(points.count >= least, "\(metric) of \(subject): \(points.count)")
        }
    }

    private struct Figure {
        var kind: String
        var key: String
        var metric: String
        var value: Double
        var of: Int?
    }

    private func figures(in place: Place, _ environment: [String: String]) async throws -> [Figure] {
        let ended = try await place.run("metrics", "--json", environment: environment)
        return try #require(try ended.json.array, "\(ended.complaints)").compactMap { row in
            guard let kind = row["subject"]?["kind"]?.string, let key = row["subject"]?["key"]?.string,
                let metric = row["metric"]?.string, let value = row["value"].flatMap({ Double($0.json) })
            else { return nil }
            return Figure(
                kind: kind, key: key, metric: metric, value: value, of: row["of"]?.integer.map { Int($0) })
        }
    }
}
