import NIOCore

/// Runs tasks on an event loop, so that a request is handled on the thread that reads and writes its connection.
///
/// A handler that takes long (a large body, a table read whole) must leave it: everybody else on the loop waits for it.
final class LoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
