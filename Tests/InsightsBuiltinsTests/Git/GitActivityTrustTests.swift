import Foundation
import InsightsBuiltins
import InsightsPlugin
import InsightsTesting
import Testing

@Suite("Nothing in a repository changes a figure or runs a program")
struct GitActivityTrustTests {
    private func fixture() throws -> GitFixture {
        let fixture = try GitFixture()
        for day in 1...4 {
            try fixture.write("file.txt", (0..<day * 5).map { "\($0 * day)\n" }.joined())
            try fixture.write("moved\(day)", (0..<20).map { "same \($0)\n" }.joined())
            if day > 1 { try FileManager.default.removeItem(atPath: fixture.path + "/moved\(day - 1)") }
            try fixture.commit(at: "2024-01-0\(day)T00:00:00Z", by: "a\(day)@example.org")
        }
        return fixture
    }

    @Test("Configuration, attributes, hooks, grafts, replaced objects and the working tree are not asked")
    func hostile() async throws {
        let fixture = try fixture()
        let expected = try fixture.expected()
        let trap = fixture.path + "/sprung"
        let script = fixture.path + "/trap"
        try fixture.write("trap", "#!/bin/sh\ntouch '\(trap)'\nexec cat \"$@\"\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        for (key, value) in [
            ("diff.external", script), ("diff.x.textconv", script), ("diff.x.command", script),
            ("diff.renames", "false"),
            ("diff.x.binary", "true"), ("core.fsmonitor", script), ("core.hooksPath", fixture.path),
            ("core.pager", script),
            ("core.sshCommand", script), ("core.attributesFile", fixture.path + "/attributes"),
            ("log.showSignature", "true"),
            ("gpg.program", script), ("diff.algorithm", "patience"), ("diff.ignoreSubmodules", "all"),
            ("mailmap.file", fixture.path + "/mailmap"), ("uploadpack.packObjectsHook", script),
            ("log.mailmap", "false"),
            ("log.date", "format:x"), ("i18n.logOutputEncoding", "UTF-16"), ("diff.orderFile", "/no/such"),
            ("include.path", "/no/such"), ("core.commentChar", "auto"), ("color.ui", "always"),
            ("diff.noprefix", "true"),
        ] { try fixture.git("config", key, value) }
        for file in [".gitattributes", ".git/info/attributes", "attributes"] {
            try fixture.write(file, "* diff=x\n*.txt -diff\n")
        }
        try fixture.write("mailmap", "<all@example.org> <a1@example.org>\n<all@example.org> <a2@example.org>\n")
        try fixture.write(".mailmap", "<all@example.org> <a3@example.org>\n")
        let ids = try fixture.git("rev-list", "HEAD").split(separator: "\n")
        try fixture.write(".git/info/grafts", "\(ids[0])\n")
        try fixture.write(".git/refs/replace/\(ids[0])", "\(ids[2])\n")
        let task = ActivityTask(fixture)
        try await task.run()
        task.figures().expect(expected)
        #expect(!FileManager.default.fileExists(atPath: trap))
    }

    @Test("The attributes of a commit are not asked either")
    func committedAttributes() async throws {
        let fixture = try GitFixture()
        try fixture.write(".gitattributes", "*.txt -diff\n")
        try fixture.write("a.txt", "1\n2\n3\n")
        try fixture.commit(at: "2024-01-01T00:00:00Z")
        let task = ActivityTask(fixture)
        try await task.run()
        #expect(task.figures().daily("lines_added") == ["2024-01-01": 4])
    }

    @Test("The user's own configuration of git changes no figure")
    func userConfiguration() async throws {
        let fixture = try fixture()
        let home = TestFolder()
        let text = "[diff]\n\trenames = false\n\texternal = /bin/false\n[core]\n\tattributesFile = \(home.path)/a\n"
        try text.write(toFile: home.path + "/.gitconfig", atomically: true, encoding: .utf8)
        try "* -diff\n".write(toFile: home.path + "/a", atomically: true, encoding: .utf8)
        try FileManager.default.createDirectory(atPath: home.path + "/.config/git", withIntermediateDirectories: true)
        try "* -diff\n".write(toFile: home.path + "/.config/git/attributes", atomically: true, encoding: .utf8)
        let task = ActivityTask(
            [["path": .string(fixture.path)]], environment: ["PATH": "/usr/bin:/bin", "HOME": home.path])
        try await task.run()
        task.figures().expect(try fixture.expected())
    }

    @Test("The repository is only read")
    func onlyRead() async throws {
        let fixture = try fixture()
        func contents() throws -> [String: Date] {
            var contents: [String: Date] = [:]
            for name in try FileManager.default.subpathsOfDirectory(atPath: fixture.path) {
                let attributes = try FileManager.default.attributesOfItem(atPath: fixture.path + "/" + name)
                contents[name] = attributes[.modificationDate] as? Date
            }
            return contents
        }
        let before = try contents()
        let task = ActivityTask(fixture)
        try await task.run()
        try await task.run()
        #expect(try contents() == before)
    }

    @Test("A repository that someone else owns is read all the same, as nothing in it is trusted")
    func foreignOwner() async throws {
        guard getuid() == 0 else { return }  // only root can give a folder away
        let fixture = try fixture()
        let names = try FileManager.default.subpathsOfDirectory(atPath: fixture.path).map { fixture.path + "/" + $0 }
        for name in names + [fixture.path] { lchown(name, 12345, 12345) }
        let task = ActivityTask(fixture)
        try await task.run()
        #expect(task.figures().gauge("commits_total") == 4)
    }
}
