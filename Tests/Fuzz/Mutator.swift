/// Makes inputs of inputs: the same ones for the same seed.
struct Mutator: RandomNumberGenerator {
    private static let words =
        [
            "\r\n", "\r\n\r\n", ": ", ",", "0\r\n\r\n", "HTTP/1.1", "HTTP/1.0", "GET ", "HEAD ", "POST ", "/hot", "/cold",
            "/echo", "/parts", "/wait", "/break", "/ignore", "transfer-encoding: chunked\r\n", "content-length: 10\r\n",
            "expect: 100-continue\r\n", "connection: close\r\n", "if-none-match: \"1\"\r\n",
            "GET /hot HTTP/1.1\r\n\r\n", "GET /parts HTTP/1.1\r\n\r\n",
        ].map { Array($0.utf8) }
    /// Kinds of frames with a right length: ping, settings, window updates, reset, headers of the static table, data.
    private static let frames: [[UInt8]] = [
        [0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 4, 0, 0, 0, 0, 0], [0, 0, 0, 4, 1, 0, 0, 0, 0],
        [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1], [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 127, 255],
        [0, 0, 4, 8, 0, 0, 0, 0, 1, 127, 255, 255, 255], [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8],
        [0, 0, 3, 1, 5, 0, 0, 0, 3, 0x82, 0x84, 0x86], [0, 0, 3, 1, 4, 0, 0, 0, 5, 0x83, 0x84, 0x86],
        [0, 0, 1, 0, 1, 0, 0, 0, 5, 0x61], [0, 0, 1, 9, 4, 0, 0, 0, 5, 0x84],
    ]
    private static let most = 64 << 10

    private var state: UInt64
    private let corpus: [[UInt8]]

    init(seed: UInt64, corpus: [[UInt8]]) {
        state = seed
        self.corpus = corpus
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    private mutating func index(_ count: Int) -> Int { Int(next() % UInt64(max(count, 1))) }

    private mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }

    /// Another input.
    mutating func input() -> [UInt8] {
        var bytes = corpus[index(corpus.count)]
        if index(4) > 0 { script(&bytes) }
        for _ in 0..<index(6) { change(&bytes) }
        return Array(bytes.prefix(Self.most))
    }

    /// Gives it another script.
    private mutating func script(_ bytes: inout [UInt8]) {
        guard bytes.count >= 2 else { return }
        let old = min(Int(bytes[1]), bytes.count - 2)
        let length = index(24)
        bytes.replaceSubrange(1..<2 + old, with: [UInt8(length)] + (0..<length).map { _ in byte() })
        if index(8) == 0 { bytes[0] = byte() }
        if index(4) == 0 { bytes[0] ^= 128 }
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return bytes.append(byte()) }
        let place = index(bytes.count)
        let length = min(1 + index(index(3) == 0 ? 400 : 12), bytes.count - place)
        let range = place..<place + length
        switch index(10) {
        case 0: bytes[place] ^= 1 << UInt8(index(8))
        case 1: bytes[place] = [0, 1, 127, 128, 255, byte()][index(6)]
        case 2: bytes.insert(contentsOf: (0..<length).map { _ in byte() }, at: place)
        case 3: bytes.removeSubrange(range)
        case 4: for _ in 0...index(40) { bytes.insert(contentsOf: bytes[range], at: place) }
        case 5: bytes.insert(contentsOf: Self.words[index(Self.words.count)], at: place)
        case 6: bytes.append(contentsOf: Self.frames[index(Self.frames.count)])
        case 7:
            let other = corpus[index(corpus.count)]
            bytes.replaceSubrange(range, with: other.dropFirst(index(other.count)).prefix(1 + index(200)))
        default: changeFrame(&bytes)
        }
    }

    /// Changes a frame of HTTP/2 where there are some, so that the others are still read.
    private mutating func changeFrame(_ bytes: inout [UInt8]) {
        var frames: [Range<Int>] = []
        var start = 2 + min(Int(bytes.count > 1 ? bytes[1] : 0), bytes.count) + 24
        while start + 9 <= bytes.count {
            let length = Int(bytes[start]) << 16 | Int(bytes[start + 1]) << 8 | Int(bytes[start + 2])
            guard start + 9 + length <= bytes.count else { break }
            frames.append(start..<start + 9 + length)
            start += 9 + length
        }
        guard !frames.isEmpty else { return }
        let frame = frames[index(frames.count)]
        switch index(8) {
        case 0: bytes[frame.lowerBound + 3] = UInt8(index(11))
        case 1: bytes[frame.lowerBound + 4] ^= 1 << UInt8(index(8))
        case 2: bytes[frame.lowerBound + 8] = UInt8(index(20))
        case 3: bytes.removeSubrange(frame)
        case 4: for _ in 0...index(200) { bytes.insert(contentsOf: bytes[frame], at: frame.upperBound) }
        case 5: bytes.insert(contentsOf: Self.frames[index(Self.frames.count)], at: frame.lowerBound)
        case 6 where frame.count > 9: bytes[frame.lowerBound + 9 + index(frame.count - 9)] = byte()
        default:
            // A copy under another stream.
            var copy = Array(bytes[frame])
            copy[8] = copy[8] &+ UInt8(2 * (1 + index(4)))
            bytes.insert(contentsOf: copy, at: frame.upperBound)
        }
    }
}
