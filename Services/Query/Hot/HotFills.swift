import Synchronization

/// The answers that are being made: one at a time for each key.
final class HotFills: Sendable {
    final class Fill: Sendable {
        fileprivate let key: HotKey
        fileprivate let subject: HotSubject
        fileprivate let state = Mutex(State())

        fileprivate init(_ key: HotKey, _ subject: HotSubject) {
            self.key = key
            self.subject = subject
        }
    }

    fileprivate struct State {
        /// Something it may show has changed since it began.
        var isSpoiled = false
        var isEnded = false
        /// nil: none that others may have.
        var value: (any Sendable)?
        var waiting: [CheckedContinuation<(any Sendable)?, Never>] = []
    }

    enum Role {
        case lead(Fill)
        case wait(Fill)
    }

    private let open = Mutex<[HotKey: Fill]>([:])

    func join(_ key: HotKey, _ subject: HotSubject) -> Role {
        open.withLock { open in
            if let fill = open[key] { return .wait(fill) }
            let fill = Fill(key, subject)
            open[key] = fill
            return .lead(fill)
        }
    }

    /// What the fill's leader has made; nil where it may not be shared.
    func outcome(of fill: Fill) async -> (any Sendable)? {
        await withCheckedContinuation { continuation in
            let isEnded = fill.state.withLock { state in
                if !state.isEnded { state.waiting.append(continuation) }
                return state.isEnded
            }
            if isEnded { continuation.resume(returning: fill.state.withLock { $0.value }) }
        }
    }

    /// To be called by the leader, once.
    ///
    /// - Parameter keep: called where nothing has spoiled it, before anything can any more; whether others may have the
    ///   value.
    func end(_ fill: Fill, with value: (any Sendable)?, keep: () -> Bool = { false }) {
        let waiting = fill.state.withLock { state in
            state.isEnded = true
            if !state.isSpoiled, keep() { state.value = value }
            defer { state.waiting = [] }
            return state.waiting
        }
        // Who comes from now on begins anew, or finds what was kept.
        open.withLock { $0[fill.key] = nil }
        let shared = fill.state.withLock { $0.value }
        for continuation in waiting { continuation.resume(returning: shared) }
    }

    /// Those that are under way, of these subjects, may have read what is no longer so.
    func spoil(_ isMeant: (HotSubject) -> Bool) {
        let fills = open.withLock { $0.values.filter { isMeant($0.subject) } }
        for fill in fills { fill.state.withLock { $0.isSpoiled = true } }
    }
}
