import EventSourcing
import Foundation
import JSON
import Testing

@testable import PersonalData

private let tenant = TenantID(UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8057")!)
private let person = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8058")!
private let owner = KeyOwner(tenant: tenant, person: person, scope: .contact)

private func base64(_ byte: UInt8, count: Int = 32) -> String {
    Data(repeating: byte, count: count).base64EncodedString()
}

@Suite struct MasterKeysTests {
    @Test func `the first line is the current key, and every key of the file opens what it wrapped`() throws {
        let old = try MasterKeys(parsing: "old \(base64(1))\n")
        let both = try MasterKeys(parsing: "# new since May\nnew \(base64(2))\n\nold \(base64(1))\n")
        let key = DataKey.generate(for: owner)
        let (first, second) = (try old.wrap(key), try both.wrap(key))
        #expect((first.master, second.master, both.current) == ("old", "new", "new"))
        let sealed = try key.seal("Jan", as: "name")
        for wrapped in [first, second] {
            #expect(try both.unwrap(wrapped).open(sealed, as: "name") == "Jan")
        }
        #expect(throws: PersonalDataError.unknownMaster("new")) { try old.unwrap(second) }
    }

    @Test func `a wrapped key opens for its owner only, and not by another master of the same name`() throws {
        let masters = try MasterKeys(parsing: "a \(base64(1))")
        var wrapped = try masters.wrap(.generate(for: owner))
        #expect(throws: PersonalDataError.damaged(field: "key")) {
            try MasterKeys(parsing: "a \(base64(3))").unwrap(wrapped)
        }
        for other in [
            KeyOwner(tenant: TenantID(person), person: person, scope: .contact),
            KeyOwner(tenant: tenant, person: tenant.uuid, scope: .contact),
            KeyOwner(tenant: tenant, person: person, scope: .tax),
        ] {
            wrapped.owner = other
            #expect(throws: PersonalDataError.damaged(field: "key")) { try masters.unwrap(wrapped) }
        }
    }

    @Test(arguments: [
        ("", "there is no key in it"), ("# none\n", "there is no key in it"),
        ("a", "line 1 is not `name base64(32 bytes)`"), ("\na hunter2", "line 2 is not `name base64(32 bytes)`"),
        ("a \(base64(1, count: 16))", "line 1 is not `name base64(32 bytes)`"),
        ("a/b \(base64(1))", "line 1 is not `name base64(32 bytes)`"),
        ("a \(base64(1))\na \(base64(2))", "line 2 names a key that is there already"),
    ])
    func `a file that does not serve is refused by its line, without a value`(text: String, reason: String) {
        let error = #expect(throws: MasterKeys.Unusable.self) { try MasterKeys(parsing: text) }
        #expect(error?.description == reason)
    }

    @Test func `a file that is not there is named by its setting`() {
        let error = #expect(throws: MasterKeys.Unusable.self) { try MasterKeys(file: "/nowhere") }
        #expect(error?.description == "CLOSTER_MASTER_KEYS: the file cannot be read")
    }
}

@Suite struct DataKeyTests {
    private let key = DataKey.generate(for: owner)

    @Test func `what is sealed opens under its field, its owner and its key, and nowhere else`() throws {
        let value: JSONValue = ["lines": ["ul. Długa 1"], "city": "Łódź"]
        let sealed = try key.seal(value, as: "addresses")
        #expect(try key.open(sealed, as: "addresses") == value)
        #expect(throws: PersonalDataError.damaged(field: "name")) { try key.open(sealed, as: "name") }
        let stranger = DataKey(owner: KeyOwner(tenant: tenant, person: person, scope: .tax), key: key.key)
        #expect(throws: PersonalDataError.damaged(field: "addresses")) {
            try stranger.open(sealed, as: "addresses")
        }
        #expect(throws: PersonalDataError.damaged(field: "addresses")) {
            try DataKey.generate(for: owner).open(sealed, as: "addresses")
        }
    }

    @Test func `a byte that was changed is found, wherever it stands`() throws {
        let sealed = try key.seal([1, 2, 3], as: "file")
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: PersonalDataError.damaged(field: "file")) { try key.open(changed, as: "file") }
        }
        for text in ["", "AA", "***", "no base64!"] {
            #expect(throws: PersonalDataError.damaged(field: "name")) { try key.open(text, as: "name") }
        }
    }

    @Test func `the same is sealed in another text each time, and short texts are as long as each other`() throws {
        let texts = try (0..<100).map { _ in try key.seal("Jan", as: "name") }
        #expect(Set(texts).count == 100)
        let other = try key.seal("Maximiliana Kowalska", as: "name")
        #expect(Set(texts.map(\.utf8.count)) == [other.utf8.count])
        #expect(!texts.contains { $0.contains("Jan") })
    }

    @Test func `what is personal does not show`() {
        let secret = Personal("Jan Kowalski")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])", "\(Optional(secret) as Any)"] {
            #expect(!text.contains("Kowalski"), "\(text)")
        }
        #expect(secret.reveal() == "Jan Kowalski")
    }
}
