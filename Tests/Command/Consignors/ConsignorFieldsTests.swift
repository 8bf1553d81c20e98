import EventSourcing
import JSON
import PersonalData
import Testing

@testable import Command

@Suite struct ConsignorFieldsTests {
    @Test func `everything wrong is said at once, and never with its value`() throws {
        let text = #"""
            {"mail": "jan.kowalski", "phone": "call me", "number": "Jan Kowalski", "birth_date": "31.05.1990",
             "addresses": [{"lines": [], "city": "Łódź"}], "payout": {"iban": "PL61109010140000071219812875"},
             "tax": {"country": "Polska", "vat_status": "maybe", "pesel": "90053112345"}, "store_credit": "yes"}
            """#
        let errors = try errors { try ConsignorDetails(new: body(text)) }
        #expect(
            errors.map { "\($0.pointer) \($0.code.rawValue)" } == [
                "/number invalid", "/store_credit wrong_type", "/name required", "/mail invalid", "/phone invalid",
                "/addresses/0/lines empty", "/addresses/0/country required", "/birth_date invalid",
                "/payout/iban invalid", "/tax/pesel unknown_field", "/tax/country invalid", "/tax/vat_status invalid",
            ])
        for error in errors {
            for value in ["kowalski", "call", "Kowalski", "31.05", "PL61", "Polska", "maybe", "90053112345"] {
                #expect(!error.detail.contains(value), "\(error)")
            }
        }
    }

    @Test func `fields are read in the one form in which they are sealed`() throws {
        let details = try ConsignorDetails(
            new: body(
                #"""
                {"name": " Jan Kowalski ", "number": "K-1", "payout": {"iban": "pl61 1090 1014 0000 0712 1981 2874"},
                 "tax": {"legal_type": "private_person", "tax_number": null}, "mail": null}
                """#))
        #expect(details.open == ["number": "K-1"])
        #expect(
            details.contact.reveal() == [
                "name": "Jan Kowalski", "payout": ["iban": "PL61109010140000071219812874"],
            ])
        #expect(details.tax.reveal() == ["legal_type": "private_person"])
    }

    @Test func `null clears what is optional, and all of a tax identity`() throws {
        let details = try ConsignorDetails(
            changes: body(#"{"mail": null, "number": null, "store_credit": null, "tax": null}"#))
        #expect(details.open == ["number": .null, "store_credit": false])
        #expect(details.contact.reveal() == ["mail": .null])
        #expect(details.tax.reveal().count == 6)
        #expect(details.tax.reveal().members.allSatisfy { $0.value.isNull })
        #expect(try codes { try ConsignorDetails(changes: body(#"{"name": null}"#)) } == ["/name required"])
        #expect(try ConsignorDetails(changes: [:]).contact.reveal() == [:])
    }

    @Test func `payout details are an account, or what a provider calls the payee`() throws {
        func read(_ payout: String) throws -> [String] {
            try codes { try ConsignorDetails(changes: body(#"{"payout": \#(payout)}"#)) }
        }
        #expect(try read(#"{"iban": "DE89370400440532013000", "holder": "J"}"#) == [])
        #expect(try read(#"{"provider": "stripe", "reference": "acct_1"}"#) == [])
        #expect(try read(#"{"provider": "stripe"}"#) == ["/payout/iban required"])
        #expect(try read("{}") == ["/payout/iban required"])
        #expect(
            try read(#"{"iban": "DE89370400440532013000", "reference": "a"}"#) == ["/payout/reference invalid"])
    }

    @Test(arguments: [
        "GB82WEST12345698765432", "GB82 WEST 1234 5698 7654 32", "DE89370400440532013000",
        "PL61109010140000071219812874", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
    ])
    func `an IBAN is known by its check digits`(text: String) throws {
        let iban = try #require(IBAN(text))
        #expect(IBAN(iban.text.lowercased()) == iban)
        // Any digit that is another, and any two neighbours that change places, are found.
        let letters = Array(iban.text)
        for index in letters.indices where letters[index].isNumber {
            var wrong = letters
            wrong[index] = wrong[index] == "9" ? "0" : Character(String((wrong[index].wholeNumberValue ?? 0) + 1))
            #expect(IBAN(String(wrong)) == nil, "\(index)")
        }
        for index in letters.indices.dropLast() where letters[index] != letters[index + 1] {
            var wrong = letters
            wrong.swapAt(index, index + 1)
            #expect(IBAN(String(wrong)) == nil, "\(index)")
        }
        #expect(IBAN(iban.text + "0000000000000000000000000") == nil)
    }
}
