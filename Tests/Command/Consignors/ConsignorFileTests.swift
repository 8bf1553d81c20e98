import EventSourcing
import JSON
import PersonalData
import Testing

@testable import Command

@Suite struct ConsignorFileTests {
    private func read(_ text: String, in currency: Currency = zloty) throws -> [ConsignorFile.Line] {
        var file = ConsignorFile(currency: currency)
        // In small pieces, as they may come.
        var lines: [ConsignorFile.Line] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: 7) {
            lines += try file.read(bytes[start..<min(start + 7, bytes.count)])
        }
        return lines + (try file.finish())
    }

    private func said(_ text: String) throws -> ConsignorFile.Said {
        let lines = try read(text)
        guard lines.count == 1, case .consignor(let said) = lines[0].content else {
            throw ImportProblem.consignorColumns("\(lines)")
        }
        return said
    }

    @Test func `a row says what it has columns for, and a blank cell that there is nothing`() throws {
        let said = try said(
            """
            Number;name;mail;phone;address_line_1;city;address_country;payout_iban;store_credit;opening_balance;country;tax_number
            K-7; Jan Kowalski ;;+48 600 100 200;Długa 1;Łódź;PL;PL61 1090 1014 0000 0712 1981 2874;yes;-12,50;PL;
            """)
        #expect(said.number == "K-7" && said.openingBalance == pln(-1250))
        let fields: JSONObject = [
            "name": "Jan Kowalski", "mail": .null, "phone": "+48 600 100 200",
            "addresses": [["lines": ["Długa 1"], "city": "Łódź", "country": "PL"]],
            "payout": ["iban": "PL61109010140000071219812874"], "store_credit": true, "country": "PL",
            "tax_number": .null,
        ]
        #expect(said.fields.reveal().canonical == fields.canonical)
    }

    @Test(
        arguments: [("0", 0), ("-0,00", 0), ("1 234,50", 123_450), ("-7", -700), ("\u{2212}1.5", -150)]
            as [(String, Int64)])
    func `opening balances may be zero or below it`(text: String, amount: Int64) throws {
        #expect(try said("number,opening_balance\n1,\"\(text)\"").openingBalance == pln(amount))
    }

    @Test func `what is wrong is told by column, and nothing of the row is quoted`() throws {
        let lines = try read(
            """
            number,name,mail,phone,birth_date,opening_balance,store_credit,vat_status
            ,Ewa Nowak,ewa,0048,first of May,1.234,perhaps,Nowak
            K-8,Ewa Nowak,ewa@nowak.example
            K-9,"Ewa Nowak" jr,,,,,,
            """)
        var reasons: [String] = []
        for line in lines { if case .rejected(let reason) = line.content { reasons.append(reason) } }
        #expect(reasons.count == 3 && lines.map(\.number) == [2, 3, 4])
        for column in ["number", "mail", "phone", "birth_date", "opening_balance", "store_credit", "tax/vat_status"] {
            #expect(reasons[0].contains("\(column): "), "\(reasons[0])")
        }
        for reason in reasons {
            for value in ["Ewa", "Nowak", "ewa", "0048", "May", "1.234", "perhaps", "K-8"] {
                #expect(!reason.contains(value), "\(reason)")
            }
        }
    }

    @Test func `a file without the right header is refused, and its first row is not quoted`() {
        func reason(_ text: String) -> String? {
            do {
                _ = try read(text)
                return nil
            } catch {
                return (error as? ImportProblem)?.reason
            }
        }
        #expect(reason("K-1,Jan Kowalski\n") == "column 1 of the header is none of a file of consignors")
        #expect(reason("number,Jan Kowalski\n") == "column 2 of the header is none of a file of consignors")
        #expect(reason("number,name,NAME\n") == "the header names name twice")
        #expect(reason("name\nJan") == "the header has no column number")
        #expect(reason("") == "the file is empty")
    }
}

@Suite struct ConsignorMergeTests {
    @Test func `what the file changed is changed, unless it was changed here`() {
        let merge = ConsignorMerge(
            file: ["name": "Jan", "mail": "new@x", "phone": "2", "country": .null, "store_credit": false],
            base: ["name": "Jan", "mail": "old@x", "phone": "1", "country": "PL"],
            current: ["name": "Jan B.", "mail": "old@x", "phone": "9", "country": "PL", "store_credit": true])
        #expect(merge.changes == ["mail": "new@x", "country": .null])
        #expect(merge.kept == ["phone"])
        #expect(merge.base == ["name": "Jan", "mail": "new@x", "phone": "2", "store_credit": false])
    }

    @Test func `the same file again changes nothing, whatever happened here`() {
        let file: JSONObject = ["name": "Jan", "mail": .null, "store_credit": true]
        let first = ConsignorMerge(file: file, base: [:], current: ["store_credit": false])
        #expect(first.changes == ["name": "Jan", "store_credit": true])
        let again = ConsignorMerge(file: file, base: first.base, current: ["name": "Ewa", "mail": "e@x"])
        #expect(again.changes.isEmpty && again.kept.isEmpty && again.base == first.base)
    }
}
