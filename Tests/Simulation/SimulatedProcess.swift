import Foundation

/// A process of the simulated world: it can crash, which forgets all it knows, and freeze, which delays all it does.
class SimulatedProcess {
    let world: World
    let server: Server
    let name: String
    /// Goes up with each crash: what was meant for an earlier life does not arrive.
    private(set) var life = 0
    private(set) var isRunning = false
    private var frozenUntil: Int64 = 0
    /// How far its clock is ahead.
    private var clockOffset: Int64 = 0

    private static let origin = ContinuousClock.now

    init(_ name: String, _ world: World, _ server: Server) {
        self.name = name
        self.world = world
        self.server = server
    }

    var clock: ContinuousClock.Instant { Self.origin + .microseconds(world.now + clockOffset) }

    var isFrozen: Bool { frozenUntil > world.now }

    final func start() {
        guard !isRunning else { return }
        isRunning = true
        world.note("\(name) starts")
        begin()
    }

    /// - Parameter silently: the machine is gone, not only the process: nobody closes its sessions.
    final func crash(silently: Bool) {
        guard isRunning else { return }
        life += 1
        isRunning = false
        frozenUntil = 0
        world.note("\(name) crashes\(silently ? ", and its machine" : "")")
        forget()
        if !silently { server.disconnect(self, after: world.chance.time(0...5_000)) }
    }

    final func freeze(for duration: Int64) {
        world.note("\(name) freezes for \(duration / 1000) ms")
        frozenUntil = max(frozenUntil, world.now + duration)
    }

    final func thaw() { frozenUntil = world.now }

    final func jumpClock(by duration: Int64) {
        world.note("\(name)'s clock jumps by \(duration / 1000) ms")
        clockOffset += duration
    }

    /// Once it is no longer frozen.
    ///
    /// - Parameter life: the one it is meant for; the present one where none is named.
    final func later(_ delay: Int64, in life: Int? = nil, _ body: @escaping () -> Void) {
        let life = life ?? self.life
        world.later(delay) { [self] in arrive(life, body) }
    }

    private func arrive(_ life: Int, _ body: @escaping () -> Void) {
        guard life == self.life else { return }
        if isFrozen {
            world.later(frozenUntil - world.now) { [self] in arrive(life, body) }
        } else {
            body()
        }
    }

    final func every(_ interval: Int64, _ body: @escaping () -> Void) {
        later(interval) { [self] in
            body()
            every(interval, body)
        }
    }

    /// Comes up, knowing nothing.
    func begin() {}
    func forget() {}
    /// A notification has come.
    func rung() {}
}

/// What one task waits for and another sets, as `Wakeup` is.
final class Flag: @unchecked Sendable {
    private var isSet = false
    private var waiter: (() -> Void)?

    func set() {
        if let waiter {
            self.waiter = nil
            waiter()
        } else {
            isSet = true
        }
    }

    /// - Parameter body: must not run on the setter's stack: it only schedules.
    func wait(_ body: @escaping () -> Void) {
        if isSet {
            isSet = false
            body()
        } else {
            waiter = body
        }
    }
}
