import Foundation
import InsightsPlugin
import InsightsStorage
import Logging
import Synchronization
import Testing

@testable import InsightsEngine

/// Attempts on real threads, without an engine.
@Suite(.timeLimit(.minutes(2))) struct ModulePoolTests {
    private let bench: PoolBench

    init() { bench = PoolBench() }

    @Test("an attempt that waits does not hold up the next on a pool of one thread")
    func waits() async {
        let gate = Gate()
        bench.start { _ in
            await gate.pass()
            return "first"
        }
        await gate.arrived()
        bench.start { _ in "second" }
        #expect(await bench.ends(1) == [1: .succeeded(summary: "second")])
        gate.open()
        #expect(await bench.ends(1) == [0: .succeeded(summary: "first")])
        bench.pool.stop()
    }

    @Test("a cancellation that comes after an attempt has ended does not hit the next one of its worker")
    func lateCancellation() async {
        let gate = Gate()
        let tasks = Mutex<[Int]>([])
        var first: Attempt?
        bench.pool.gathering {
            first = bench.start { _ in
                tasks.withLock { $0.append(PoolBench.currentTask) }
                return nil
            }
            bench.start { _ in
                tasks.withLock { $0.append(PoolBench.currentTask) }
                await gate.pass()
                return Task.isCancelled ? "cancelled" : "not cancelled"
            }
        }
        await gate.arrived()
        let workers = tasks.withLock { $0 }
        #expect(workers.count == 2)
        #expect(workers.first == workers.last, "one task executes both")
        first?.cancel()
        gate.open()
        let ends = await bench.ends(2)
        #expect(ends == [0: .succeeded(summary: nil), 1: .succeeded(summary: "not cancelled")])
        bench.pool.stop()
    }

    @Test("the worker of a cancelled attempt takes no other, and another goes on with the queue")
    func cancelledWorker() async {
        let (arrivals, arrive) = AsyncStream<Void>.makeStream()
        let goOn = DispatchSemaphore(value: 0)
        @Sendable func next(_ context: RunContext) -> String { Task.isCancelled ? "cancelled" : "not cancelled" }
        var first: Attempt?
        bench.pool.gathering {
            first = bench.start { context in
                arrive.yield()
                // Keeps its thread, as some code does: so the others wait for this worker, if it went on.
                PoolBench.block(on: goOn)
                return next(context)
            }
            bench.start { next($0) }
            bench.start { next($0) }
        }
        for await _ in arrivals { break }
        first?.cancel()
        goOn.signal()
        let ends = await bench.ends(3)
        #expect(ends[0] == .succeeded(summary: "cancelled"))
        #expect(ends[1] == .succeeded(summary: "not cancelled"))
        #expect(ends[2] == .succeeded(summary: "not cancelled"))
        bench.pool.stop()
    }

    @Test("an attempt that was cancelled while it waited for a thread finds itself cancelled, and the next not")
    func cancelledBefore() async {
        bench.pool.gathering {
            bench.start { _ in Task.isCancelled ? "cancelled" : "not cancelled" }.cancel()
            bench.start { _ in Task.isCancelled ? "cancelled" : "not cancelled" }
        }
        let ends = await bench.ends(2)
        #expect(ends == [0: .succeeded(summary: "cancelled"), 1: .succeeded(summary: "not cancelled")])
        bench.pool.stop()
    }

    @Test("jobs that never cease do not keep an attempt from its thread")
    func jobsDoNotStarve() async {
        let isDone = Calls()
        await withTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: bench.pool) {
                while isDone.count == 0 { await Task.yield() }
            }
            bench.start { _ in
                isDone.add()
                return nil
            }
            _ = await bench.ends(1)
        }
        bench.pool.stop()
    }

    @Test("attempts that never cease do not keep a job from its thread")
    func attemptsDoNotStarve() async {
        let (isDone, starts) = (Calls(), Calls())
        @Sendable func goOn(_ context: RunContext) -> String? {
            if isDone.count == 0 {
                starts.add()
                bench.start { goOn($0) }
            }
            return nil
        }
        bench.start { goOn($0) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: bench.pool) { isDone.add() }
        }
        _ = await bench.ends(starts.count + 1)
        bench.pool.stop()
    }

    @Test("an attempt that waits for many jobs has one worker made for it, not as many as there are jobs")
    func oneWorker() async {
        await withTaskGroup(of: Void.self) { group in
            bench.pool.gathering {
                for _ in 0..<500 { group.addTask(executorPreference: bench.pool) {} }
                bench.start { _ in nil }
            }
            _ = await bench.ends(1)
        }
        // Comes after whatever waits by now.
        await withTaskGroup(of: Void.self) { $0.addTask(executorPreference: bench.pool) {} }
        #expect(bench.drained.count == 1)
        bench.pool.stop()
    }

    @Test("ten thousand attempts run once each", arguments: [1, 4])
    func many(threads: Int) async {
        let bench = PoolBench(threads: threads)
        let runs = Mutex([Int](repeating: 0, count: 10_000))
        bench.pool.gathering {
            for number in 0..<5000 {
                bench.start { _ in
                    if number % 7 == 0 { await Task.yield() }
                    runs.withLock { $0[number] += 1 }
                    return nil
                }
            }
        }
        for number in 5000..<10_000 {
            bench.start { _ in
                if number % 7 == 0 { await Task.yield() }
                runs.withLock { $0[number] += 1 }
                return nil
            }
        }
        let ends = await bench.ends(10_000)
        #expect(ends.count == 10_000)
        #expect(runs.withLock { $0.allSatisfy { $0 == 1 } })
        #expect(bench.pool.waitingAttempts == 0)
        bench.pool.stop()
    }
}

/// A pool, and attempts whose code is a closure.
private final class PoolBench: Sendable {
    let pool: ModulePool
    /// How often a worker found no further attempt.
    let drained: Calls
    private let inbox = EventInbox()
    private let services: AttemptServices
    private let started = Atomic<Int>(0)

    init(threads: Int = 1) {
        let drained = Calls()
        self.drained = drained
        pool = ModulePool(core: threads, limit: threads, onDrained: { drained.add() })
        services = AttemptServices(
            clock: ManualEngineClock(EngineFixture.start), commands: NoPrograms(), http: NoHTTP(), store: MemoryStore(),
            writer: StoreWriter(), inbox: inbox, logger: Logger(label: "pool") { _ in SwiftLogNoOpLogHandler() },
            onLog: { _ in }, onProgress: { _, _ in })
    }

    /// Numbered from 0.
    @discardableResult
    func start(_ body: @escaping @Sendable (RunContext) async throws -> String?) -> Attempt {
        let number = started.add(1, ordering: .relaxed).oldValue
        let definition = EngineFixture.task("number \(number)", body)
        let spec = AttemptSpec(
            run: RunID(high: 1, low: UInt64(number)), task: TaskID(1), definition: definition,
            scheduledAt: EngineFixture.start, attempt: 1, fence: 1, deadline: EngineFixture.start, lastSuccessAt: nil,
            trigger: .cadence)
        let attempt = Attempt(slot: RunSlot(index: Int32(number), generation: 0), spec: spec, services: services)
        pool.start([attempt])
        return attempt
    }

    /// The next `count` ends, by the attempt's number; each attempt may end once.
    func ends(_ count: Int) async -> [Int32: AttemptResult] {
        var results: [Int32: AttemptResult] = [:]
        var events: [PlannerEvent] = []
        while results.count < count {
            _ = inbox.take(&events, withEnds: true)
            for case .ended(let slot, let result) in events {
                #expect(results.updateValue(result, forKey: slot.index) == nil)
            }
            if results.count >= count { break }
            for await _ in inbox.signal { break }
        }
        return results
    }

    static var currentTask: Int { withUnsafeCurrentTask { $0?.hashValue ?? 0 } }

    static func block(on semaphore: DispatchSemaphore) { semaphore.wait() }
}

private struct NoPrograms: CommandRunner {
    func run(
        _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
    ) async throws -> CommandExit { .exited(127) }
}
