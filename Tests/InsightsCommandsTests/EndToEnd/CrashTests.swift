import Glibc
import InsightsPlugin
import Testing

/// The promises "nothing vanishes" and "one start" against real SIGKILLs of the real program.
@Suite("Killed at any instant", .crowded)
struct CrashTests {
    static let intervals: [(task: String, milliseconds: Int64, extra: String)] = [
        ("fast", 100, ""), ("latest", 130, ""), ("all", 200, ", catch_up: all"), ("none", 170, ", catch_up: none"),
        ("queued", 230, ", overlap: queue"), ("allowed", 300, ", overlap: allow"),
    ]

    private static let tasks = intervals.map { task, milliseconds, extra in
        "  \(task): {uses: command.run, every: \(milliseconds)ms\(extra), "
            + "with: {argv: [sleep, \"0.03\"]}}"
    }.joined(separator: "\n")

    @Test("every occurrence of every task is a run or a skip exactly once, and every run has its end")
    func killedOften() async throws {
        let seed = UInt64.random(in: 0..<10_000)
        var random = Random(state: seed)
        print("crash test: seed \(seed)")
        let place = try Place(Self.tasks)
        let deadline = ContinuousClock.now + .seconds(14)
        var kills = 0
        // At least so many, however slow the machine is.
        while kills < 6 || (ContinuousClock.now < deadline && kills < 25) {
            let program = try place.start("serve", "--no-http")
            if random.next() % 4 != 0 { try await program.waitForComplaint("ready: ") }
            try await Task.sleep(for: .milliseconds(Int64(random.next() % 700)))
            program.send(SIGKILL)
            #expect(try await program.ended().status == 128 + SIGKILL, "seed \(seed), kill \(kills)")
            kills += 1
        }
        let (last, _) = try await place.serve("--no-http", "--grace", "20s")
        try await last.wait("each task to have a run of this process", within: 120) {
            let runs = try await place.history("--status", "succeeded")
            return Self.intervals.allSatisfy { task in
                runs.contains {
                    $0["task"]?.string == task.task && $0["node"]?.string?.contains("-\(last.pid)-") == true
                }
            }
        }
        // A shutdown may leave a run to the next process; paused tasks have none left after a while.
        let names = Self.intervals.map(\.task)
        #expect(try await Program([Program.path, "pause"] + names, in: place.path).ended().status == 0)
        try await last.wait("each run to have its end", within: 120) {
            let open: Set = ["queued", "running", "retrying", "interrupted"]
            return try await !place.history().contains { open.contains($0["status"]?.string ?? "") }
        }
        last.send(SIGTERM)
        #expect(try await last.ended(within: 120).status == 0)
        for (task, milliseconds, _) in Self.intervals {
            let problems = Ledger(try await place.history(task)).problems(every: milliseconds)
            #expect(problems.isEmpty, "seed \(seed), \(task): \(problems.prefix(5))")
        }
    }
}

/// What `history` tells of one task, as occurrences.
struct Ledger {
    private let records: [Value]

    /// - Parameter records: Newest first.
    init(_ records: [Value]) { self.records = records }

    /// What does not hold, in words.
    func problems(every interval: Int64) -> [String] {
        var problems: [String] = []
        var previous: Int64?
        for record in records.reversed() {
            guard let status = record["status"]?.string, let first = instant(record, "scheduled_at") else {
                return ["no run: \(record.json)"]
            }
            let finals: Set = ["succeeded", "failed", "timed_out", "cancelled", "skipped"]
            if !finals.contains(status) { problems.append("not final: \(record.json)") }
            let last = instant(record, "until") ?? first
            let count = record["count"]?.integer ?? 0
            if (last - first) != (count - 1) * interval { problems.append("count and range differ: \(record.json)") }
            if let previous, first != previous + interval {
                problems.append("\(previous) is followed by \(first) and not by \(previous + interval)")
            }
            previous = last
        }
        if previous == nil { problems.append("no record at all") }
        return problems
    }

    private func instant(_ record: Value, _ name: String) -> Int64? {
        record[name]?.string.flatMap { Instant($0) }?.milliseconds
    }
}

/// The checker itself finds what it is there to find.
@Suite("The ledger of a task")
struct LedgerTests {
    private func record(_ second: Int64, status: String = "succeeded", count: Int64 = 1) -> Value {
        [
            "status": .string(status), "scheduled_at": Value(Instant(seconds: second)), "count": .integer(count),
            "until": count > 1 ? Value(Instant(seconds: second + count - 1)) : .null,
        ]
    }

    @Test("finds nothing wrong with runs and skips that follow each other")
    func fine() {
        let ledger = Ledger([record(6), record(2, status: "skipped", count: 4), record(1, status: "failed")])
        #expect(ledger.problems(every: 1000).isEmpty)
    }

    @Test("finds a hole, a double, an overlap, a run without end, a wrong count, and nothing at all")
    func wrong() {
        let ledgers = [
            [record(3), record(1)], [record(1), record(1)], [record(3), record(1, status: "skipped", count: 4)],
            [record(1, status: "running")], [],
        ]
        for records in ledgers { #expect(!Ledger(records).problems(every: 1000).isEmpty) }
        #expect(!Ledger([record(1, status: "skipped", count: 3)]).problems(every: 500).isEmpty)
    }
}

/// A small generator with a seed that can be printed.
struct Random {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}
