import Foundation
import Glibc
import Synchronization

/// A way to a database's server that can be cut where it hurts most, the server has got a COMMIT and done it, and whoever
/// sent it never hears of that; or that falls silent, as a network does that loses everything.
package final class CuttingProxy: Sendable {
    package let port: Int
    private let listener: Int32
    private let target: Int
    private let commitsToCut = Atomic<Int>(0)
    private let cuts = Atomic<Int>(0)
    private let silence = Atomic<Bool>(false)

    /// - Parameter target: A port of the loopback interface.
    package init(to target: Int) throws {
        self.target = target
        let (listening, port) = try Loopback.listen()
        (listener, self.port) = (listening, port)
        // Threads of their own: each of them waits for its socket all its life.
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listening, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread { self.serve(client) }
            }
        }
    }

    /// Ends it: nobody gets through any more.
    package func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    /// Has the next COMMITs done, and their answers lost with their connections.
    package func cutCommits(_ count: Int) { commitsToCut.store(count, ordering: .sequentiallyConsistent) }

    /// How many were cut.
    package var cutCount: Int { cuts.load(ordering: .sequentiallyConsistent) }

    /// Whether nothing gets through, in either direction, and nobody is told: connections stay as they are.
    package var isSilent: Bool {
        get { silence.load(ordering: .sequentiallyConsistent) }
        set { silence.store(newValue, ordering: .sequentiallyConsistent) }
    }

    private func serve(_ client: Int32) {
        defer { Glibc.close(client) }
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(server) }
        var address = Loopback.address(target)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var sides = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&sides, 2, -1) > 0 else { return }
            // Looked at again and again, as these threads have nothing else to do.
            while isSilent { usleep(20_000) }
            for (side, other) in [(0, server), (1, client)] where sides[side].revents != 0 {
                let count = read(sides[side].fd, &buffer, buffer.count)
                guard count > 0, CuttingProxy.send(buffer[..<count], to: other) else { return }
                guard side == 0, CuttingProxy.hasCommit(buffer[..<count]), takeCut() else { continue }
                // Its answer: the server has committed.
                _ = read(server, &buffer, buffer.count)
                cuts.add(1, ordering: .sequentiallyConsistent)
                return
            }
        }
    }

    private func takeCut() -> Bool {
        while true {
            let left = commitsToCut.load(ordering: .sequentiallyConsistent)
            guard left > 0 else { return false }
            let exchange = commitsToCut.compareExchange(
                expected: left, desired: left - 1, ordering: .sequentiallyConsistent)
            if exchange.exchanged { return true }
        }
    }

    private static func hasCommit(_ bytes: ArraySlice<UInt8>) -> Bool {
        String(decoding: bytes, as: UTF8.self).contains("COMMIT\0")
    }

    private static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            // MSG_NOSIGNAL: who has gone must not end the tests.
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
