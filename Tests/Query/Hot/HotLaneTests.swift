import EventSourcing
import Testing

@testable import Query

@Suite struct HotLaneTests {
    @Test func `a lane that was closed goes by what is there, also where that is less`() {
        let lane = HotLane(shard: "main")
        let soon = ContinuousClock.now + .seconds(3600)
        #expect(lane.adopt(1, epoch: 1))
        lane.open(to: 9, until: soon)
        lane.open(to: 7, until: soon)
        #expect(lane.state.checkpoint == 9)
        lane.close()
        #expect(!lane.state.isCurrent(at: .now))
        #expect(lane.adopt(1, epoch: 1))
        lane.open(to: 5, until: soon)
        #expect(lane.state.checkpoint == 5)
        #expect(lane.state.isCurrent(at: .now))
    }
}
