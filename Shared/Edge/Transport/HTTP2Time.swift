import CNGHTTP2
import NIOCore

/// What a client owes, and until when.
extension HTTP2Handler {
    /// What the client owes next, if anything.
    func expect() {
        guard phase == .open || phase == .leaving else { return }
        if heading != nil || !isGreeted {
            clock?.begin(.head, within: limits.headTime)
        } else if streams.isEmpty {
            clock?.begin(.request, within: limits.idleTime)
        } else {
            clock?.rest()
        }
    }

    /// What was owed has come; but an end that was announced is waited for, whatever comes meanwhile.
    func nothingIsOwed() {
        if phase != .announced { clock?.rest() }
    }

    func timedOut(_ awaited: ConnectionClock.Awaited) {
        guard let context else { return }
        switch (awaited, phase) {
        case (.end, .announced): refuseMore()
        case (.request, .open): refuseMore()
        case (.head, _): fail(NGHTTP2_ENHANCE_YOUR_CALM)
        default: context.close(promise: nil)
        }
    }

    /// Streams are looked at in time: one task for all of them.
    func watch(_ due: NIODeadline) {
        guard let context else { return }
        if let look, look.due <= due { return }
        look?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [self] in lookAround() }
        look = (due, task)
    }

    private func lookAround() {
        look = nil
        guard let now = context?.eventLoop.now else { return }
        for stream in streams.open {
            hurry(stream, now)
            guard phase != .over else { return }
        }
        guard !streams.isEmpty else { return }
        watch(streams.open.lazy.compactMap { $0.inbound?.due }.reduce(now + limits.idleTime, min))
    }

    /// Gives up a client that does not send what it has announced, or does not take what it has asked for.
    private func hurry(_ stream: HTTP2Stream, _ now: NIODeadline) {
        if stream.inbound?.isMissed(now) == true {
            // A slow reader is not the client's fault.
            if isHeldUp(stream) { stream.inbound?.renew(now) } else { bodyTimedOut(stream) }
        }
        guard stream.isBegun, stream.isAnswered || stream.response.bytes > 0 else { return stream.outbound = nil }
        if stream.outbound == nil { stream.outbound = HTTP2Pace(limits.bodyBytes, within: limits.idleTime, from: now) }
        if stream.outbound?.isMissed(now) == true {
            guard let context, context.channel.isWritable else { return drop() }
            reset(stream, NGHTTP2_CANCEL)
        }
    }
}
