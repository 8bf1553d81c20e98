import CNGHTTP2
import HTTPTypes
import NIOCore
import NIOPosix
import Runtime
import Testing

@testable import Edge

/// The parts of a connection's handler, by themselves.
@Suite struct TransportPartTests {
    @Test func `a read that is asked for in a pause is done after it, once`() {
        var pause = ReadPause()
        var done: [Bool] = []
        done.append(pause.mayRead())
        // Nothing is owed where nothing was held back.
        done.append(pause.end())
        pause.begin()
        #expect(pause.isOn)
        for _ in 0..<2 { done.append(pause.mayRead()) }
        done.append(pause.end())
        #expect(!pause.isOn)
        done.append(pause.mayRead())
        pause.begin()
        // None was asked for.
        done.append(pause.end())
        #expect(done == [true, false, false, false, true, true, false])
    }

    @Test func `work for nothing is found out by frames in a row and by bytes, unless something comes of it`() {
        var limits = TransportLimits()
        limits.lingerBytes = 100
        var futility = HTTP2Futility()
        for _ in 1..<HTTP2Futility.mostFrames { futility.cameFrame() }
        #expect(!futility.isFrameTooMany)
        futility.cameFrame()
        #expect(futility.isFrameTooMany)
        futility.end()
        #expect(!futility.isFrameTooMany)
        futility.came(100)
        #expect(!futility.hasTooManyBytes(limits))
        futility.came(1)
        #expect(futility.hasTooManyBytes(limits))
        futility.end()
        #expect(!futility.hasTooManyBytes(limits))
    }

    @Test(arguments: 1...20) func `open streams are where they say, and closed ones are used again`(seed: UInt64) throws
    {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let handler = try Self.handler()
        var random = SplitMix(seed)
        var streams = HTTP2Streams()
        var made = 0
        var most = 0
        for _ in 0..<500 {
            if streams.isEmpty || .random(in: 0..<3, using: &random) > 0, streams.open.count < 40 {
                _ = streams.take {
                    made += 1
                    return HTTP2Stream(handler, loop)
                }
            } else if let stream = streams.open.randomElement(using: &random) {
                streams.remove(stream)
                #expect(!streams.open.contains { $0 === stream })
                streams.keep(stream)
            }
            most = max(most, streams.open.count)
            #expect(streams.open.enumerated().allSatisfy { $1.place == $0 })
        }
        // None is made while there is one to be used again; of more than 32 some were let go.
        #expect(made == most || most > 32)
        let open = streams.open
        let all = streams.removeAll()
        #expect(all.elementsEqual(open, by: ===) && streams.isEmpty)
    }

    @Test func `the status comes first, and each field is where nghttp2 is told`() {
        var own = FieldBlock()
        own.append("x-correlation-id", "c", isUnique: true)
        own.append("date", "now")
        own.append(":status", "200")
        let laidOut = FinishedResponse(status: 200, [.eTag: "\"1\""], body: ByteBuffer(string: "ab"))
        var list = HTTP2FieldList()
        func lent(_ response: FinishedResponse?) -> [String] {
            var lent: [String] = []
            list.lend(own, and: response) { fields in
                lent = fields.map { field in
                    let name = String(
                        decoding: UnsafeBufferPointer(start: field.name, count: field.namelen), as: UTF8.self)
                    let value = String(
                        decoding: UnsafeBufferPointer(start: field.value, count: field.valuelen), as: UTF8.self)
                    let isUnique = UInt32(field.flags) == NGHTTP2_NV_FLAG_NO_INDEX.rawValue
                    return "\(name)=\(value)\(isUnique ? "!" : "")"
                }
            }
            return lent
        }
        let first = [":status=200", "x-correlation-id=c!", "date=now"]
        #expect(
            lent(laidOut) == first + ["etag=\"1\"", "x-content-type-options=nosniff", "content-length=2"])
        #expect(lent(nil) == first)
    }

    private static func handler() throws -> HTTP2Handler {
        let fixture = try EdgeFixture()
        let responder = Edge.application(Edge.makeRouter(), environment: fixture.environment, authenticator: nil)
            .responder
        return HTTP2Handler(
            RequestDispatcher(responder, logger: fixture.environment.logger), limits: TransportLimits(), isSecure: false
        )
    }
}

private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
