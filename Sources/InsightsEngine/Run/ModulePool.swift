internal import DequeModule
internal import Glibc

/// Threads that run task modules, apart from those that serve HTTP and keep time.
///
/// The cooperative pool has as many threads as processors and must never block; a module may do both. Here
/// its jobs wait in a queue of their own for `core` threads that are made when first needed. ``relieve()``
/// adds a thread, up to `limit`, when jobs wait although every thread is busy: so code that hangs, or
/// computes for minutes, delays the others by a moment and never for good.
///
/// `@unchecked Sendable`: all state is guarded by the pthread mutex, which a condition variable needs.
package final class ModulePool: TaskExecutor, @unchecked Sendable {
    private let core: Int
    private let limit: Int
    /// Added to the threads' nice value, so that HTTP and the scheduler go first on a busy machine.
    private let niceness: Int32
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var jobs = Deque<UnownedJob>()
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
    package init(core: Int, limit: Int, niceness: Int32 = 0) {
        precondition(core >= 1 && limit >= core)
        self.core = core
        self.limit = limit
        self.niceness = niceness
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

    /// Runs `body`, and calls threads for all the jobs that came meanwhile at once at its end: one that is called for
    /// each of many short jobs falls asleep in between, which costs more than they do.
    package func gathering(_ body: () -> Void) {
        pthread_mutex_lock(mutex)
        isGathering = true
        pthread_mutex_unlock(mutex)
        body()
        pthread_mutex_lock(mutex)
        isGathering = false
        call(jobs.count)
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
        if !jobs.isEmpty, idle == called, taken == takenAtLastRelief, threads < limit { startThread() }
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
            if let job = jobs.popFirst() {
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
