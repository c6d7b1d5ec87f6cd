import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("A task's hash")
struct HashTests {
    private func hash(_ text: String, environment: [String: String] = [:]) throws -> UInt64 {
        try #require(try load(text, environment: environment).first).hash
    }

    @Test("The way it is written does not count, nor does what is secret")
    func same() throws {
        let plain = try hash(task("every: 1h\nwith: {text: a, environment: {A: x, B: y}, count: 3}"))
        #expect(
            try hash(
                tasks(
                    "t:\n  with:\n    environment:\n      B: \"y\"\n      A: 'x'\n    text: |-\n      a\n  every: PT60M\n  uses: demo.echo"
                )) == plain)
        #expect(
            try hash(
                "defaults: {priority: 0}\n" + task("every: 3600\nwith: {text: \"${X}\", environment: {A: x, B: y}}"),
                environment: ["X": "a"]) == plain)

        let secret = task("with: {token: \"${X}\", tokens: [\"${X}\"], options: {depth: 1, pin: \"${N}\"}}")
        let one = try hash(secret, environment: ["X": "one", "N": "1"])
        #expect(try hash(secret, environment: ["X": "two", "N": "2"]) == one)
    }

    @Test("It is the same in every process: nodes compare it")
    func pinned() throws {
        let found = try hash(task("every: 1h\nwith: {text: a}"))
        #expect(found == 10_808_100_026_050_773_754)
    }

    @Test("Whatever a run would notice counts")
    func different() throws {
        let variants = [
            "every: 1h", "every: 61m", "every: 1h\nstarting: 2026-01-04T02:00:00Z", "cron: 0 * * * *",
            "cron: 0 * * * *\ntimezone: Asia/Tokyo", "enabled: no\nevery: 1h", "description: x\nevery: 1h",
            "every: 1h\ntimeout: 2h",
            "every: 1h\nretry: 2", "every: 1h\nretry: {factor: 3}", "every: 1h\noverlap: queue",
            "every: 1h\non_start: never",
            "every: 1h\ncatch_up: all", "every: 1h\ncatch_up_limit: 9", "every: 1h\njitter: 1s",
            "every: 1h\non_lost: fail",
            "every: 1h\npriority: 1", "every: 1h\nblocking: yes", "every: 1h\nkeep: 1d", "every: 1h\nretention: 300d",
            "every: 1h\nwith: {text: a}", "every: 1h\nwith: {text: b}", "every: 1h\nwith: {names: [a, b]}",
            "every: 1h\nwith: {names: [ab]}",
            "every: 1h\nwith: {token: x}", "every: 1h\nwith: {anything: 1}", "every: 1h\nwith: {anything: 1.5}",
            "every: 1h\nwith: {anything: \"1\"}",
            "every: 1h\nwith: {anything: true}", "every: 1h\nwith: {anything: [~]}", "every: 1h\nwith: {count: 4}",
            "every: 1h\nwith: {environment: {A: B}}",
        ]
        var seen: [UInt64: String] = [:]
        for text in variants {
            let value = try hash(task(text))
            #expect(seen[value] == nil, "\(text) and \(seen[value] ?? "")")
            seen[value] = text
        }
        let grouped = try hash("groups: {g: 1}\n" + task("every: 1h\ngroup: g"))
        #expect(seen[grouped] == nil)
        let renamed = try hash(task("every: 1h").replacing("  t:", with: "  u:"))
        #expect(seen[renamed] == nil)
    }

    @Test("The manifest's counts all of it")
    func manifest() throws {
        func whole(_ text: String) throws -> UInt64 { try #require(try load(text).manifest).hash }
        let base = try whole(tasks("a: {uses: demo.echo}\nb: {uses: demo.echo}"))
        #expect(try whole(tasks("b: {uses: demo.echo}\na: {uses: demo.echo}")) == base)
        for other in [
            tasks("a: {uses: demo.echo}"), tasks("a: {uses: demo.echo}\nb: {uses: demo.echo, priority: 1}"),
            "concurrency: 3\n" + tasks("a: {uses: demo.echo}\nb: {uses: demo.echo}"),
            "timezone: Asia/Tokyo\n" + tasks("a: {uses: demo.echo}\nb: {uses: demo.echo}"),
            "groups: {g: 1}\n" + tasks("a: {uses: demo.echo}\nb: {uses: demo.echo}"),
        ] { #expect(try whole(other) != base) }
    }
}
