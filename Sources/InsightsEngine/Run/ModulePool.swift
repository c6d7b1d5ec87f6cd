internal import DequeModule
internal import Glibc
internal import Synchronization

/// Threads that run task modules, apart from those that serve HTTP and keep time.
///
/// The cooperative pool has as many threads as processors and must never block; a module may do both. Here
/// its jobs wait in a queue of their own for `core` threads that are made when first needed. ``relieve()``
/// adds a thread, up to `limit`, when jobs wait although every thread is busy: so code that hangs, or
/// computes for minutes, delays the others by a moment and never for good.
///
/// Attempts wait in a second queue. A thread that finds one makes a ``ModuleWorker`` for it, which goes on with the next
/// attempts for as long as each ends without having waited: a task of its own for each of ten thousand short runs would
/// cost more than they do.
///
/// `@unchecked Sendable`: all state is guarded by the pthread mutex, which a condition variable needs.
package final class ModulePool: TaskExecutor, @unchecked Sendable {
    private let core: Int
    private let limit: Int
    /// Added to the threads' nice value, so that HTTP and the scheduler go first on a busy machine.
    private let niceness: Int32
    /// Told whenever a worker finds no further attempt.
    let onDrained: @Sendable () -> Void
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var jobs = Deque<UnownedJob>()
    private var attempts = Deque<Attempt>()
    /// Whether a waiting attempt goes before waiting jobs: by turns, so that neither waits for all of the other.
    private var isAttemptsTurn = false
    /// Workers that were made and have not asked for their first attempt: no further one is made for that.
    private var begun = 0
    private var threads = 0
    private var idle = 0
    /// Of the idle ones: told that there is work, and not yet awake.
    private var called = 0
    private var taken = 0
    private var takenAtLastRelief = 0
    private var isStopped = false
    private var isGathering = false

    /// - Parameters:
    ///   - core: Threads made without hesitation.
    ///   - limit: Threads at most.
    ///   - niceness: 0…19.
    ///   - onDrained: Told whenever a worker finds no further attempt.
    package init(core: Int, limit: Int, niceness: Int32 = 0, onDrained: @escaping @Sendable () -> Void = {}) {
        precondition(core >= 1 && limit >= core)
        self.core = core
        self.limit = limit
        self.niceness = niceness
        self.onDrained = onDrained
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pthread_mutex_lock(mutex)
        jobs.append(job)
        if !isGathering { call(1) }
        pthread_mutex_unlock(mutex)
    }

    /// Executes the attempts' code as threads are free.
    func start(_ new: [Attempt]) {
        guard !new.isEmpty else { return }
        pthread_mutex_lock(mutex)
        attempts.append(contentsOf: new)
        // As many are worth a call by themselves.
        if !isGathering || new.count >= Planner.many { call(new.count) }
        pthread_mutex_unlock(mutex)
    }

    /// How many attempts no thread has begun.
    var waitingAttempts: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return attempts.count
    }

    /// The next attempt for a worker, unless jobs wait: those have their turn then.
    func nextAttempt(isFirst: Bool) -> Attempt? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isFirst { begun -= 1 }
        guard isFirst || jobs.isEmpty, let attempt = attempts.popFirst() else { return nil }
        taken += 1
        return attempt
    }

    /// Runs `body`, and calls threads for all the jobs that came meanwhile at once at its end: one that is called for
    /// each of many short jobs falls asleep in between, which costs more than they do.
    package func gathering(_ body: () -> Void) {
        pthread_mutex_lock(mutex)
        isGathering = true
        pthread_mutex_unlock(mutex)
        body()
        pthread_mutex_lock(mutex)
        isGathering = false
        call(jobs.count + attempts.count)
        pthread_mutex_unlock(mutex)
    }

    /// Sees to it that up to `count` threads look for jobs; called with the mutex held.
    private func call(_ count: Int) {
        for _ in 0..<min(count, max(idle - called, core - threads)) {
            if idle > called {
                // Once each: a thread that was called takes more than one job if there are.
                called += 1
                pthread_cond_signal(condition)
            } else if threads < core {
                startThread()
            }
        }
    }

    /// Adds a thread when jobs wait and none was taken since the last call; to be called every second or so.
    package func relieve() {
        pthread_mutex_lock(mutex)
        let isWaitedFor = !jobs.isEmpty || !attempts.isEmpty
        if isWaitedFor, idle == called, taken == takenAtLastRelief, threads < limit {
            startThread()
        }
        takenAtLastRelief = taken
        pthread_mutex_unlock(mutex)
    }

    /// Lets the threads end once the queue is empty; code that hangs keeps its thread.
    package func stop() {
        pthread_mutex_lock(mutex)
        isStopped = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Called with the mutex held.
    private func startThread() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 1 << 20)
        var thread = pthread_t()
        let pool = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, &attributes,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<ModulePool>.fromOpaque(pointer).takeRetainedValue().work()
                return nil
            }, pool.toOpaque())
        pthread_attr_destroy(&attributes)
        if code == 0 { threads += 1 } else { pool.release() }
    }

    private func work() {
        // On Linux, 0 names the calling thread.
        if niceness != 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
        pthread_mutex_lock(mutex)
        while true {
            if attempts.count > begun, isAttemptsTurn || jobs.isEmpty {
                isAttemptsTurn = false
                begun += 1
                pthread_mutex_unlock(mutex)
                ModuleWorker.begin(on: self)
                pthread_mutex_lock(mutex)
            } else if let job = jobs.popFirst() {
                isAttemptsTurn = true
                taken += 1
                pthread_mutex_unlock(mutex)
                job.runSynchronously(on: asUnownedTaskExecutor())
                pthread_mutex_lock(mutex)
            } else if isStopped || threads > core {
                break
            } else {
                idle += 1
                pthread_cond_wait(condition, mutex)
                idle -= 1
                // A thread that woke by itself takes a call from another, which then finds the work done.
                if called > 0 { called -= 1 }
            }
        }
        threads -= 1
        pthread_mutex_unlock(mutex)
    }
}

/// A task that executes attempts, one after another, until one of them is cancelled or none waits.
///
/// While an attempt waits, so does its worker; the pool's thread makes another for the next one.
final class ModuleWorker: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// Makes a worker; it is the next job of `pool`.
    static func begin(on pool: ModulePool) {
        let worker = ModuleWorker()
        // Unstructured, as each attempt is cancelled by itself; the planner waits for every one, or abandons it.
        let task = Task(executorPreference: pool) {
            var attempt = pool.nextAttempt(isFirst: true)
            while let current = attempt {
                guard await current.execute(by: worker) else { return }
                attempt = pool.nextAttempt(isFirst: false)
            }
            pool.onDrained()
        }
        let isCancelled = worker.state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    /// Cancels the attempt that is being executed.
    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }
}
