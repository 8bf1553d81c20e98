/// What an input says: a byte that chooses the pipeline, a byte with the length of a script, the script, and what the
/// client sends.
struct Input {
    enum Pipeline: UInt8, CaseIterable {
        /// In the clear: the protocol is found out.
        case clear
        case http1
        case http2
        /// The client sends its bytes as they are to TLS.
        case handshake
        /// Over an established session of TLS.
        case secureHTTP1
        case secureHTTP2
    }

    /// A thing that happens. It is a byte: three bits say what, five how much.
    enum Step {
        /// So many bytes come.
        case bring(Int)
        /// The client takes so many.
        case take(Int)
        /// The connection's event loop turns, and so many of the tasks go on elsewhere.
        case turn(jobs: Int)
        /// Time passes.
        case pass(milliseconds: Int64)
        case rest
        /// The client ends its side, with what the protocol has for it where `isPolite`.
        case endInput(isPolite: Bool)
        /// The server is about to end.
        case quiesce
        /// The client is gone.
        case reset

        init(_ byte: UInt8) {
            let much = Int(byte & 31)
            self =
                switch byte >> 5 {
                case 0, 1: .bring(much < 16 ? 1 << much : much)
                case 2: .take(1 << min(much, 20))
                case 3: .turn(jobs: much)
                case 4: .pass(milliseconds: 1 << min(Int64(much), 17))
                case 5: .rest
                case 6: .bring(.max)
                // Seldom: not much happens after it.
                default:
                    switch much {
                    case 0: .endInput(isPolite: false)
                    case 1: .endInput(isPolite: true)
                    case 2: .quiesce
                    case 3: .reset
                    default: .rest
                    }
                }
        }
    }

    var pipeline: Pipeline
    /// In the end the client neither says nor takes anything, but is there.
    var isDeafInTheEnd: Bool
    /// Happens again and again until all that the client sends has come.
    var script: [Step]
    var sent: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        let mode = bytes.first ?? 0
        pipeline = .allCases[Int(mode & 127) % Pipeline.allCases.count]
        isDeafInTheEnd = mode >= 128
        let rest = bytes.dropFirst(2)
        let length = bytes.count > 1 ? Int(bytes[1]) : 0
        script = rest.prefix(length).map(Step.init)
        sent = rest.dropFirst(length)
    }
}
