import Foundation
import InsightsEngine
import InsightsPlugin
import Logging
import NIOSSL
import Synchronization
import Testing

@testable import InsightsHTTPClient

/// A client on real sockets, with time moved by hand and a folder of its own.
final class Bench: Sendable {
    let clock: HandClock
    let folder: String
    let access: AsyncHTTPAccess
    /// What the client waits for, as people are told.
    let waits = Mutex<[String?]>([])

    init(
        folder: String? = nil, cacheLimit: Int = 1 << 20, trustRoots: NIOSSLTrustRoots = .default,
        connectTimeout: Duration = .seconds(10), clock: HandClock = HandClock()
    ) {
        self.clock = clock
        self.folder = folder ?? NSTemporaryDirectory() + "insights-http-\(UUID().uuidString)"
        access = AsyncHTTPAccess(
            clock: clock, userAgent: "insights/test", cacheFolder: self.folder, cacheLimit: cacheLimit,
            connectTimeout: connectTimeout, trustRoots: trustRoots, logger: Logger(label: "test"))
    }

    /// The client of an attempt.
    func client(run: UInt64 = 1, within: Duration = .seconds(3600)) -> any HTTP.Client {
        access.client(run: RunID(high: run, low: 0), deadline: clock.now.advanced(by: within)) { [weak self] text in
            self?.waits.withLock { $0.append(text) }
        }
    }

    /// Ends it, and removes its folder.
    func close(keepingFolder: Bool = false) async {
        await access.shutdown()
        if !keepingFolder { try? FileManager.default.removeItem(atPath: folder) }
    }
}

/// The failure that `body` ends with.
func failure(_ body: () async throws -> Void) async throws -> RunFailure {
    do {
        try await body()
    } catch let failure as RunFailure {
        return failure
    }
    throw Missing()
}

private struct Missing: Error {}

/// Runs `body` with a server and a client, and ends both.
func withBench(
    clock: HandClock = HandClock(), _ script: @escaping @Sendable (SeenRequest, Int) async -> Reply,
    _ body: (Bench, TestServer) async throws -> Void
) async throws {
    let server = try await TestServer(script)
    let bench = Bench(clock: clock)
    do {
        try await body(bench, server)
    } catch {
        await bench.close()
        await server.shutdown()
        throw error
    }
    await bench.close()
    await server.shutdown()
}
