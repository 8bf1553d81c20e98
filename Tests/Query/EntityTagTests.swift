import Testing

@testable import Query

@Suite struct EntityTagTests {
    private func tag(_ version: Int64, _ text: String) -> String {
        Array(text.utf8).withUnsafeBytes { EntityTag.make(version: version, of: $0) }
    }

    @Test func `a tag is the version and the beginning of the digest`() {
        // sha256("abc") = ba7816bf 8f01cfea …
        #expect(tag(3, "abc") == "\"3-ba7816bf8f01cfea\"")
        #expect(tag(3, "abd") != tag(3, "abc"))
    }

    @Test(arguments: [
        #""3-x""#, #"W/"3-x""#, #""1-a", "3-x""#, #""1-a",W/"3-x" , "z""#, "*", " * ", #"  "3-x""#, #",,"3-x""#,
    ])
    func `a field that names the tag matches`(field: String) {
        #expect(EntityTag.matches(field, #""3-x""#))
    }

    @Test(arguments: ["", "3-x", #""3-y""#, #""3-x"#, #"w/"3-x""#, "**", #""3-y" "3-z""#, #"x"3-x""#])
    func `a field that does not name the tag does not match`(field: String) {
        #expect(!EntityTag.matches(field, #""3-x""#))
    }
}
