import Glibc
import InsightsForgeServer
import InsightsPlugin

/// A simulated GitHub on a port of this machine, for `insights` to be measured against.
///
/// It prints its port, and for every line that comes in what was asked of it since the last one; it ends with its input.
/// Its calendar stands still, so that a second pass finds nothing changed but its traffic, which is the same again.
struct ForgeHost {
    /// How long every answer takes.
    static let latency = Duration.milliseconds(20)
    static let token = "ghp_benchmark"

    let repositories: Int

    func run() async throws {
        let now = Instant("2026-03-11T10:30:00Z")!
        let forge = Forge(.github, now: now)
        forge.addToken(ForgeToken(ForgeHost.token))
        forge.addAccount("acme")
        for number in 0..<repositories {
            let id = forge.addRepository("acme/r\(number)", createdAt: now.advanced(by: .seconds(-400 * 86_400))) {
                $0.stars = number
            }
            forge.addRelease(ForgeRelease(tag: "1.0", downloads: [number]), to: id)
        }
        forge.configure {
            $0.latency = ForgeHost.latency
            $0.keepsHeaders = false
            // What is measured is the client, not what it waits for.
            $0.limits.user = 1_000_000
            $0.limits.pointsPerMinute = nil
        }
        try await ForgeServer.run(forge) { server in
            print("{\"port\":\(server.port)}")
            fflush(nil)
            while readLine() != nil {
                report([
                    "requests": .integer(Int64(forge.log.count)), "charged": .integer(Int64(forge.charged)),
                    "at_once": .integer(Int64(forge.mostAtOnce)),
                    "latency_ms": .integer(ForgeHost.latency.wholeMilliseconds),
                ])
                fflush(nil)
                forge.clearLog()
            }
        }
    }
}
