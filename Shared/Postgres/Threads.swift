import CLibpq
import Glibc

/// Runs `body` on a thread of its own, for calls of libpq that block.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    let box = Unmanaged.passRetained(Box(name, body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
            closter_name_thread(String(box.name.prefix(15)))
            box.body()
            return nil
        }, box.toOpaque())
    if code == 0 {
        pthread_detach(thread)
    } else {
        // No thread to be had (a limit of the system): the work is still done, at the cost of the caller's thread.
        let box = box.takeRetainedValue()
        box.body()
    }
}

/// Nanoseconds of a clock that never goes back.
func monotonicNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// A pipe by which other threads end a thread's `poll`.
final class WakePipe: Sendable {
    let reader: Int32
    private let writer: Int32

    init() throws(PostgresError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw PostgresError(.connectionFailed, "no file descriptor left for a pipe") }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        reader = ends[0]
        writer = ends[1]
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// A full pipe has a wake-up in it already.
    func wake() {
        var byte: UInt8 = 1
        _ = write(writer, &byte, 1)
    }

    func drain() {
        var buffer: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while read(reader, &buffer, 32) == 32 {}
    }
}

/// Waits for a socket; nil `timeout` waits for ever. Returns what is ready.
func waitFor(
    socket: Int32, write: Bool, wake: Int32? = nil, until deadline: Int64?
) -> (socketReady: Bool, woken: Bool) {
    var descriptors = [pollfd(fd: socket, events: Int16(POLLIN | (write ? POLLOUT : 0)), revents: 0)]
    if let wake { descriptors.append(pollfd(fd: wake, events: Int16(POLLIN), revents: 0)) }
    poll(&descriptors, nfds_t(descriptors.count), pollTimeout(until: deadline))
    return (descriptors[0].revents != 0, wake != nil && descriptors[1].revents != 0)
}

/// Milliseconds as `poll` takes them, rounded up.
func pollTimeout(until deadline: Int64?) -> Int32 {
    guard let deadline else { return -1 }
    return Int32(clamping: max(0, (deadline - monotonicNow() + 999_999) / 1_000_000))
}
