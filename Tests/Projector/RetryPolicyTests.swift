import Postgres
import Testing

@testable import Projector

@Suite struct RetryPolicyTests {
    @Test func `a poisoned batch is halved until the poison stands alone, then tried a few times, then stopped`() {
        var policy = RetryPolicy(limit: 1000, attempts: 3)
        var count = 1000
        var halvings = 0
        while count > 1 {
            #expect(policy.failed(.poisoned("x"), count: count) == .again(after: .zero))
            #expect(policy.limit < count)
            count = policy.limit
            halvings += 1
        }
        #expect(halvings <= 10)
        #expect(policy.failed(.poisoned("x"), count: 1) == .again(after: .milliseconds(50)))
        #expect(policy.failed(.poisoned("x"), count: 1) == .again(after: .milliseconds(100)))
        #expect(policy.failed(.poisoned("x"), count: 1) == .stop)
    }

    @Test func `what no event is to blame for is tried a few times, whole, and then stops`() {
        var policy = RetryPolicy(limit: 1000, attempts: 2)
        #expect(policy.failed(.defect("x"), count: 1000) == .again(after: .milliseconds(50)))
        #expect(policy.limit == 1000)
        #expect(policy.failed(.defect("x"), count: 1000) == .stop)
    }

    /// Found by the simulation.
    @Test(arguments: [BatchFailure.defect("x"), .poisoned("x")])
    func `a server that was away uses up nobody's attempts`(failure: BatchFailure) {
        var policy = RetryPolicy(limit: 1000, attempts: 2)
        for _ in 0..<10 { _ = policy.failed(.connectionLost("x"), count: 1) }
        let steps = [policy.failed(failure, count: 1), policy.failed(failure, count: 1)]
        #expect(steps == [.again(after: .seconds(5)), .stop])
    }

    /// Found by the simulation.
    @Test func `a poisoned event uses up no attempts of what no event is to blame for`() {
        var policy = RetryPolicy(limit: 1, attempts: 2)
        let steps = [
            policy.failed(.poisoned("x"), count: 1), policy.failed(.defect("x"), count: 1),
            policy.failed(.poisoned("x"), count: 1),
        ]
        #expect(steps == [.again(after: .milliseconds(50)), .again(after: .milliseconds(100)), .stop])
    }

    /// Found by the simulation.
    @Test func `a standby that is answered starts counting anew`() {
        var machine = RunnerMachine(RetryPolicy(limit: 1000, attempts: 2), standbyInterval: .milliseconds(7))
        let actions = [
            machine.failed(.defect("x")), machine.asked(isLeader: false), machine.looked(hasEnded: false),
            machine.failed(.defect("x")), machine.failed(.defect("x")),
        ]
        #expect(
            actions == [
                .reconnect(after: .milliseconds(50)), .endFrozen, .standBy(.milliseconds(7)),
                .reconnect(after: .milliseconds(50)), .end(isStopped: true),
            ])
    }

    @Test func `too much that is parked stops at once, and a generation that was dropped ends`() {
        var policy = RetryPolicy(limit: 1000)
        #expect(policy.failed(.overflow(limit: 3), count: 1000) == .stop)
        #expect(policy.failed(.dropped, count: 1000) == .end)
    }

    @Test(arguments: [
        ("22P02", "poisoned"), ("23514", "poisoned"), ("54000", "poisoned"), ("23503", "dropped"), ("42P01", "dropped"),
        ("42703", "defect"), ("55P03", "transient"), ("57014", "transient"), ("57P01", "connectionLost"),
    ])
    func `the server's word tells what can be done`(state: String, expected: String) {
        let failure = BatchFailure(PostgresError(.server(sqlState: state), "x"))
        #expect("\(failure)".hasPrefix(expected))
    }

    @Test func `success brings the size of batches back`() {
        var policy = RetryPolicy(limit: 100)
        _ = policy.failed(.poisoned("x"), count: 100)
        #expect(policy.limit == 50)
        policy.succeeded()
        #expect(policy.limit == 100)
        policy.succeeded()
        #expect(policy.limit == 100)
    }

    @Test func `what passes by itself is tried for ever, ever slower`() {
        var policy = RetryPolicy(limit: 100, attempts: 2)
        var pauses: [Duration] = []
        for _ in 0..<10 {
            guard case .again(let pause) = policy.failed(.transient("x"), count: 1) else {
                Issue.record("not tried again")
                return
            }
            pauses.append(pause)
        }
        #expect(pauses == pauses.sorted())
        #expect(pauses.last == .seconds(5))
    }

    @Test func `a fenced leader steps down, and a lost connection is made anew`() {
        var policy = RetryPolicy(limit: 100)
        #expect(policy.failed(.fenced, count: 10) == .stepDown)
        #expect(policy.failed(.connectionLost("x"), count: 10) == .reconnect(after: .milliseconds(50)))
        #expect(policy.failed(.gap(LogGap(expected: 1, found: 2)), count: 1) == .again(after: .milliseconds(100)))
    }
}
