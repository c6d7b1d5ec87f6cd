import Foundation
import Glibc
import InsightsForgeServer
import InsightsPlugin
import Testing

/// Real SIGKILLs of the real program in the middle of a pass over a forge.
@Suite("Killed while it reads a forge", .crowded)
struct ForgeCrashTests {
    private static let token = "ghp_Killed7Again8And9Again"
    private static let now = Instant("2026-01-05T10:00:00Z")!
    private static let count = 40

    @Test("The next process goes on with what is left, repeats no finished repository, and every day is exact")
    func killed() async throws {
        let seed = UInt64.random(in: 0..<10_000)
        print("forge crash test: seed \(seed)")
        let forge = Forge(.github, now: Self.now)
        forge.addToken(ForgeToken(Self.token))
        forge.addAccount("acme")
        let ids = (0..<Self.count).map { number in
            forge.addRepository("acme/r\(number)", createdAt: Instant("2025-12-01T00:00:00Z")) { $0.stars = number + 1 }
        }
        forge.configure { $0.latency = .milliseconds(10) }
        try await ForgeServer.run(forge) { server in
            let place = try Place(
                """
                  repositories:
                    uses: git.repositories
                    every: 7d
                    retry: {attempts: 1}
                    with:
                      forges:
                        - {platform: github, base_url: "http://127.0.0.1:\(server.port)", token: \(Self.token),
                           accounts: [acme], concurrency: 2}
                """)
            var dice = seed
            var counts: [Int] = []
            // A run that is lost is started again five times.
            for _ in 0..<4 {
                let finished = try await finished(in: place)
                counts.append(finished.count)
                forge.clearLog()
                let program = try place.start("serve", "--no-http")
                dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let requests = 12 + Int((dice >> 33) % 30)
                try await program.wait("\(requests) requests") { forge.log.count >= requests }
                program.send(SIGKILL)
                #expect(try await program.ended().status == 128 + SIGKILL)
                #expect(asked(forge).isDisjoint(with: finished), "seed \(seed)")
            }
            let finished = try await finished(in: place)
            forge.clearLog()
            let (last, _) = try await place.serve("--no-http")
            try await last.wait("the run's end") { try await !place.history("--status", "succeeded").isEmpty }
            last.send(SIGTERM)
            #expect(try await last.ended().status == 0)
            #expect(asked(forge).isDisjoint(with: finished), "seed \(seed)")
            // It went on: each time some more were finished, and at last all.
            #expect(counts == counts.sorted() && finished.count > 0, "seed \(seed): \(counts)")
            #expect(asked(forge).count == Self.count - finished.count, "seed \(seed)")
            let runs = try await place.history()
            #expect(runs.count == 1 && runs[0]["status"] == "succeeded", "seed \(seed): \(runs)")
            try await expectDays(forge, ids, place, port: server.port, seed)
        }
    }

    /// The repositories that are in the database, by name.
    private func finished(in place: Place) async throws -> Set<String> {
        let ended = try await place.run("metrics", "--metric", "stars", "--kind", "repository", "--json")
        try #require(ended.status == 0, "\(ended.complaints)")
        return Set(
            try #require(try ended.json.array).compactMap {
                $0["subject"]?["key"]?.string?.split(separator: "/").last.map(String.init)
            })
    }

    /// The repositories whose traffic was asked for, by name or by number.
    private func asked(_ forge: Forge) -> Set<String> {
        let names = Dictionary(uniqueKeysWithValues: forge.repositories.map { (String($0.id), $0.name) })
        return Set(
            forge.log.lazy.filter { $0.path.hasSuffix("/traffic/views") }.map { entry in
                let label = String(entry.path.split(separator: "/").dropLast(2).last ?? "")
                return names[label] ?? label
            })
    }

    @Test(
        "A server that takes a request and never answers costs a run its timeout, and no more than what was asked for")
    func hanging() async throws {
        let forge = Forge(.github, now: Self.now)
        forge.addToken(ForgeToken(Self.token))
        forge.addAccount("acme")
        for number in 0..<5 {
            forge.addRepository("acme/r\(number)", createdAt: Instant("2025-12-01T00:00:00Z"))
        }
        forge.inject(.hang, on: "GET */r3/*")
        forge.inject(.hang, on: "GET */repositories/\(forge.repositories[3].id)/*")
        try await ForgeServer.run(forge) { server in
            let place = try Place(
                """
                  repositories:
                    uses: git.repositories
                    every: 7d
                    timeout: 4s
                    retry: {attempts: 1}
                    with:
                      forges:
                        - {platform: github, base_url: "http://127.0.0.1:\(server.port)", token: \(Self.token), accounts: [acme]}
                """)
            let start = ContinuousClock.now
            let ended = try await place.run("run", "--json")
            #expect(ContinuousClock.now - start < .seconds(25))
            // The attempt's deadline strikes or the request's, which is the same instant: then that repository failed.
            let run = try #require(try ended.json.array?.first)
            let hasFailed = run["summary"]?.string?.contains("1 failed: 127.0.0.1:\(server.port)/acme/r3 (http_timeout")
            #expect(run["status"] == "timed_out" || hasFailed == true, "\(run.json)")
            #expect(try await finished(in: place) == ["r0", "r1", "r2", "r4"])
            forge.removeFaults()
            #expect(try await place.run("run").status == 0)
            #expect(try await finished(in: place).count == 5)
        }
    }

    private func expectDays(_ forge: Forge, _ ids: [Int64], _ place: Place, port: Int, _ seed: UInt64) async throws {
        let latest = try #require(try await place.run("metrics", "--metric", "stars", "--json").json.array)
        #expect(latest.compactMap { $0["value"]?.number }.sorted() == (1...Self.count).map { Double($0) })
        for id in ids {
            let repository = try #require(forge.repository(id))
            let series = try await place.run(
                "series", "--subject", "127.0.0.1:\(port)/acme/\(repository.name)", "--metric", "views", "--json")
            var days: [Instant: Double] = [:]
            for point in try #require(series.json["points"]?.array) {
                days[try #require(point["at"]?.string.flatMap { Instant($0) })] = point["value"]?.number
            }
            for back in 0..<14 {
                let day = Self.now.startOfDay.advanced(by: .seconds(-86_400 * Int64(back)))
                let told = Double(repository.traffic.told(of: day, at: Self.now).views)
                #expect(days[day] ?? 0 == told, "seed \(seed), \(repository.name), \(day)")
            }
            #expect(days.count <= 14)
            #expect(try series.json["gaps"] == [])
        }
    }
}
