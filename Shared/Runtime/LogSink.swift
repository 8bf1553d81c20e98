import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where log lines go. Lines of concurrent writers never mix: each is written whole under one lock.
public final class LogSink: Sendable {
    private let output: Mutex<@Sendable ([UInt8]) -> Void>

    /// Hands every line, newline included, to `output`, one at a time.
    public init(output: @escaping @Sendable ([UInt8]) -> Void) {
        self.output = Mutex(output)
    }

    /// Lines to a file descriptor. A reader that has gone away loses lines; it never stops the service.
    public convenience init(fileDescriptor: CInt) {
        self.init { line in
            line.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = write(fileDescriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count > 0 {
                        rest = rest.dropFirst(count)
                    } else if errno == EAGAIN {
                        // A non-blocking pipe whose reader is slow: wait for it, a line must not be torn.
                        var descriptor = pollfd(fd: fileDescriptor, events: Int16(POLLOUT), revents: 0)
                        _ = poll(&descriptor, 1, 1_000)
                    } else if errno != EINTR {
                        return
                    }
                }
            }
        }
    }

    /// Standard error.
    public static let standardError = LogSink(fileDescriptor: STDERR_FILENO)

    func emit(_ line: [UInt8]) {
        output.withLock { $0(line) }
    }
}
