import Foundation
import Glibc
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Testing

@Suite("The one process that runs tasks")
struct ProcessLockTests {
    @Test("gives its place back at once, also while a program that is being started has a copy of the lock")
    func copiedDescriptor() async throws {
        let folder = TemporaryFolder()
        let path = folder.file("insights.db")
        let store = try SQLiteStore.open(path: path)
        try await store.acquire(Desk.node)
        let held = (0..<4096 as Range<Int32>).first { descriptor in
            let file = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
            return file == path + ".lock"
        }
        let copy = dup(try #require(held))
        defer { close(copy) }
        await store.release()
        #expect(try await store.runningNode() == nil)
        let other = try SQLiteStore.open(path: path)
        try await other.acquire(Desk.node)
        await other.close()
        await store.close()
    }

    @Test("is told by its process id, and its place is free once it was killed")
    func otherProcess() async throws {
        let folder = TemporaryFolder()
        let (path, fifo) = (folder.file("insights.db"), folder.file("fifo"))
        #expect(mkfifo(fifo, 0o600) == 0)
        let store = try SQLiteStore.open(path: path)
        async let child = #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, fifo = fifo as String] in
            let store = try SQLiteStore.open(path: path)
            try await store.acquire(NodeIdentity(name: "child", processID: getpid(), version: "1"))
            let file = open(fifo, O_WRONLY)
            write(file, "x", 1)
            // Should the parent be gone or stuck.
            alarm(60)
            while true { pause() }
        }
        _ = try await Blocking.firstByte(of: fifo)
        let holder = try #require(try await store.runningNode())
        #expect(holder.name == "child" && holder.processID != getpid() && holder.processID > 0)
        let error = await #expect(throws: StoreError.self) { try await store.acquire(Desk.node) }
        #expect(error?.kind == .alreadyRunning)
        #expect(error?.message.contains("process \(holder.processID)") == true)
        // Everything else works beside it.
        try await store.setPaused(["one"], true)
        kill(holder.processID, SIGKILL)
        _ = await child
        #expect(try await store.runningNode() == nil)
        try await store.acquire(Desk.node)
        #expect(try await store.runningNode()?.processID == Desk.node.processID)
        await store.close()
    }

    @Test("does not pass its place on to the programs it starts")
    func notInherited() async throws {
        let folder = TemporaryFolder()
        let store = try SQLiteStore.open(path: folder.file("insights.db"))
        try await store.acquire(Desk.node)
        let program = Process()
        program.executableURL = URL(fileURLWithPath: "/bin/sleep")
        program.arguments = ["60"]
        try program.run()
        await store.release()
        #expect(try await store.runningNode() == nil)
        let other = try SQLiteStore.open(path: folder.file("insights.db"))
        try await other.acquire(Desk.node)
        program.terminate()
        await other.close()
        await store.close()
    }

    @Test("is known by its lock, not by what a dead one wrote")
    func staleNote() async throws {
        let folder = TemporaryFolder()
        let path = folder.file("insights.db")
        try Data(#"{"pid":1,"node":"init","version":"1"}"#.utf8).write(to: URL(fileURLWithPath: path + ".lock"))
        let store = try SQLiteStore.open(path: path)
        #expect(try await store.runningNode() == nil)
        try await store.acquire(Desk.node)
        try Data("not json".utf8).write(to: URL(fileURLWithPath: path + ".lock"))
        #expect(try await store.runningNode() != nil)
        await store.close()
    }

    @Test("may take its place twice")
    func twice() async throws {
        let folder = TemporaryFolder()
        let store = try SQLiteStore.open(path: folder.file("insights.db"))
        for _ in 1...2 { try await store.acquire(Desk.node) }
        for _ in 1...2 { await store.release() }
        #expect(try await store.runningNode() == nil)
        await store.close()
    }
}

/// Calls that block, on a thread of their own.
enum Blocking {
    /// Waits until somebody writes to a pipe.
    static func firstByte(of path: String) async throws -> UInt8? {
        try await read(path, count: 1).first
    }

    /// Reads `count` bytes, or what there is when the writer is gone.
    static func read(_ path: String, count: Int) async throws -> [UInt8] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let file = open(path, O_RDONLY)
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 4096)
                while bytes.count < count {
                    let got = Glibc.read(file, &buffer, min(buffer.count, count - bytes.count))
                    if got <= 0 { break }
                    bytes += buffer.prefix(got)
                }
                close(file)
                continuation.resume(returning: bytes)
            }
        }
    }
}
