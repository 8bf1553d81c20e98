import Foundation
import Testing

@testable import Postgres

/// What travels together, and what becomes of it.
@Suite struct LaneGroupTests {
    @Test func `waiting reads of one tenant travel behind one setting and before one sync`() {
        var lane = LaneHarness()
        let tenant = UUID()
        let reads = (0..<3).map { lane.submit("SELECT \($0)", tenant: tenant) }
        lane.settle()
        #expect(
            lane.keys() == [
                "prepare s1 SELECT set_config('closter.tenant', $1, true)", "run s1", "prepare s2 SELECT $1", "run s2",
                "run s2", "run s2", "sync",
            ])
        lane.answer()
        #expect(reads.allSatisfy(lane.succeeded))
        lane.submit("SELECT \(1)", tenant: tenant)
        lane.settle()
        #expect(lane.keys() == ["run s1", "run s2", "sync"])
    }

    @Test func `a timeout of its own rides along, the session's own need not be set`() {
        var lane = LaneHarness()
        lane.submit("SELECT 1")
        lane.submit("SELECT 1", timeout: 70)
        lane.settle()
        #expect(lane.keys() == ["prepare s1 SELECT 1", "run s1", "sync"])
        lane.answer()
        #expect(lane.keys().first == "prepare s2 SELECT set_config('statement_timeout', $1, true)")
    }

    @Test func `tenants take turns`() {
        var lane = LaneHarness(groupCount: 2)
        let (one, two) = (UUID(), UUID())
        for _ in 0..<4 { lane.submit("SELECT 1", tenant: one) }
        lane.submit("SELECT 2", tenant: two)
        lane.settle()
        lane.answer()
        #expect(lane.keys().contains { $0.hasSuffix("SELECT 2") })
        lane.answer()
        #expect(lane.keys() == ["run s1", "run s2", "run s2", "sync"])
    }

    @Test func `a group is bounded in count and bytes, and a large read travels alone`() {
        var lane = LaneHarness(groupCount: 4, groupBytes: 1000)
        for _ in 0..<5 { lane.submit("SELECT 1") }
        lane.settle()
        #expect(lane.keys().count { $0.hasPrefix("run") } == 4)
        lane.answer()
        lane.answer()
        for _ in 0..<2 { lane.submit("SELECT \(String(repeating: "x", count: 2000))") }
        lane.settle()
        #expect(lane.keys().count { $0.hasPrefix("run") } == 1)
    }

    @Test func `idle connections share what waits`() {
        var lane = LaneHarness(connections: 2)
        for _ in 0..<8 { lane.submit("SELECT 1") }
        lane.settle(opens: false)
        #expect(lane.opening.count == 2)
        for id in lane.opening { lane.machine.opened(id, now: lane.now) }
        lane.opening = []
        lane.settle()
        #expect(lane.keys(1).count { $0.hasPrefix("run") } == 4 && lane.keys(2).count { $0.hasPrefix("run") } == 4)
    }

    @Test func `the followers of a failed read are sent again, the failed one and those before it are not`() {
        var lane = LaneHarness()
        let before = lane.submit("SELECT 1")
        let failing = lane.submit("SELECT 2")
        let after = [lane.submit("SELECT 3"), lane.submit("SELECT 1")]
        lane.settle()
        lane.answer(fails: ["run s2": serverError("22012")])
        #expect(lane.succeeded(before))
        #expect(lane.error(failing)?.sqlState == "22012")
        // The Parse of "SELECT 3" was skipped, so it is sent again; "SELECT 1" and 2 are prepared.
        #expect(lane.keys() == ["prepare s4 SELECT 3", "run s4", "run s1", "sync"])
        lane.answer()
        #expect(after.allSatisfy(lane.succeeded))
        #expect(lane.machine.statistics.reruns == 2)
    }

    @Test func `a Parse that fails fails its read, which is parsed anew the next time`() {
        var lane = LaneHarness()
        let failing = lane.submit("SELEC")
        let same = lane.submit("SELEC")
        lane.settle()
        lane.answer(fails: ["prepare s1 SELEC": serverError("42601")])
        #expect(lane.error(failing)?.sqlState == "42601")
        #expect(lane.keys() == ["prepare s2 SELEC", "run s2", "sync"])
        lane.answer(fails: ["prepare s2 SELEC": serverError("42601")])
        #expect(lane.error(same)?.sqlState == "42601" && lane.keys().isEmpty)
    }

    @Test func `a statement whose Parse is under way elsewhere runs without a name`() {
        var lane = LaneHarness(depth: 2)
        lane.submit("SELECT 1")
        lane.settle()
        lane.submit("SELECT 1")
        lane.settle()
        #expect(lane.keys() == ["prepare s1 SELECT 1", "run s1", "sync", "SELECT 1", "sync"])
        lane.answer()
        lane.answer()
        lane.submit("SELECT 1")
        lane.settle()
        #expect(lane.keys() == ["run s1", "sync"])
    }

    @Test func `the statement used least recently is freed, and again if that was undone`() {
        var lane = LaneHarness(prepared: 2)
        for text in ["SELECT 1", "SELECT 2", "SELECT 1"] as [SQL] {
            lane.submit(text)
            lane.settle()
            lane.answer()
        }
        lane.submit("SELECT 3")
        lane.settle()
        #expect(lane.keys() == ["DEALLOCATE s2", "prepare s3 SELECT 3", "run s3", "sync"])
        lane.answer(fails: ["DEALLOCATE s2": serverError("57014")])
        #expect(lane.keys().first == "DEALLOCATE s2")
        lane.answer()
        #expect(lane.finished.count == 4 && lane.finished.keys.allSatisfy(lane.succeeded))
    }

    @Test func `nothing is freed that the same group runs`() {
        var lane = LaneHarness(prepared: 1)
        lane.submit("SELECT 1")
        lane.settle()
        lane.answer()
        lane.submit("SELECT 1")
        lane.submit("SELECT 2")
        lane.settle()
        #expect(lane.keys() == ["run s1", "SELECT 2", "sync"])
    }

    @Test func `a plan that a table outgrew is made anew, once`() {
        var lane = LaneHarness()
        lane.submit("SELECT * FROM t")
        lane.settle()
        lane.answer()
        let read = lane.submit("SELECT * FROM t")
        lane.settle()
        lane.answer(fails: ["run s1": serverError("0A000")])
        #expect(lane.keys() == ["DEALLOCATE s1", "prepare s2 SELECT * FROM t", "run s2", "sync"])
        lane.answer(fails: ["run s2": serverError("0A000")])
        #expect(lane.error(read)?.sqlState == "0A000")
    }

    @Test func `a setting that always fails is not tried for ever`() {
        var lane = LaneHarness()
        let read = lane.submit("SELECT 1", tenant: UUID())
        lane.settle()
        let setting = "SELECT set_config('closter.tenant', $1, true)"
        for number in 1...10 { lane.answer(fails: ["prepare s\(2 * number - 1) \(setting)": serverError("42501")]) }
        #expect(lane.error(read)?.sqlState == "42501")
    }

    @Test func `a write is alone on its connection, and answered when its transaction has ended`() {
        var lane = LaneHarness(depth: 4)
        let write = lane.submit("INSERT 1", "INSERT 2", kind: .write)
        let read = lane.submit("SELECT 1")
        lane.settle()
        #expect(lane.keys() == ["prepare s1 INSERT 1", "run s1", "prepare s2 INSERT 2", "run s2", "sync"])
        lane.answer(commitFails: serverError("23505"))
        #expect(lane.error(write)?.sqlState == "23505")
        #expect(lane.keys() == ["prepare s3 SELECT 1", "run s3", "sync"])
        lane.answer()
        #expect(lane.succeeded(read))
    }

    @Test func `a lease has its connection to itself until it is released`() {
        var lane = LaneHarness()
        let lease = lane.submit(kind: .lease)
        let read = lane.submit("SELECT 1")
        lane.settle()
        #expect(lane.succeeded(lease) && lane.keys().isEmpty)
        let inside = lane.submit("SELECT 2", kind: .leased(lease))
        lane.settle()
        lane.answer()
        #expect(lane.succeeded(inside) && lane.finished[read] == nil)
        lane.machine.release(lease, now: lane.now)
        lane.settle()
        lane.answer()
        #expect(lane.succeeded(read))
        let late = lane.submit("SELECT 3", kind: .leased(lease))
        lane.settle()
        #expect(lane.error(late)?.kind == .connectionLost)
    }

    @Test func `a connection that is released within a transaction is closed`() {
        var lane = LaneHarness()
        let lease = lane.submit(kind: .lease)
        lane.settle()
        lane.submit("BEGIN", kind: .leased(lease))
        lane.settle()
        lane.machine.release(lease, now: lane.now)
        lane.settle()
        #expect(lane.closed == [1])
    }

    @Test func `a result that nobody asked for ends the connection`() {
        var lane = LaneHarness()
        lane.submit("SELECT 1")
        lane.settle()
        lane.answer()
        let isTrusted = lane.machine.received(.rows(.empty), on: 1, now: lane.now)
        #expect(!isTrusted)
    }
}
