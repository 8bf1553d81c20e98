import Foundation
import Testing

@testable import Postgres

/// Connections that come and go, time that passes, tasks that are cancelled.
@Suite struct LaneFailureTests {
    private let lostError = PostgresError(.connectionLost, "as the test wants it")

    @Test func `of a lost connection reads are sent again, a bounded number of times`() {
        var lane = LaneHarness()
        let read = lane.submit("SELECT 1")
        lane.settle()
        for id in ConnectionID(1)...2 {
            lane.machine.lost(id, lostError, now: lane.now)
            lane.settle()
            #expect(lane.finished[read] == nil && !lane.keys(id + 1).isEmpty)
        }
        lane.machine.lost(3, lostError, now: lane.now)
        lane.settle()
        #expect(lane.error(read)?.kind == .connectionLost)
    }

    @Test func `of a lost connection writes are in doubt, and those that wait are not touched`() {
        var lane = LaneHarness()
        let sent = lane.submit("INSERT 1", kind: .write)
        let waiting = lane.submit("INSERT 2", kind: .write)
        lane.settle()
        lane.machine.lost(1, lostError, now: lane.now)
        lane.settle()
        #expect(lane.error(sent)?.kind == .connectionLost && lane.finished[waiting] == nil)
        lane.answer(2)
        #expect(lane.succeeded(waiting))
    }

    @Test func `a write known to have failed is not in doubt when its connection is lost`() {
        var lane = LaneHarness()
        let write = lane.submit("INSERT 1", kind: .write)
        lane.settle()
        _ = lane.machine.received(.failed(serverError("23505")), on: 1, now: lane.now)
        lane.machine.lost(1, lostError, now: lane.now)
        lane.settle()
        #expect(lane.error(write)?.sqlState == "23505")
    }

    @Test func `attempts to connect back off, one at a time`() {
        var lane = LaneHarness(connections: 4)
        for _ in 0..<10 { lane.submit("SELECT 1", timeout: 60_000, wait: 60_000_000_000) }
        lane.settle(opens: false)
        #expect(lane.opening.count == 4)
        for id in lane.opening { lane.machine.openFailed(id, PostgresError(.connectionFailed, "no"), now: lane.now) }
        lane.opening = []
        lane.settle(opens: false)
        #expect(lane.opening.isEmpty)
        // Four failures: 50 ms doubled three times, with the harness's jitter at its longest.
        lane.advance(.milliseconds(399), opens: false)
        #expect(lane.opening.isEmpty)
        #expect(lane.machine.nextTick <= lane.now + 1_000_000)
        lane.advance(.milliseconds(1), opens: false)
        #expect(lane.opening.count == 1)
        lane.settle()
        #expect(lane.machine.failuresToOpen == 0)
    }

    @Test func `the back-off has full jitter and a bound`() {
        let backoff = Backoff(minimum: .milliseconds(50), maximum: .seconds(5))
        #expect(backoff.delay(after: 1, random: 1) == .milliseconds(50))
        #expect(backoff.delay(after: 3, random: 0.5) == .milliseconds(100))
        #expect(backoff.delay(after: 1000, random: 1) == .seconds(5))
        #expect(backoff.delay(after: 7, random: 0) == .zero)
    }

    @Test func `waiting ends with the wait deadline, and says why`() {
        var lane = LaneHarness()
        lane.submit("INSERT 1", kind: .write, timeout: 60_000)
        let late = lane.submit("SELECT 1")
        lane.settle()
        lane.advance(.milliseconds(2999))
        #expect(lane.finished[late] == nil)
        lane.advance(.milliseconds(1))
        #expect(lane.error(late)?.kind == .poolWaitExceeded)

        var dead = LaneHarness()
        let unsent = dead.submit("SELECT 1")
        dead.settle(opens: false)
        dead.machine.openFailed(1, PostgresError(.connectionFailed, "no"), now: dead.now)
        dead.advance(.seconds(3), opens: false)
        #expect(dead.error(unsent)?.kind == .connectionFailed)
    }

    @Test func `a read is answered when its time is over, whatever the server does`() {
        var lane = LaneHarness()
        let read = lane.submit("SELECT 1", timeout: 100)
        lane.settle()
        lane.advance(.milliseconds(100))
        #expect(lane.finished[read] == nil, "the server may say it better")
        lane.advance(.milliseconds(500))
        #expect(lane.error(read)?.kind == .deadlineExceeded)
        lane.answer()
        #expect(lane.error(read)?.kind == .deadlineExceeded)
    }

    @Test func `a server that is silent for too long loses its connection`() {
        var lane = LaneHarness()
        let write = lane.submit("INSERT 1", kind: .write, timeout: 1000)
        lane.settle()
        lane.advance(.milliseconds(5999))
        #expect(lane.finished[write] == nil)
        lane.advance(.milliseconds(1))
        #expect(lane.error(write)?.kind == .connectionLost && lane.closed == [1])
    }

    @Test func `the server's timeout is the deadline of the read it hits`() {
        var lane = LaneHarness()
        let slow = lane.submit("SELECT 1", timeout: 200)
        let next = lane.submit("SELECT 2", timeout: 200)
        lane.settle()
        lane.now += 200_000_000
        // Their own setting is s1.
        lane.answer(fails: ["run s2": serverError("57014")])
        #expect(lane.error(slow)?.kind == .deadlineExceeded && lane.error(slow)?.sqlState == "57014")
        #expect(lane.error(next)?.kind == .deadlineExceeded, "its time passed while it waited behind")
    }

    @Test func `an administrator's cancel is neither a deadline nor our own`() {
        var lane = LaneHarness()
        let read = lane.submit("SELECT 1")
        lane.settle()
        lane.answer(fails: ["run s1": serverError("57014")])
        #expect(lane.error(read)?.kind == .server(sqlState: "57014"))
    }

    @Test func `a cancelled read is answered at once, and cancelled on the server only if it goes on`() {
        var lane = LaneHarness(depth: 2)
        let read = lane.submit("SELECT 1")
        let neighbour = lane.submit("SELECT 2")
        lane.settle()
        lane.machine.cancel(read, now: lane.now)
        lane.settle()
        #expect(lane.error(read)?.kind == .cancelled && lane.cancelled.isEmpty)
        lane.advance(.milliseconds(10))
        #expect(lane.cancelled == [1])
        // Quarantine: nothing new goes there.
        let later = lane.submit("SELECT 3")
        lane.settle()
        #expect(lane.keys().last == "sync" && !lane.keys().contains { $0.hasSuffix("SELECT 3") })
        // The request was too late for its target and hits the neighbour, which is innocent.
        lane.answer(fails: ["run s2": serverError("57014")])
        #expect(lane.finished[neighbour] == nil && lane.keys().isEmpty)
        lane.machine.cancelSent(1, now: lane.now)
        lane.settle()
        lane.answer()
        lane.answer()
        #expect(lane.succeeded(neighbour) && lane.succeeded(later))
    }

    @Test func `a cancelled read that is soon done costs nothing`() {
        var lane = LaneHarness()
        let read = lane.submit("SELECT 1")
        lane.settle()
        lane.machine.cancel(read, now: lane.now)
        lane.settle()
        lane.answer()
        lane.advance(.milliseconds(50))
        #expect(lane.cancelled.isEmpty)
    }

    @Test func `what waits is cancelled without being sent`() {
        var lane = LaneHarness()
        lane.submit("INSERT 1", kind: .write)
        let write = lane.submit("INSERT 2", kind: .write)
        let read = lane.submit("SELECT 1")
        lane.settle()
        lane.machine.cancel(write, now: lane.now)
        lane.machine.cancel(read, now: lane.now)
        lane.settle()
        lane.answer()
        #expect(lane.error(write)?.kind == .cancelled && lane.error(read)?.kind == .cancelled)
        #expect(lane.keys().isEmpty)
    }

    @Test(arguments: [true, false])
    func `a cancelled write waits for the server's word`(isHit: Bool) {
        var lane = LaneHarness()
        let write = lane.submit("INSERT 1", kind: .write)
        lane.settle()
        lane.machine.cancel(write, now: lane.now)
        lane.settle()
        #expect(lane.cancelled == [1] && lane.finished[write] == nil)
        lane.answer(fails: isHit ? ["run s1": serverError("57014")] : [:])
        if isHit { #expect(lane.error(write)?.kind == .cancelled) } else { #expect(lane.succeeded(write)) }
        let next = lane.submit("INSERT 2", kind: .write)
        lane.settle()
        #expect(lane.keys().isEmpty, "the request may still be on its way")
        lane.machine.cancelSent(1, now: lane.now)
        lane.settle()
        lane.answer()
        #expect(lane.succeeded(next))
    }

    @Test func `a lease's next statement waits until the cancel request is through`() {
        var lane = LaneHarness()
        let lease = lane.submit(kind: .lease)
        lane.settle()
        let slow = lane.submit("SELECT 1", kind: .leased(lease))
        lane.settle()
        lane.machine.cancel(slow, now: lane.now)
        lane.settle()
        lane.answer(fails: ["run s1": serverError("57014")])
        let rollback = lane.submit("ROLLBACK", kind: .leased(lease))
        lane.settle()
        #expect(lane.error(slow)?.kind == .cancelled && lane.keys().isEmpty)
        lane.machine.cancelSent(1, now: lane.now)
        lane.settle()
        lane.answer()
        #expect(lane.succeeded(rollback))
    }

    @Test func `a draining lane carries through what it has, refuses what comes, and ends in time`() {
        var lane = LaneHarness()
        let sent = lane.submit("INSERT 1", kind: .write, timeout: 60_000)
        let waiting = lane.submit("SELECT 1")
        lane.settle()
        lane.machine.drain(until: lane.now + 2_000_000_000)
        let refused = lane.submit("SELECT 2")
        lane.settle()
        #expect(lane.error(refused)?.kind == .closed && !lane.machine.isDrained)
        lane.advance(.seconds(2))
        #expect(lane.error(sent)?.kind == .connectionLost && lane.error(waiting)?.kind == .closed)
        #expect(lane.machine.isDrained)
    }
}
