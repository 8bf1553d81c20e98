import Testing

@testable import Operator

@Suite struct `Figures for people` {
    @Test(arguments: [
        (0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (-12_345, "-12,345"),
    ])
    func `are grouped`(number: Int64, expected: String) {
        #expect(Figures.grouped(number) == expected)
    }

    @Test(arguments: [(0, "0 bytes"), (1_023, "1023 bytes"), (1_536, "1.5 KiB"), (3 << 30, "3.0 GiB")])
    func `have units`(bytes: Int64, expected: String) {
        #expect(Figures.bytes(bytes) == expected)
    }

    @Test(arguments: [
        ("0", 0), ("90s", 90), ("15m", 900), ("1h30m", 5_400), ("2d", 172_800), ("1d1h1m1s", 90_061),
    ])
    func `spans are read`(text: String, seconds: Int) {
        #expect(Span(argument: text)?.seconds == seconds)
    }

    @Test(arguments: ["", "10", "h", "1", "-1h", "1w", "1h5", "99999999999999999999s", "4000d", "١h"])
    func `what is no span is refused`(text: String) {
        #expect(Span(argument: text) == nil)
    }

    @Test(arguments: ["0s", "1s", "1m", "1h30m", "2d", "1d1h1m1s"])
    func `spans are shown as they are read`(text: String) {
        #expect(Span(argument: text)?.text == text)
    }
}
