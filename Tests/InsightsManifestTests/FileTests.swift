import Foundation
import Glibc
import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("The manifest's file")
struct FileTests {
    /// Runs `body` with a folder of its own.
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("insights-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // a left-over is the system's to clear
        try body(folder)
    }

    @Test("A file is read, and relative paths count from its folder")
    func readsFile() throws {
        try inFolder { folder in
            try Data(with("file: x").utf8).write(to: URL(fileURLWithPath: folder + "/tasks.yaml"))
            let result = try loader().load(path: folder + "/tasks.yaml")
            #expect(result.diagnostics.isEmpty)
            #expect(result.first?.settings.parameters["file"] == .string(folder + "/x"))
        }
    }

    @Test("A manifest that is not there is `file`, and the help makes one that works")
    func missing() throws {
        try inFolder { folder in
            for path in [folder + "/tasks.yaml", folder + "/none/tasks.yaml"] {
                let result = try loader().load(path: path)
                #expect(result.manifest == nil)
                #expect(result.diagnostics.map(\.brief) == ["1:1-1 file"])
                #expect(result.diagnostics[0].file == path)
                #expect(result.diagnostics[0].help?.contains("make an empty one with: printf") == true)
            }
            let help = try #require(try loader().load(path: folder + "/tasks.yaml").diagnostics[0].help)
            let start = try #require(help.range(of: "printf"))
            let end = try #require(help.range(of: " — "))
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments = ["-c", String(help[start.lowerBound..<end.lowerBound])]
            try shell.run()
            shell.waitUntilExit()
            let made = try loader().load(path: folder + "/tasks.yaml")
            #expect(made.manifest != nil)
        }
    }

    @Test("A folder is no manifest, and one that may not be read says so")
    func unreadable() throws {
        try inFolder { folder in
            let result = try loader().load(path: folder)
            #expect(result.diagnostics.map(\.brief) == ["1:1-1 file"])
            #expect(result.diagnostics[0].message.contains("is a folder"))
            #expect(
                result.diagnostics[0].rendered(color: false) == """
                    \(folder):1:1: error: the manifest "\(folder)" is a folder [file]
                          = help: name the file in it: tasks.yaml
                    """)
            let path = folder + "/tasks.yaml"
            try Data("version: 1".utf8).write(to: URL(fileURLWithPath: path))
            chmod(path, 0)
            // Root may read everything.
            if geteuid() != 0 {
                let found = try loader().load(path: path).diagnostics
                #expect(found.map(\.brief) == ["1:1-1 file"])
            }
        }
    }

    @Test("A file past 64 MiB is refused by its size")
    func tooLarge() throws {
        try inFolder { folder in
            let path = folder + "/tasks.yaml"
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            #expect(truncate(path, (64 << 20) + 1) == 0)
            for path in [path, "/dev/zero"] {
                let found = try loader().load(path: path).diagnostics
                #expect(found.map(\.brief) == ["1:1-1 limit"])
            }
        }
    }

    @Test("A pipe will do, and one without a writer is empty instead of endless")
    func pipes() throws {
        try inFolder { folder in
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            let found = try loader().load(path: folder + "/pipe").diagnostics
            #expect(found.map(\.code) == [.missingKey, .missingKey])
        }
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let text = Array("version: 1\ntasks: {}\n".utf8)
        #expect(write(ends[1], text, text.count) == text.count)
        close(ends[1])
        #expect(try loader().load(path: "/proc/self/fd/\(ends[0])").manifest != nil)
    }
}
