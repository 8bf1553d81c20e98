import EventSourcing
import Identity
import Testing

@Suite struct APIKeyTests {
    @Test(arguments: APIKey.Kind.allCases)
    func `a new key has its kind, its tenant and 160 random bits`(kind: APIKey.Kind) throws {
        let key = APIKey.generate(kind, slug: "demo-shop")

        let prefix = kind == .publishable ? "cpk" : "csk"
        #expect(key.text.wholeMatch(of: try Regex("\(prefix)_demo-shop_[0-9a-hjkmnp-tv-z]{32}")) != nil)
        #expect(APIKey(key.text) == key)
        #expect(APIKey.generate(kind, slug: "demo-shop") != key)
    }

    @Test(arguments: [
        "", "cpk", "cpk_demo", "cpk_demo_", "xpk_demo_00000000000000000000000000000000",
        "cpk_demo_0000000000000000000000000000000", "cpk_demo_000000000000000000000000000000000",
        "cpk_demo_0000000000000000000000000000000U", "cpk_Demo_00000000000000000000000000000000",
        "cpk_demo_00000000000000000000000000000000_", " cpk_demo_00000000000000000000000000000000",
    ])
    func `what cannot be a key is none`(text: String) {
        #expect(APIKey(text) == nil)
    }

    @Test func `a hash is the SHA-256 of the text`() throws {
        let key = try #require(APIKey("cpk_demo_00000000000000000000000000000000"))

        // printf cpk_demo_00000000000000000000000000000000 | sha256sum
        #expect(key.hash == "43b877e6b4c83e739f762fa4097b61dcef77dde4361b2dd21216ab9eee46a25a")
    }

    @Test func `printing a key shows no secret`() {
        let key = APIKey.generate(.secret, slug: "demo")
        var dumped = ""
        dump(key, to: &dumped)

        for text in ["\(key)", String(reflecting: key), dumped] {
            #expect(!text.contains(key.text.dropFirst(9)))
        }
    }

    @Test func `a record finds a key by its hash and kind`() throws {
        let key = APIKey.generate(.secret, slug: "demo")
        var record = TenantRecord(
            slug: "demo", name: "Demo", currency: try #require(Currency(code: "PLN")), timeZone: "UTC")
        record.keys["k1"] = .init(kind: .publishable, hash: key.hash)
        #expect(record.key(matching: key) == nil)

        record.keys["k2"] = .init(kind: .secret, hash: key.hash)
        #expect(record.key(matching: key)?.id == "k2")
        #expect(record.key(matching: .generate(.secret, slug: "demo")) == nil)
    }

    @Test func `a principal names itself for the log of events`() {
        #expect(Principal.operator(subject: "u1", name: "Anna", isPlatform: false).actor == "operator:u1")
        #expect(Principal.publishable(keyID: "k1").actor == "key:k1")
        let buyer = Buyer(platform: "shop", externalID: "42")
        #expect(Principal.secret(keyID: "k2", buyer: buyer).actor == "key:k2")
        #expect(Principal.secret(keyID: "k2", buyer: buyer).onBehalfOf == "buyer:shop:42")
        #expect(Principal.secret(keyID: "k2", buyer: nil).onBehalfOf == nil)
    }
}
