import Foundation
import GRDB
import Glibc
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Testing

@Suite("A disk that refuses")
struct DiskTests {
    /// Claims and ends of `count` runs, each with a line of log, from `first` on.
    static func batch(_ task: TaskID, first: Int, count: Int) -> [StoreWrite] {
        (first..<first + count).flatMap { number -> [StoreWrite] in
            let at = Desk.at(Double(number))
            let claim = Claim(
                run: RunID(high: 7, low: UInt64(number)), task: task, uses: "m.x", occurrence: at, scheduledAt: at,
                trigger: .cadence, attempts: 1, at: at, starts: true, lateness: nil, movesDependents: true,
                clearsMarks: false)
            let line = LogLine(at: at, level: "info", message: String(repeating: "x", count: 1000))
            let finish = AttemptFinish(
                run: claim.run, task: task, fence: 1, disposition: .final(.succeeded, reason: nil), at: at,
                payload: AttemptPayload(log: [line]))
            return [.claim(claim), .finish(finish)]
        }
    }

    @Test("full: nothing of the batch stays, the error says what to do, and work resumes once there is room")
    func full() async throws {
        let folder = TemporaryFolder()
        let store = try SQLiteStore.open(path: folder.file("insights.db"))
        try await store.acquire(Desk.node)
        let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
        let pages = try await store.pragmas(["page_count"])[0]
        try await store.execute("PRAGMA max_page_count = \(pages)")
        let batch = Self.batch(task, first: 0, count: 200)
        for _ in 1...3 {
            let error = await #expect(throws: StoreError.self) { try await store.commit(batch) }
            #expect(error?.kind == .unavailable && error?.message.contains("no room left") == true)
            #expect(error?.message.contains(store.path) == true && error?.help?.contains("make room") == true)
            #expect(try await store.runs(RunQuery()).items.isEmpty)
        }
        try await store.execute("PRAGMA max_page_count = 1000000")
        #expect(try await store.commit(batch).allSatisfy { $0 == .done })
        #expect(try await store.runs(RunQuery(limit: 1000)).items.count == 200)
        await store.close()
    }

    @Test("a file system without room, as it really is", .enabled(if: Mount.isPermitted))
    func fullFileSystem() async throws {
        let mount = try Mount(options: "size=2m")
        let store = try SQLiteStore.open(path: mount.folder.file("insights.db"))
        try await store.acquire(Desk.node)
        let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
        var stored = 0
        var failure: StoreError?
        while failure == nil, stored < 100_000 {
            do throws(StoreError) {
                _ = try await store.commit(Self.batch(task, first: stored, count: 50))
                stored += 50
            } catch {
                failure = error
            }
        }
        #expect(failure?.kind == .unavailable && failure?.message.contains("no room left") == true)
        #expect(try await store.runs(RunQuery(limit: 10_000)).items.count == stored)
        try mount.remount("size=20m")
        #expect(try await store.commit(Self.batch(task, first: stored, count: 50)).allSatisfy { $0 == .done })
        #expect(try await store.runs(RunQuery(limit: 10_000)).items.count == stored + 50)
        #expect(try await store.pragmas(["integrity_check"]) == ["ok"])
        await store.close()
    }

    @Test("read-only: reading goes on, and so does writing once it is permitted again")
    func readOnly() async throws {
        await #expect(processExitsWith: .success) {
            // Root may write everything, so this process becomes somebody else.
            let folder = TemporaryFolder()
            let path = folder.file("insights.db")
            let isRoot = geteuid() == 0
            if isRoot { chown(folder.path, 65534, 65534) }
            if isRoot { seteuid(65534) }
            let store = try SQLiteStore.open(path: path)
            let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
            _ = try await store.commit(DiskTests.batch(task, first: 0, count: 1))
            await store.close()
            unlink(path + "-journal")
            unlink(path + ".lock")
            chmod(path, 0o444)
            chmod(folder.path, 0o555)

            let reopened = try SQLiteStore.open(path: path)
            #expect(try await reopened.runs(RunQuery()).items.count == 1)
            for body in [
                { try await reopened.probe() },
                { _ = try await reopened.commit(DiskTests.batch(task, first: 1, count: 1)) },
                { try await reopened.setPaused(["one"], true) }, { try await reopened.acquire(Desk.node) },
            ] as [@Sendable () async throws -> Void] {
                let error = await #expect(throws: StoreError.self) { try await body() }
                #expect(error?.kind == .unavailable && error?.message.contains(path) == true)
                #expect(error?.help?.contains("allowed to write") == true)
            }
            chmod(path, 0o644)
            chmod(folder.path, 0o755)
            try await reopened.acquire(Desk.node)
            #expect(try await reopened.commit(DiskTests.batch(task, first: 1, count: 1)) == [.done, .done])
            #expect(try await reopened.runs(RunQuery()).items.count == 2)
            await reopened.close()
            if isRoot { seteuid(0) }
        }
    }

    @Test("not permitted at all: the file is named, and what this user must be allowed")
    func notPermitted() async throws {
        await #expect(processExitsWith: .success) {
            let folder = TemporaryFolder()
            chmod(folder.path, 0o755)
            if geteuid() == 0 { seteuid(65534) } else { chmod(folder.path, 0o555) }
            let error = #expect(throws: StoreError.self) { _ = try SQLiteStore.open(path: folder.file("insights.db")) }
            #expect(error?.kind == .unavailable && error?.message.contains("insights.db") == true)
            #expect(error?.help?.contains("allowed") == true)
            chmod(folder.path, 0o755)
            if getuid() == 0 { seteuid(0) }
        }
    }

    @Test("a file that was taken away is told, and its return noticed")
    func movedAway() async throws {
        let folder = TemporaryFolder()
        let path = folder.file("insights.db")
        let store = try SQLiteStore.open(path: path)
        try await store.probe()
        try FileManager.default.moveItem(atPath: path, toPath: folder.file("elsewhere"))
        let error = await #expect(throws: StoreError.self) { try await store.probe() }
        #expect(error?.kind == .unavailable && error?.message.contains(path) == true)
        #expect(!FileManager.default.fileExists(atPath: path), "an empty one in its place would hide the loss")
        try FileManager.default.moveItem(atPath: folder.file("elsewhere"), toPath: path)
        try await store.probe()
        await store.close()
    }
}

/// A small file system of a test's own.
final class Mount: Sendable {
    static let isPermitted: Bool = {
        guard geteuid() == 0, let mount = try? Mount(options: "size=1m") else { return false }
        return FileManager.default.fileExists(atPath: mount.folder.path)
    }()

    struct Failure: Error {}

    let folder = TemporaryFolder()

    init(options: String) throws {
        guard mount("tmpfs", folder.path, "tmpfs", 0, options) == 0 else { throw Failure() }
    }

    deinit { umount2(folder.path, Int32(MNT_DETACH)) }

    func remount(_ options: String) throws {
        guard mount("tmpfs", folder.path, "tmpfs", UInt(MS_REMOUNT), options) == 0 else { throw Failure() }
    }
}
