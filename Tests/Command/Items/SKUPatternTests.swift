import Testing

@testable import Command

@Suite struct SKUPatternTests {
    @Test(
        arguments: [
            ("{yy}{mm}-{seq:5}", 42, "2603-00042"), ("{yyyy}/{seq}", 42, "2026/42"),
            ("CC.{seq:3}_x", 4_200, "CC.4200_x"),
            ("{seq:9}", 1, "000000001"),
        ] as [(String, Int64, String)])
    func `a number and the day make a SKU`(pattern: String, number: Int64, sku: String) throws {
        #expect(try #require(SKUPattern(pattern)).sku(number, on: (2026, 3)) == sku)
    }

    @Test(arguments: [
        "", "no number", "no-number", "{seq}{seq}", "{seq:0}", "{seq:10}", "{seq:x}", "{dd}{seq}", "{seq", "seq}",
        "a b{seq}",
        "ż{seq}", "{seq}}", String(repeating: "x", count: 60) + "{seq}",
    ])
    func `what could not be told from a label is no pattern`(pattern: String) {
        #expect(SKUPattern(pattern) == nil)
    }
}
