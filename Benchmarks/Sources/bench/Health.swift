import Glibc
import InsightsEngine
import InsightsHTTP
import InsightsPlugin
import Logging
import Synchronization

/// Keeps a processor busy until it is cancelled, in slices long enough to hurt who shares its thread.
private struct Busy: TaskModule {
    let declaration = ModuleDeclaration(id: "busy", summary: "Computes", blocking: true)

    func run(_ context: RunContext) async throws -> String? {
        var x: UInt64 = 1
        while !_Concurrency.Task.isCancelled {
            for _ in 0..<10_000_000 { x = x &* 6_364_136_223_846_793_005 &+ 1 }
        }
        return x == 0 ? "" : nil
    }
}

/// `GET /health` p99 while as many CPU-bound modules run as there are processors, beside the same without them.
func health() async throws {
    let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    var policy = Policy()
    policy.isBlocking = true
    let settings = TaskSettings(
        uses: "bench.busy", summary: "Computes", isEnabled: true, parameters: .object([:]), secrets: [], policy: policy,
        module: Busy())
    let first = SystemClock().now.advanced(by: .seconds(86_400))
    let tasks = (0..<processors).map {
        TaskDefinition(
            name: "busy\($0)", cadence: .every(milliseconds: 86_400_000, starting: first), settings: settings, hash: 1)
    }
    let manifest = Manifest(zone: Zone.named("UTC")!, concurrency: 64, groups: [:], tasks: tasks, hash: 1)
    let (engine, store) = try engine(manifest, recorded: true)
    try await engine.start()
    let running = _Concurrency.Task { await engine.run() }
    let (serving, port) = await serve(engine)
    let idle = await measure(port: port)
    _ = await engine.trigger(nil, dependents: false)
    while engine.activeRunCount < processors { try await _Concurrency.Task.sleep(for: .milliseconds(10)) }
    let busy = await measure(port: port)
    report([
        "modules": .integer(Int64(processors)), "idle_p99_ms": .number(idle), "busy_p99_ms": .number(busy),
    ])
    serving.cancel()
    engine.shutdown()
    _ = running
    await store.close()
    exit(0)
}

/// Serves HTTP beside an engine, on a port that the system chooses.
func serve(_ engine: Engine) async -> (serving: _Concurrency.Task<Void, any Error>, port: Int) {
    let (ports, listening) = AsyncStream<Int>.makeStream()
    let server = HTTPServerService(
        configuration: HTTPConfiguration(port: 0), daemon: engine, logger: Logger(label: "bench"),
        onListening: { listening.yield($0) })
    let serving = _Concurrency.Task { try await server.run() }
    for await port in ports { return (serving, port) }
    return (serving, 0)
}

/// p99 of 2 000 requests on one kept-alive connection, one every 2 ms, from a thread of their own.
private func measure(port: Int) async -> Double {
    await withCheckedContinuation { continuation in
        let pool = ModulePool(core: 1, limit: 1)
        _Concurrency.Task(executorPreference: pool) { continuation.resume(returning: latencies(port: port)) }
    }
}

private func latencies(port: Int) -> Double {
    var samples: [Double] = []
    guard
        ask(
            port: port,
            note: {
                samples.append($0); return samples.count < 2000
            })
    else { return .nan }
    samples.sort()
    return samples[Int(Double(samples.count) * 0.99)]
}

/// The slowest answer of `/health`, in milliseconds, asked every 2 ms until it is over.
func slowestHealth(port: Int, until isOver: @escaping @Sendable () -> Bool) async -> Double {
    await withCheckedContinuation { continuation in
        let pool = ModulePool(core: 1, limit: 1)
        _Concurrency.Task(executorPreference: pool) {
            var slowest = 0.0
            let isAnswered = ask(port: port) {
                slowest = max(slowest, $0)
                return !isOver()
            }
            continuation.resume(returning: isAnswered ? slowest : .nan)
        }
    }
}

/// Asks `/health` on one kept-alive connection, every 2 ms, for as long as `note` wants more.
///
/// - Parameter note: Told how long each answer took, in milliseconds.
/// - Returns: Whether all were answered.
private func ask(port: Int, note: (Double) -> Bool) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard connected == 0 else { return false }
    let request = Array("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let start = ContinuousClock.now
        guard write(descriptor, request, request.count) == request.count, read(descriptor, &buffer, buffer.count) > 0
        else { return false }
        guard note((ContinuousClock.now - start).inSeconds * 1000) else { return true }
        usleep(2000)
    }
}
