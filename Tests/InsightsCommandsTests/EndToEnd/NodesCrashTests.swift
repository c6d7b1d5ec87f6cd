import Foundation
import Glibc
import InsightsPlugin
import InsightsPostgresServer
import InsightsTestWire
import Testing

/// What is promised of several nodes, on real processes and a real PostgreSQL: three nodes that share thirty tasks are
/// killed, stopped and cut off at random.
///
/// `INSIGHTS_NODES_KILLS` is how often that happens, all nodes together: a few times unless it says otherwise, hundreds of
/// times in a longer test. `INSIGHTS_NODES_CRASH_SEED` repeats the choices of a run, though not what the machine makes of
/// them.
@Suite("Several nodes, killed at any instant", .crowded)
struct NodesCrashTests {
    private static let nodes = 3
    private static let tasks = 30
    private static let environment = ProcessInfo.processInfo.environment

    /// How long a node that is gone for long is away, or stands still, or hears nothing: past its lease, and past the
    /// 30 s in which others must have taken over.
    private static let absence = 32.0

    /// Every third task's lost attempts fail: an occurrence of theirs starts once, whatever happens. The other two thirds
    /// start again elsewhere.
    private static func fails(_ task: Int) -> Bool { task % 3 == 0 }

    private static func manifest() -> String {
        let script =
            #"echo "$INSIGHTS_TASK $INSIGHTS_SCHEDULED_AT $INSIGHTS_ATTEMPT $PPID $EPOCHREALTIME" >> starts.log; sleep 0.1"#
        return (0..<tasks).map { task in
            "  t\(task): {uses: command.run, every: \(interval(task))ms\(policies[task % policies.count])"
                + (fails(task) ? ", on_lost: fail" : "") + ", with: {argv: [bash, \"-c\", '\(script)']}}"
        }.joined(separator: "\n")
    }

    /// A dead node's places in a group are taken until its lease is over, whoever waits for them.
    private static func isGrouped(_ task: String) -> Bool {
        (Int(task.dropFirst()) ?? 0) % policies.count == groupPolicy
    }

    private static let policies = ["", ", catch_up: all", ", overlap: queue", ", group: few", ", catch_up: none"]
    private static let groupPolicy = 3

    private static func interval(_ task: Int) -> Int64 { 2000 + Int64(task) * 10 }

    private enum Blow: CaseIterable, Sendable {
        /// SIGKILL, and another process soon after.
        case kill
        /// SIGKILL, and nobody comes for long.
        case loss
        /// SIGSTOP, and SIGCONT when the lease is over.
        case stop
        /// Nothing passes between the node and the database, until the lease is over.
        case cut
    }

    /// What fell on a process, and when, in seconds since 1970.
    private struct Trouble: Sendable {
        let blow: Blow
        let pid: pid_t
        let from: Double
        var until = Double.infinity

        init(_ blow: Blow, _ pid: pid_t) { (self.blow, self.pid, from) = (blow, pid, Date().timeIntervalSince1970) }
    }

    /// What a node went through, and the process that it is in the end.
    private struct Life: Sendable {
        let program: Program
        let troubles: [Trouble]
    }

    @Test("no occurrence is lost, none starts twice, and what a dead node had is another's within 30 s")
    func killedOften() async throws {
        let count = Self.environment["INSIGHTS_NODES_KILLS"].flatMap { Int($0) }
        let seed = Self.environment["INSIGHTS_NODES_CRASH_SEED"].flatMap { UInt64($0) } ?? .random(in: 0..<10_000)
        print("nodes' crash test: seed \(seed), INSIGHTS_NODES_KILLS=\(count ?? 12)")
        let name = "nodes_" + UUID().uuidString.prefix(8).lowercased()
        let (server, url) = try await offPool {
            let server = try PostgresServer.shared()
            return (server, try server.database(name))
        }
        let place = try Place(Self.manifest(), top: "groups: {few: 2}\n")
        let lives = try await withThrowingTaskGroup(of: Life.self) { group in
            for node in 0..<Self.nodes {
                let blows = Self.blows((count ?? 12) / Self.nodes, of: node, seed)
                group.addTask { try await Self.live(node, blows, seed, place, server, name) }
            }
            return try await group.reduce(into: [Life]()) { $0.append($1) }
        }
        try await settle(place, url, lives.map(\.program), seed)
        try await check(place, url, seed)
        takeovers(place, lives.flatMap(\.troubles), isLong: count != nil)
    }

    private static func blows(_ count: Int, of node: Int, _ seed: UInt64) -> [(blow: Blow, draw: UInt64)] {
        var random = Random(state: seed &+ UInt64(node) &* 7919)
        for _ in 0..<8 { _ = random.next() }
        return (0..<count).map { number in
            // A short test has them all, never all nodes the same at one time; a long one mostly quick kills.
            let kind = count <= 4 ? (number + node + 1) % 4 : Int(random.next() % 12)
            return (Blow.allCases[kind < 4 ? kind : 0], random.next())
        }
    }

    /// One node's life: each blow falls on a process that has been there for a moment.
    private static func live(
        _ node: Int, _ blows: [(blow: Blow, draw: UInt64)], _ seed: UInt64, _ place: Place, _ server: PostgresServer,
        _ name: String
    ) async throws -> Life {
        let proxy = try CuttingProxy(to: server.port)
        let url = server.tcpURI(name).replacing(":\(server.port)/", with: ":\(proxy.port)/")
        var troubles: [Trouble] = []
        func start() throws -> Program { try place.start("serve", "--no-http", "--database", url) }
        var program = try start()
        /// What was stopped or cut off before it was ready may have given up; whoever watches it starts it again.
        func ready() async throws {
            try await program.wait("to be ready") {
                if program.hasEnded() {
                    #expect(
                        program.complaints.hasPrefix("error: "), "seed \(seed), node \(node): \(program.complaints)")
                    #expect(
                        !program.complaints.contains("crashed"), "seed \(seed), node \(node): \(program.complaints)")
                    program = try start()
                }
                return program.complaints.contains("ready: ")
            }
        }
        for (blow, draw) in blows {
            // Three times of four it is ready.
            if draw % 4 != 0 || blow == .loss { try await ready() }
            try await Task.sleep(for: .milliseconds(Int64(draw % 3000)))
            if blow == .loss {
                // What it takes to have something to lose: others' leases may have to run out first.
                try await program.wait("to have run a task") { Start.all(place).contains { $0.pid == program.pid } }
                try await Task.sleep(for: .seconds(3))
            }
            troubles.append(Trouble(blow, program.pid))
            switch blow {
            case .kill, .loss:
                if !program.hasEnded() {
                    program.send(SIGKILL)
                    #expect(try await program.ended().status == 128 + SIGKILL, "seed \(seed), node \(node)")
                }
                try await Task.sleep(for: blow == .loss ? .seconds(absence) : .milliseconds(Int64(draw % 1500)))
                program = try start()
            case .stop:
                program.send(SIGSTOP)
                try await Task.sleep(for: .seconds(13 + Double(draw % 9)))
                program.send(SIGCONT)
                troubles[troubles.count - 1].until = Date().timeIntervalSince1970
            case .cut:
                proxy.isSilent = true
                try await Task.sleep(for: .seconds(13 + Double(draw % 9)))
                proxy.isSilent = false
                troubles[troubles.count - 1].until = Date().timeIntervalSince1970
            }
        }
        try await ready()
        return Life(program: program, troubles: troubles)
    }

    /// Lets all that was begun come to its end, and stops the nodes.
    private func settle(_ place: Place, _ url: String, _ nodes: [Program], _ seed: UInt64) async throws {
        let names = (0..<Self.tasks).map { "t\($0)" }
        let began = Double(Date().timeIntervalSince1970)
        let deadline = ContinuousClock.now + .seconds(120)
        // Whoever was cut off last is back, and each task goes on somewhere.
        while Set(Start.all(place).filter { $0.at > began }.map(\.task)).count < Self.tasks {
            try #require(ContinuousClock.now < deadline, "seed \(seed): some task has stopped")
            try await Task.sleep(for: .milliseconds(100))
        }
        let paused = try Program([Program.path, "pause"] + names + ["--database", url], in: place.path)
        #expect(try await paused.ended().status == 0)
        let open = ["queued", "running", "retrying", "interrupted"]
        while true {
            var left: [Value] = []
            for status in open { left += try await place.history("--status", status, "--database", url) }
            if left.isEmpty { break }
            try #require(ContinuousClock.now < deadline, "seed \(seed): no end of \(left.prefix(3).map(\.json))")
            try await Task.sleep(for: .milliseconds(200))
        }
        for node in nodes { node.send(SIGTERM) }
        for node in nodes { #expect(try await node.ended().status == 0, "seed \(seed)") }
    }

    private func check(_ place: Place, _ url: String, _ seed: UInt64) async throws {
        let starts = Start.all(place)
        var twice: Set<String> = []
        for task in 0..<Self.tasks {
            let runs = try await place.history("t\(task)", "--database", url)
            let problems = Ledger(runs).problems(every: Self.interval(task))
            #expect(problems.isEmpty, "seed \(seed), t\(task): \(problems.prefix(5))")
            let attempts = Dictionary(
                runs.map { ($0["scheduled_at"]?.string ?? "", $0["attempt"]?.integer ?? 0) }, uniquingKeysWith: max)
            var seen: Set<String> = []
            for start in starts where start.task == "t\(task)" {
                let what = "\(start.task) \(start.occurrence)" + (Self.fails(task) ? "" : " \(start.attempt)")
                if !seen.insert(what).inserted { twice.insert(what) }
                // It was written before it began.
                #expect((attempts[start.occurrence] ?? 0) >= start.attempt, "seed \(seed): \(what) is not recorded")
            }
        }
        #expect(twice.isEmpty, "seed \(seed): \(twice.sorted().prefix(5))")
        #expect(starts.count >= Self.tasks * 5)
    }

    /// How long it took until tasks of nodes that were gone for good started elsewhere, and how late the starts of nodes
    /// that nothing had befallen were meanwhile.
    private func takeovers(_ place: Place, _ troubles: [Trouble], isLong: Bool) {
        let starts = Dictionary(grouping: Start.all(place).sorted { $0.at < $1.at }, by: \.task)
        let losses = troubles.filter { $0.blow == .loss }
        var (times, delays): ([Double], [Double]) = ([], [])
        for loss in losses {
            let end = loss.from + Self.absence
            // A node that comes back has its own catching up to do.
            let troubled = Set(troubles.filter { $0.from < end && $0.until > loss.from - 10 }.map(\.pid))
            for (task, series) in starts {
                guard let last = series.last(where: { $0.at <= loss.from }) else { continue }
                if last.pid == loss.pid {
                    if let next = series.first(where: { $0.at > loss.from }) { times.append(next.at - loss.from) }
                } else if !Self.isGrouped(task), !troubled.contains(last.pid) {
                    delays += series.filter { $0.at > loss.from && $0.at < end && $0.pid == last.pid }.map(\.lateness)
                }
            }
        }
        times.sort()
        delays.sort()
        guard let longest = times.last else { return }
        let median = times[times.count / 2]
        print(
            "taken over: \(times.count) tasks of \(losses.count) lost nodes, median \(median) s, longest \(longest) s; "
                + "the others' own starts: \(delays.count), latest \(delays.last ?? 0) s")
        // On a machine that does nothing else; and whoever takes a task may be killed as well, so that another lease has to
        // run out.
        if isLong {
            #expect(median <= 20)
            #expect(longest <= 62)
            #expect(delays.last ?? 0 <= 2)
        }
    }

    /// A line that a task's program wrote when it began.
    private struct Start {
        let task: String
        let occurrence: String
        let attempt: Int64
        let pid: pid_t
        /// Seconds since 1970.
        let at: Double
        let lateness: Double

        init?(_ line: Substring) {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 5, let attempt = Int64(words[2]), let pid = pid_t(words[3]), let at = Double(words[4]),
                let due = Instant(words[1])
            else { return nil }
            (task, occurrence, self.attempt, self.pid, self.at) = (words[0], words[1], attempt, pid, at)
            lateness = at - Double(due.milliseconds) / 1000
        }

        static func all(_ place: Place) -> [Start] {
            place.text("starts.log").split(separator: "\n").compactMap { Start($0) }
        }
    }
}
