import Foundation
import Testing

@testable import InsightsBuiltins

@Suite("Throw-away folders")
struct ViewFolderTests {
    private let parent = TestFolder()
    private var names: Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? [])  // none is the answer then
    }

    @Test("A folder goes with its last reference, and what it links to stays")
    func removed() throws {
        let kept = parent.path + "/kept"
        try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
        var folder: ViewFolder? = try ViewFolder(in: parent.path)
        let path = try #require(folder?.path)
        try FileManager.default.createSymbolicLink(atPath: path + "/refs", withDestinationPath: kept)
        folder = nil
        #expect(names == ["kept"])
    }

    @Test("What a killed process left is cleared away; what is in use, new, or another's is not")
    func sweep() throws {
        func make(_ name: String, _ file: String) throws {
            try FileManager.default.createDirectory(
                atPath: "\(parent.path)/\(name)", withIntermediateDirectories: false)
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(parent.path)/\(name)/\(file)"))
        }
        try make("insights-git-killed", "HEAD")
        try make("insights-git-strange", "somebody's")
        try make("else", "HEAD")
        let used = try ViewFolder(in: parent.path)
        let usedName = URL(fileURLWithPath: used.path).lastPathComponent
        let now = Int(Date().timeIntervalSince1970)
        ViewFolder.sweep(parent.path, now: now)
        #expect(names.count == 4)
        ViewFolder.sweep(parent.path, now: now + 120)
        #expect(names == ["insights-git-strange", "else", usedName])
        withExtendedLifetime(used) {}
    }
}
