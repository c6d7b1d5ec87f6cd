internal import NIOCore

/// Runs Swift tasks on an event loop's thread.
///
/// Everything that serves HTTP runs on threads of its own, so that nothing which fills the cooperative pool (a task
/// module that computes without end, say) can keep an answer waiting.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        loop.execute { job.runSynchronously(on: executor) }
    }
}
