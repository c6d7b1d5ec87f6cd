import Foundation

/// Runs blocking code on a thread of its own: the cooperative pool is for servers and tests.
///
/// It stays part of the calling task, so that what it expects is told of the right test.
package func offPool<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(ThreadPerJob()) { try work() }
}

/// A thread for each job, as any of them may block.
package final class ThreadPerJob: TaskExecutor {
    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        Thread.detachNewThread { job.runSynchronously(on: executor) }
    }
}
