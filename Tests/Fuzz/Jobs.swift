import DequeModule
import Foundation
import Synchronization

/// Swift's tasks, run where and when a test wants it: without another thread the same input has the same course.
///
/// What would go to the process's pool of threads waits here instead. Tasks with an executor of their own go there.
enum Jobs {
    private typealias Original = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void

    private static let waiting = Mutex<Deque<UnownedJob>>([])
    private static let here = Here()

    private final class Here: TaskExecutor {
        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            Jobs.waiting.withLock { $0.append(job) }
        }
    }

    /// For good; before the first task is made.
    static func take() {
        guard let hook = dlsym(dlopen(nil, RTLD_NOW), "swift_task_enqueueGlobal_hook") else {
            fail("this Swift runtime has no hook for its tasks")
        }
        hook.assumingMemoryBound(to: Hook?.self).pointee = { job, _ in Jobs.waiting.withLock { $0.append(job) } }
    }

    static var isEmpty: Bool { waiting.withLock { $0.isEmpty } }

    /// - Returns: how many have run.
    @discardableResult
    static func run(most: Int) -> Int {
        for count in 0..<most {
            guard let job = waiting.withLock({ $0.popFirst() }) else { return count }
            job.runSynchronously(on: here.asUnownedTaskExecutor())
        }
        return most
    }
}

/// Says what is wrong and ends the process, as sanitizers do: whoever runs it finds the input where it was put.
func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("closter-fuzz: \(text)\n".utf8))
    abort()
}
