import Foundation
import NIOCore

/// Stops accepting for a second when the process has no descriptor or the kernel no memory for another connection: the one
/// that waits would be reported again at once, and forever.
///
/// NIO's own handler for this holds back the next read, but a read that has failed is not over for the channel, and goes on.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private var isPaused = false

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, !isPaused,
            [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode), let options = context.channel.syncOptions
        else { return }
        isPaused = true
        try? options.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) {
            self.isPaused = false
            // Fails where the listener was closed meanwhile.
            try? options.setOption(.autoRead, value: true)
        }
    }
}
