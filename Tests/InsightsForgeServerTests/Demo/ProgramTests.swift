import Foundation
import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("The demo's program")
struct ProgramTests {
    /// Beside the test bundle, where the build puts it.
    private static let program: URL = {
        let bundle = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: bundle ?? CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "insights-forge-demo")
    }()

    private static func process(_ arguments: [String]) -> (process: Process, output: Pipe, complaints: Pipe) {
        let process = Process()
        let output = Pipe()
        let complaints = Pipe()
        process.executableURL = program
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = complaints
        return (process, output, complaints)
    }

    /// What a program says until it has said `last`, or ends.
    private static func text(_ pipe: Pipe, until last: String) -> String {
        var text = ""
        while !text.contains(last) {
            let data = pipe.fileHandleForReading.availableData
            if data.isEmpty { break }
            text += String(decoding: data, as: UTF8.self)
        }
        return text
    }

    @Test("It serves three forges where it says, tells what to run, and ends at a signal")
    func serves() async throws {
        try await offPool {
            let (process, output, _) = Self.process(["--port", "0"])
            try process.run()
            defer {
                process.terminate()
                process.waitUntilExit()
            }
            let text = Self.text(output, until: "demo.db")
            #expect(text.contains("token:              \(DemoForges.token)\n"))
            #expect(text.contains("--manifest Plugins-dev/Examples/forges/tasks.yaml"))
            let ports = text.split(separator: "\n").prefix(3).compactMap { line in
                line.split(separator: "http://127.0.0.1:").last.flatMap { Int($0.prefix { $0.isNumber }) }
            }
            try #require(ports.count == 3)
            for (name, port) in zip(["GITHUB", "GITLAB", "FORGEJO"], ports) {
                #expect(text.contains("export DEMO_\(name)=http://127.0.0.1:\(port)\n"))
            }
            for (port, path) in zip(
                ports, ["v3/orgs/nimbus-labs", "v4/groups/skyforge/projects", "v1/orgs/pinewood/repos"])
            {
                let answer = try Wire(port: port).request("GET", "/api/\(path)")
                #expect(answer.status == 200)
                // The real calendar.
                #expect(answer["date"]?.hasSuffix("GMT") == true)
            }
        }
    }

    @Test("A port that is taken, and one that is none, are told with their own exit codes")
    func refusals() async throws {
        try await ForgeServer.run(Forge(now: Samples.now)) { server in
            let taken = String(server.port)
            try await offPool {
                for (port, status, words) in [
                    (taken, 69, "cannot listen at 127.0.0.1:\(taken)"), ("65535", 64, "--port"),
                ] {
                    let (process, _, complaints) = Self.process(["--port", port])
                    try process.run()
                    let text = Self.text(complaints, until: "\u{0}")
                    process.waitUntilExit()
                    #expect(process.terminationStatus == Int32(status))
                    #expect(text.contains(words))
                }
            }
        }
    }
}
