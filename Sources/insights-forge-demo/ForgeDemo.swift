internal import ArgumentParser
private import Foundation
internal import InsightsForgeServer
internal import InsightsPlugin

/// The program: three simulated forges until it is stopped.
@main
struct ForgeDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "insights-forge-demo",
        abstract: "Serve a simulated GitHub, GitLab and Forgejo on 127.0.0.1.",
        discussion: """
            Try the forge modules without a token or a network: some twenty repositories \
            with traffic and figures that grow. Ctrl-C ends it.

            Example: swift run insights-forge-demo --port 9000
            """)

    @Option(help: "GitHub's port; GitLab and Forgejo have the next two. 0: the system chooses all three.")
    var port = DemoForges.ports.lowerBound

    func validate() throws {
        guard (0...65_533).contains(port) else { throw ValidationError("--port must be between 0 and 65533.") }
    }

    func run() async throws {
        let demo = DemoForges { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
        var addresses: [String] = []
        do {
            for (offset, forge) in [demo.github, demo.gitlab, demo.forgejo].enumerated() {
                addresses.append(try await ForgeServer.start(forge, port: port == 0 ? 0 : port + offset).baseURL)
            }
        } catch {
            FileHandle.standardError.write(
                Data("insights-forge-demo: cannot listen at 127.0.0.1:\(port + addresses.count): \(error)\n".utf8))
            throw ExitCode(69)
        }
        announce(addresses)
        while true {
            try await Task.sleep(for: .seconds(5))
            demo.grow()
            // A log that nobody reads would grow for ever.
            for forge in [demo.github, demo.gitlab, demo.forgejo] { forge.clearLog() }
        }
    }

    private func announce(_ addresses: [String]) {
        let names = ["GITHUB", "GITLAB", "FORGEJO"]
        let isUsual = port == DemoForges.ports.lowerBound
        let exports = zip(names, addresses).map { "export DEMO_\($0)=\($1)\n" }.joined()
        print(
            """
            base_url (github):  \(addresses[0])   accounts: nimbus-labs, ada-fern
            base_url (gitlab):  \(addresses[1])   accounts: skyforge
            base_url (forgejo): \(addresses[2])   accounts: pinewood
            token:              \(DemoForges.token)

            Collect from them, in another terminal:
            \(isUsual ? "" : exports)\
            swift run insights serve --manifest Plugins-dev/Examples/forges/tasks.yaml --database sqlite:demo.db
            """)
        fflush(nil)
    }
}
